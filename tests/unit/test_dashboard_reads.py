"""What the pages read: ranges and their bars, what is kept of them, and what is said of few stories."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import RedisError
from scipy.stats import beta

from dashboard import posterior, ranges
from dashboard.ages import Age, Ages
from dashboard.alert_marks import Mark
from dashboard.kept import RETRY_S, WHOLE_S, Keeper, made
from dashboard.locale import Locale
from dashboard.ranges import MOST_BARS, NAMED, cover
from dashboard.trend_chart import Line, Trend, drawn, option
from undertone.errors import StoreError
from undertone.keys import SIZES_S, WINDOW_TTL_S
from undertone.trends import Counts

NOW_MS = 1_392_843_912_345
URL = "redis://nowhere"


@given(st.integers(0, 60 * 24 * 90), st.integers(1, 60 * 24 * 40))
def test_a_cover_tiles_the_range_with_stored_windows_and_no_gap(start_min: int, minutes: int) -> None:
    at = start_min * 60_000
    for size, start, end in cover(at, at + minutes * 60_000):
        assert size in SIZES_S
        assert start == at
        assert start < end
        assert start % (size * 1000) == 0
        assert end % (size * 1000) == 0
        at = end
    assert at == (start_min + minutes) * 60_000


def test_a_month_is_covered_by_days_and_not_by_minutes() -> None:
    month = ranges.parse("30d", NOW_MS)
    assert [size for size, *_ in cover(*month.bounds_ms(NOW_MS))] == [86_400]


@pytest.mark.parametrize("name", NAMED)
def test_a_named_range_ends_with_the_bar_that_holds_now_and_is_as_long_as_it_says(name: str) -> None:
    one = ranges.parse(name, NOW_MS)
    start_ms, end_ms = one.bounds_ms(NOW_MS)
    assert end_ms - one.bar_s * 1000 <= NOW_MS < end_ms
    assert end_ms - start_ms == NAMED[name] * 1000
    assert len(one.starts(NOW_MS)) >= 24


@given(st.integers(1, 60 * 24 * 399), st.integers(0, 60 * 24 * 399))
def test_any_two_moments_make_a_range_of_few_bars_whose_windows_are_still_kept(minutes: int, ago: int) -> None:
    end_ms = (NOW_MS // 60_000 - ago) * 60_000
    name = ranges.between(end_ms - minutes * 60_000, end_ms)
    one = ranges.parse(name, NOW_MS)
    assert one.name == name
    start_ms, stop_ms = one.bounds_ms(NOW_MS)
    assert start_ms <= end_ms - minutes * 60_000 < end_ms <= stop_ms
    assert one.bar_s % one.window_s == 0
    assert one.window_s in SIZES_S
    kept_s = WINDOW_TTL_S[one.window_s]
    assert one.window_s == 86_400 or (minutes + ago) * 60 < kept_s
    assert len(one.starts(NOW_MS)) <= (MOST_BARS + 1 if one.bar_s < 86_400 else 401)


@pytest.mark.parametrize(
    "text",
    ["", "2h", "x..y", "2014-02-19T05:00..2014-02-18T05:00", "2014-02-18", "..", "1900-01-01T00:00..2000-01-01T00:00"],
)
def test_a_range_that_makes_no_sense_is_the_default_one(text: str) -> None:
    assert ranges.parse(text, NOW_MS).name == ranges.DEFAULT


def trend(*marks: Mark) -> Trend:
    hour = ranges.parse("1h", NOW_MS)
    starts = hour.starts(NOW_MS)
    bars = {start: Counts() for start in starts}
    bars[starts[0]] = Counts((1, 1, 0), (1, 1, 0), -900_000)
    return Trend(starts, [Line("everything", bars)], marks)


def test_the_chart_has_one_bar_for_each_window_and_leaves_empty_ones_without_a_line() -> None:
    series = option(trend(), Locale())["series"]
    named = {one["name"]: one for one in series}
    negative, net, share = (named[name] for name in ("Negative", "Net sentiment", "Negative share"))
    assert [value for _, value in negative["data"]] == [1, *[0] * 59]
    assert [value is None for _, value in net["data"]] == [False, *[True] * 59]
    assert share["data"][0][1] == pytest.approx(42.857, abs=0.001)


def test_an_alert_is_marked_on_the_chart_only_if_it_is_in_the_range() -> None:
    start_ms, end_ms = ranges.parse("1h", NOW_MS).bounds_ms(NOW_MS)
    inside, before = Mark(start_ms + 60_000, end_ms, True), Mark(0, 60_000, False)
    series = option(trend(inside, before), Locale())["series"]
    assert [area[0]["xAxis"] for area in series[0]["markArea"]["data"]] == [inside.start_ms]


def test_a_chart_is_drawn_again_only_when_what_it_shows_has_changed() -> None:
    one = trend()
    assert drawn(one, Locale()) is drawn(one, Locale())
    assert drawn(one, Locale()) == option(one, Locale())
    assert drawn(trend(), Locale("zh")) == option(trend(), Locale("zh"))
    line = one.lines[0]
    more = Line(line.name, line.bars | {one.starts_s[1]: Counts(stories=(2, 0, 0))})
    assert drawn(Trend(one.starts_s, [more]), Locale()) != drawn(one, Locale())


def test_the_chart_shows_the_clocks_of_the_reader() -> None:
    utc, here = (option(trend(), Locale("en", zone)) for zone in ("UTC", "Asia/Shanghai"))
    assert here["series"][0]["data"][0][0] - utc["series"][0]["data"][0][0] == 8 * 3_600_000


def test_the_band_narrows_as_stories_come_and_there_is_none_without_one() -> None:
    counts = [Counts(stories=(n, n, n)) for n in (0, 1, 10, 100, 1_000)]
    for found in (posterior.net(counts), posterior.share(counts)):
        widths = found.high - found.low
        assert np.isnan(widths[0])
        assert (np.diff(widths[1:]) < 0).all()
        assert ((found.low < found.mean) & (found.mean < found.high))[1:].all()


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 500))
def test_the_bands_are_those_of_the_distributions_that_they_name(negative: int, neutral: int, positive: int) -> None:
    counts = [Counts(stories=(negative, neutral, positive + 1))]
    share = posterior.share(counts)
    assert share.low[0] == pytest.approx(beta(negative + 0.5, neutral + positive + 2).ppf(0.025), abs=1e-9)
    draws = np.random.default_rng(0).dirichlet([negative + 0.5, neutral + 0.5, positive + 1.5], 4_000)
    net = draws[:, 2] - draws[:, 0]
    found = posterior.net(counts)
    assert found.mean[0] == pytest.approx(net.mean(), abs=0.03)
    assert found.low[0] == pytest.approx(np.quantile(net, 0.025), abs=0.08)
    assert found.high[0] == pytest.approx(np.quantile(net, 0.975), abs=0.08)


class Source:
    """A store that answers with the number of its answers unless it is away, and a clock that is moved by hand."""

    def __init__(self) -> None:
        self.answers = 0
        self.asked = 0
        self.away = False
        self.now_s = 1_000.0
        self.keeper = Keeper(lambda: self.now_s)

    def read(self) -> int:
        self.asked += 1
        if self.away:
            raise RedisError("away")
        self.answers += 1
        return self.answers

    def get(self, key: str = "key", most: int = 8) -> int:
        return self.keeper.get(URL, "kind", key, 3.0, most, self.read)


def test_what_was_read_is_kept_for_its_time_and_then_read_anew() -> None:
    source = Source()
    assert [source.get(), source.get()] == [1, 1]
    source.now_s += 3.0
    assert source.get() == 2


def test_what_says_that_nothing_changed_is_believed_for_a_minute_only() -> None:
    source, mark = Source(), ["first"]

    def get() -> int:
        return source.keeper.get(URL, "kind", "key", 3.0, 8, source.read, lambda: mark[0])

    assert get() == 1
    source.now_s += 3.0
    assert get() == 1
    mark[0] = "second"
    assert get() == 1
    source.now_s += 3.0
    assert get() == 2
    source.now_s += WHOLE_S
    assert get() == 3


def test_while_the_store_is_away_the_last_value_is_shown_and_its_age_known() -> None:
    source = Source()
    assert source.get() == 1
    source.away = True
    source.now_s += 10.0
    assert source.get() == 1
    assert source.keeper.gone_ms(URL) == 10_000
    source.away = False
    source.now_s += RETRY_S
    assert source.get() == 2
    assert source.keeper.gone_ms(URL) is None


def test_a_store_that_is_away_is_not_asked_by_every_reader() -> None:
    source = Source()
    source.away = True
    with pytest.raises(RedisError):
        source.get()
    for key in "abc":
        with pytest.raises(StoreError):
            source.get(key)
    assert source.asked == 1


def test_the_least_used_value_goes_first() -> None:
    source = Source()
    for key in ("a", "b", "a", "c"):
        source.get(key, most=2)
    assert source.get("a", most=2) == 1
    assert source.get("b", most=2) == 4


def test_an_answer_that_did_not_change_stays_the_same_object() -> None:
    answers = iter(([1, 2], [1, 2], [3]))
    now_s = [0.0]
    keeper = Keeper(lambda: now_s[0])
    found = []
    for at in (0.0, 5.0, 10.0):
        now_s[0] = at
        found.append(keeper.get(URL, "kind", "key", 3.0, 8, lambda: next(answers)))
    assert found == [[1, 2], [1, 2], [3]]
    assert found[0] is found[1]


def test_what_was_made_is_made_again_only_of_another_object_or_for_another_reader() -> None:
    calls = []

    @made(most=8)
    def page(read: list[int], language: str) -> str:
        calls.append((read, language))
        return f"{read} {language}"

    one, equal = [1], [1]
    assert [page(one, "en"), page(one, "en"), page(one, "zh"), page(equal, "en")] == ["[1] en"] * 2 + [
        "[1] zh",
        "[1] en",
    ]
    assert [language for _, language in calls] == ["en", "zh", "en"]


@given(st.integers(0, 60 * 24 * 40), st.integers(1, 60 * 24), st.sampled_from(SIZES_S))
def test_the_pieces_of_a_range_tile_it_and_grow_older_to_the_left(ago_min: int, count: int, size_s: int) -> None:
    ages = Ages.at(NOW_MS, size_s)
    end_ms = (NOW_MS // 1000 // size_s + 1) * size_s * 1000 - ago_min * 60 // size_s * size_s * 1000
    at = start_ms = end_ms - count * size_s * 1000
    last = Age.SETTLED
    for age, begin, stop in ages.pieces(start_ms, end_ms):
        assert begin == at < stop
        assert begin % (size_s * 1000) == 0
        assert last.value <= age.value
        assert all(ages.of(start) is age for start in range(begin, stop, size_s * 1000))
        at, last = stop, age
    assert at == end_ms
    if not ago_min:
        assert last is Age.OPEN
