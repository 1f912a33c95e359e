"""Pictures of explanations: nothing of the text is lost, and hostile text stays text."""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertone.errors import InputError
from undertone.explain import Explainer, Explanation, Facts, Word
from undertone.explain.layout import AGAINST, COLUMNS, FOR, laid_out
from undertone.explain.picture import html, svg, write
from undertone.explain.words import words_of
from undertone.scorer import TrivialScorer
from undertone.text import clean

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "</text><script>alert(1)</script> & \" ' ]]> <!-- $x$ \\frac{1} {{7*7}} plunges"


def explained(text: str) -> Explanation:
    return Explainer(TrivialScorer()).explain(text, method="occlusion")


def weighed(text: str, weights: list[float], method: str = "occlusion") -> Explanation:
    words = tuple(
        Word(start, end, text[start:end], weight) for (start, end), weight in zip(words_of(text), weights, strict=True)
    )
    return Explanation(text, "sentiment", None, "negative", 0.9, method, words, None, Facts((), None, None), text, "m")


def texts_of(picture: str) -> str:
    root = ElementTree.fromstring(picture)
    return "".join(one.text or "" for one in root.iter(f"{SVG}text"))


@given(
    st.text(max_size=200)
    | st.lists(st.sampled_from(["<b>", "&", "涨停", "\x00", "a" * 90, " "]), max_size=9).map("".join)
)
def test_any_text_gives_a_picture_that_parses_and_holds_text_alone(text: str) -> None:
    found = weighed(text, [0.5] * len(words_of(text)))
    root = ElementTree.fromstring(svg(found))
    assert {one.tag.removeprefix(SVG) for one in root.iter()} <= {"svg", "title", "rect", "line", "text"}
    for piece in laid_out(found):
        assert piece.column + piece.width <= COLUMNS


def test_hostile_text_stays_text_and_is_all_there() -> None:
    found = explained(HOSTILE)
    assert "<script" not in svg(found)
    assert "<script>alert(1)</script>" in texts_of(svg(found)).replace(" ", "").replace("⁺", "")
    assert "<script" not in html(found)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert all(name in {"lang", "charset", "name", "content", "style", "title"} for name, _ in attrs)


@given(st.text(max_size=80).map(clean))
def test_a_page_has_no_tag_or_attribute_of_the_text(text: str) -> None:
    page = _Page()
    page.feed(html(weighed(text + " </p><img onerror=x>", [0.5] * len(words_of(text + " </p><img onerror=x>")))))
    assert page.tags <= {"html", "meta", "title", "style", "p", "mark", "strong", "table", "tr", "td", "small"}


def test_for_and_against_differ_by_more_than_colour() -> None:
    picture = svg(weighed("good bad so-so", [0.8, -0.4, 0.01]))
    assert texts_of(picture).startswith("good⁺bad⁻so-so")
    root = ElementTree.fromstring(picture)
    assert [line.get("stroke") for line in root.iter(f"{SVG}line")] == [FOR, AGAINST]
    widths = [float(line.get("stroke-width") or 0) for line in root.iter(f"{SVG}line")]
    assert widths[0] > widths[1]


def test_attention_has_no_sign() -> None:
    assert "⁺" not in svg(weighed("one two", [0.6, 0.4], method="rollout"))


def test_a_picture_is_written_in_the_format_of_its_name(tmp_path: Path) -> None:
    found = explained("Acme plunges, 涨停, costs $5 and $6")
    heads = {"a.svg": b"<svg ", "a.html": b"<!doctype html>", "a.png": b"\x89PNG"}
    for name, head in heads.items():
        write(found, tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(head)


@pytest.mark.parametrize(
    ("name", "words"), [("a.gif", "valid are .svg, .html, .png"), ("no/a.svg", "cannot be written")]
)
def test_a_picture_that_cannot_be_written_says_why(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        write(explained("x"), tmp_path / name)


def test_png_without_matplotlib_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(InputError, match="pip install matplotlib"):
        write(explained("x"), tmp_path / "a.png")
