"""Pages of the read API: put together they are the whole, and a cursor answers one question."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undertone.api import cursors
from undertone.messages import Evidence, Sentiment
from undertone.story_search import BUCKET_MS, MOST_BUCKETS, Page, Place, Wanted, order, page, words

SPAN_MS = 200 * BUCKET_MS


def story(number: int, at_ms: int, text: str = "shares slide", entity: str = "AAPL") -> Evidence:
    return Evidence(
        position=f"news-{number % 3}:{number}",
        id=str(number),
        stream="news",
        published_ms=at_ms,
        source="wire",
        text=text,
        topic="Earnings",
        sentiment=Sentiment.NEGATIVE,
        p=0.9,
        entities=(entity,),
    )


class Kept:
    """Stories that can be read by span, as the store has them."""

    def __init__(self, stories: list[Evidence]) -> None:
        self.stories = stories
        self.read_ms = 0

    def read(self, start_ms: int, end_ms: int) -> list[Evidence]:
        self.read_ms += end_ms - start_ms
        return [one for one in self.stories if start_ms <= one.published_ms < end_ms]


def walked(kept: Kept, wanted: Wanted, limit: int, add: list[list[Evidence]], most_buckets: int) -> list[Evidence]:
    """All pages one after the other; before each but the first some stories are added."""
    found: list[Evidence] = []
    after: Place | None = None
    for number in range(10_000):
        if number and add:
            kept.stories += add.pop()
        got: Page = page(kept.read, wanted, after, limit, most_buckets)
        assert len(got.stories) <= limit
        found += got.stories
        after = got.after
        if after is None:
            return found
    raise AssertionError("the pages do not end")


times = st.integers(0, SPAN_MS - 1)
# Few distinct times, so that many stories share one, at the edges of pages too.
shared = st.sampled_from([0, 1, BUCKET_MS - 1, BUCKET_MS, 7 * BUCKET_MS, SPAN_MS - 1])


@settings(max_examples=60)
@given(
    at=st.lists(times | shared, max_size=40),
    later=st.lists(st.lists(times | shared, max_size=4), max_size=4),
    limit=st.integers(1, 9),
    most_buckets=st.sampled_from([1, 5, MOST_BUCKETS]),
)
def test_pages_put_together_are_the_whole_whatever_is_added_meanwhile(
    at: list[int], later: list[list[int]], limit: int, most_buckets: int
) -> None:
    first = [story(number, ms) for number, ms in enumerate(at)]
    numbers = iter(range(1_000, 2_000))
    added = [[story(next(numbers), ms) for ms in some] for some in later]
    extra = {one.position for some in added for one in some}
    found = walked(Kept(list(first)), Wanted(0, SPAN_MS), limit, added, most_buckets)
    assert [one for one in found if one.position not in extra] == sorted(first, key=order)
    assert len({one.position for one in found}) == len(found)
    assert found == sorted(found, key=order)


def test_a_page_looks_no_further_than_it_may_and_says_where_to_go_on() -> None:
    kept = Kept([story(1, 0)])
    got = page(kept.read, Wanted(0, 1_000 * BUCKET_MS), None, 10, most_buckets=50)
    assert got.stories == []
    assert got.after is not None
    assert kept.read_ms <= 100 * BUCKET_MS
    assert walked(kept, Wanted(0, 1_000 * BUCKET_MS), 10, [], 50) == kept.stories


def test_filters_hold_together_and_words_are_found_in_any_case_and_width() -> None:
    kept = Kept(
        [
            story(1, 5, "Shares SLIDE after recall"),
            story(2, 6, "Ｓｈａｒｅｓ slide"),
            story(3, 7, "shares rise"),
            story(4, 8, "shares slide", entity="TSLA"),
        ]
    )
    wanted = Wanted(0, SPAN_MS, entities=("AAPL", "META"), words=words("shares Slide"))
    assert [one.id for one in page(kept.read, wanted, None, 10).stories] == ["2", "1"]
    assert page(kept.read, wanted._replace(sentiment="positive"), None, 10).stories == []
    assert page(kept.read, wanted._replace(source="desk"), None, 10).stories == []
    assert page(kept.read, wanted._replace(topic="Gold"), None, 10).stories == []


@given(at=st.integers(0, 2**50), position=st.text(max_size=60))
def test_a_cursor_gives_back_its_place(at: int, position: str) -> None:
    asked = cursors.question("stories", {"topic": None})
    assert cursors.place(cursors.cursor(asked, Place(at, position)), asked, Place) == Place(at, position)


def test_a_cursor_of_another_question_is_refused() -> None:
    written = cursors.cursor(cursors.question("stories", {"topic": "Gold"}), Place(5, "news-0:1"))
    with pytest.raises(cursors.CursorError, match="another question"):
        cursors.place(written, cursors.question("stories", {"topic": "Earnings"}), Place)


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", max_size=80))
def test_what_is_no_cursor_is_refused_and_breaks_nothing(written: str) -> None:
    with pytest.raises(cursors.CursorError):
        cursors.place(written, cursors.question("stories"), Place)
