"""Text from the feed stays text: what builds the page's HTML cannot be talked into markup."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.markup import Html, el, outward, plain
from tests.seed import HOSTILE
from undertone.web_address import followable


class _Tags(HTMLParser):
    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_makes_no_element_and_is_read_as_it_was_written(text: str) -> None:
    read = _Tags(el("p", text))
    assert read.tags == [("p", {})]
    assert read.text.replace("\x00", "") == text.replace("\x00", "")


@given(st.text(), st.text())
def test_no_text_escapes_from_its_element_or_attribute(text: str, label: str) -> None:
    assert [tag for tag, _ in _Tags(el("p", text, aria_label=label)).tags] == ["p"]


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " https://example.com",
        "https://exa mple.com",
        "https://example.com/\nx",
        "data:text/html,<script>",
        "vbscript:x",
        "//example.com",
        "/local",
        "https://",
        "https://user:pass@example.com/",
        "https:\\\\example.com",
        "https://[broken",
        "https://example.com/" + "a" * 5000,
        "https://example.com/\u202egnp.exe",
        "",
        None,
    ],
)
def test_a_url_that_is_not_plain_http_is_shown_as_text(url: str | None) -> None:
    assert followable(url) is None
    assert [tag for tag, _ in _Tags(outward("headline", url, "note")).tags] == ["span"]


def test_a_good_url_opens_elsewhere_without_a_handle_on_the_page() -> None:
    (tag, attributes), *_ = _Tags(outward("headline", "https://example.com/a?b=1&c=2", "opens in a new tab")).tags
    assert tag == "a"
    assert attributes["href"] == "https://example.com/a?b=1&c=2"
    assert attributes["target"] == "_blank"
    assert "noopener" in (attributes["rel"] or "")


def test_a_link_to_another_page_is_no_way_out() -> None:
    assert _Tags(el("a", "x", href="trends?topic=M%26A")).tags == [("a", {"href": "trends?topic=M%26A"})]
    for href in ("//evil.example?", "trends/../?x", "javascript:?x", "data:?", "?a b", "Trends?x"):
        with pytest.raises(ValueError, match="href"):
            el("a", "x", href=href)


def test_a_link_cannot_be_made_with_an_unsafe_address() -> None:
    with pytest.raises(ValueError, match="href"):
        el("a", "x", href="javascript:alert(1)")


@pytest.mark.parametrize("name", ["onclick", "src", "srcdoc", "formaction"])
def test_active_attributes_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="attribute"):
        el("p", "x", **{name: "y"})


@pytest.mark.parametrize("tag", ["script", "style", "iframe", "p onclick=x", "P"])
def test_active_elements_are_refused(tag: str) -> None:
    with pytest.raises(ValueError, match="element"):
        el(tag, "x")


def test_only_what_el_built_is_taken_as_markup() -> None:
    assert el("p", el("b", "x")) == "<p><b>x</b></p>"
    assert el("p", "" + el("b", "x")) == "<p>&lt;b&gt;x&lt;/b&gt;</p>"
    assert el("p", f"{el('b', 'x')}") == "<p>&lt;b&gt;x&lt;/b&gt;</p>"
    assert isinstance(el("p"), Html)


def test_direction_and_control_marks_are_taken_out() -> None:
    assert plain("a\u202eb\u2066c\u2069\u200f \x00\x07\n d\u2028e") == "abc d e"


def test_a_word_of_ten_thousand_letters_is_cut() -> None:
    assert plain("A" * 10_000, 500) == "A" * 499 + "…"


@given(st.text(alphabet=st.characters(), max_size=80))
def test_plain_text_is_one_line_and_never_longer(text: str) -> None:
    cleaned = plain(text, 40)
    assert len(cleaned) <= 40
    assert not set(cleaned) & set("\n\r\t\x00\u202e\u2066")
