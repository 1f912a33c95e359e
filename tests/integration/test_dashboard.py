"""The pages' logic on a real Valkey, run without a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from dashboard import APP, ranges, story_reads, windows
from dashboard.kept import KEEPER
from dashboard.locale import Locale
from dashboard.ranges import NAMED
from dashboard.reason import reason
from dashboard.windows import Asked
from tests import seed
from tests.pages import TIMEOUT_S, html, page, query, text
from tests.servers import wait_until
from undertone.embedded import EmbeddedValkey
from undertone.messages import VOLUME_SURGE, AlertState, from_ms
from undertone.scorer import TOPICS
from undertone.store import Store
from undertone.trends import total


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    KEEPER.forget()
    yield
    KEEPER.forget()


@pytest.fixture
def store(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("UNDERTONE_REDIS_URL", redis_url)
    return Store.open(redis_url)


@pytest.mark.parametrize("name", ["", "trends", "stories", "alerts"])
def test_an_empty_store_says_what_to_do(store: Store, name: str) -> None:
    shown = text(page(name))
    assert "Nothing has been counted yet" in shown
    assert "undertone replay" in shown


def test_nothing_firing_is_calm_and_says_what_is_watched(store: Store) -> None:
    seed.seed(store)
    seed.publish(store)
    shown = text(page())
    assert "Nothing is firing" in shown
    assert "No alert has fired since 17 Feb 2014" in shown
    assert re.search(r"\d+ series are watched", shown)


def test_calm_says_since_when(store: Store) -> None:
    seed.seed(store)
    over = seed.changed(seed.alert(store), state=AlertState.RESOLVED, resolved_at=from_ms(seed.NOW_MS - 2 * 3_600_000))
    seed.publish(store, over)
    shown = " ".join(text(page()).split())
    assert "Calm since 19 Feb 2014 19:05 UTC, for 2 h." in shown
    assert "1 resolved in the last 24 h" in shown


def test_calm_is_not_claimed_while_nobody_watches(store: Store) -> None:
    seed.seed(store)
    shown = text(page())
    assert "Nothing is firing" not in shown
    assert "Nobody is watching" in shown


def test_a_firing_alert_shows_why_with_observed_expected_and_headlines(store: Store) -> None:
    seed.seed(store)
    alert = seed.alert(store)
    seed.publish(store, alert)
    now = page()
    assert "Firing now" in text(now)
    assert "Critical" in text(now)
    assert reason(alert, Locale()) in text(now)
    assert 'href="alerts?alert=seed-1"' in html(now)
    shown = text(page("alerts", alert="seed-1"))
    assert "expected 3.2, usually 0 to 8" in shown
    assert "since 19 Feb 2014 20:25 UTC" in shown
    assert alert.evidence[0].text in shown
    assert alert.evidence[0].source in shown


def test_a_volume_alert_does_not_call_its_stories_negative(store: Store) -> None:
    seed.seed(store)
    seed.publish(store, seed.changed(seed.alert(store), kind=VOLUME_SURGE, reason="18 stories in 15 min"))
    shown = text(page("alerts", alert="seed-1"))
    assert "Why: the headlines" in shown
    assert "negative stories" not in shown.split("Why: the headlines")[0]


def test_critical_comes_before_warning_and_resolved_is_folded_away(store: Store) -> None:
    seed.seed(store)
    first = seed.alert(store)
    warning = seed.changed(first, id="w", severity="warning", entity="GM")
    over = seed.changed(
        first, id="r", state=AlertState.RESOLVED, entity="XOM", resolved_at=from_ms(seed.NOW_MS - 60_000)
    )
    seed.publish(store, warning, over, first)
    now = text(page())
    assert now.index("FB · M&amp;A") < now.index("GM · M&amp;A")
    shown = text(page("alerts"))
    assert shown.index("FB · M&amp;A") < shown.index("GM · M&amp;A")
    assert "Resolved earlier (1)" in shown


def test_filters_in_the_url_are_used_and_survive(store: Store) -> None:
    seed.seed(store)
    app = page("trends", range="6h", stream="news", entity="FB", topic="M&A | Investments")
    assert app.selectbox(key="entity").value == "FB"
    assert app.selectbox(key="topic").value == "M&A | Investments"
    app.run()
    wanted = {"range": "6h", "stream": "news", "entity": "FB", "topic": "M&A | Investments"}
    assert query(app) == wanted


def test_choosing_a_filter_writes_it_to_the_url_and_the_default_takes_it_out(store: Store) -> None:
    seed.seed(store)
    app = page("trends", range="6h")
    app.selectbox(key="entity").select("AAPL").run()
    assert query(app) == {"range": "6h", "entity": "AAPL"}
    app.selectbox(key="entity").select("").run()
    assert query(app) == {"range": "6h"}


def test_an_entity_that_the_range_does_not_have_stays_chosen(store: Store) -> None:
    seed.seed(store)
    app = page("trends", entity="NOBODY")
    assert app.selectbox(key="entity").value == "NOBODY"
    assert "Nothing was published in this range" in text(app)


def test_nonsense_in_the_url_is_taken_out(store: Store) -> None:
    seed.seed(store)
    app = page("trends", range="<script>", stream="labels", topic="\u202e", entity="A" * 5_000, at="x..y", vs="nothing")
    assert not app.exception
    assert query(app) == {}


def test_hostile_texts_are_shown_as_they_are_written(store: Store) -> None:
    seed.seed(store, hostile=True)
    seed.publish(store, seed.alert(store, hostile=True))
    markup = "".join(
        html(page(name, range="1h", entity=seed.HOSTILE_NAME)) for name in ("", "trends", "stories", "alerts")
    ) + html(page("alerts", alert="seed-1"))
    assert "<script" not in markup
    assert "<img" not in markup
    assert "javascript:" not in re.sub(r">[^<]*<", "><", markup)  # in text only, never in an attribute
    assert "&lt;script&gt;window.pwned = 1&lt;/script&gt;" in markup
    assert "**not bold**" in markup
    assert ":material/home: :red[red]" in markup
    assert "\u202e" not in markup
    assert "A" * 600 not in markup


@pytest.mark.parametrize("name", NAMED)
def test_bars_sums_and_rankings_agree_for_every_range(store: Store, redis_url: str, name: str) -> None:
    seed.seed(store, days=9)
    both, span = Asked(("news", "comments")), ranges.parse(name, seed.NOW_MS)
    bounds = span.bounds_ms(seed.NOW_MS)
    bars = total(windows.bars(redis_url, both, TOPICS, span, seed.NOW_MS).values())
    ranked = windows.ranking(redis_url, both.streams, *bounds, seed.NOW_MS)
    assert bars == windows.sum_of(redis_url, both, TOPICS, *bounds, seed.NOW_MS)
    assert bars == total(windows.by_topic(ranked, "").values())
    assert bars.total_messages > 0


def test_a_company_counts_the_same_by_topic_and_alone(store: Store, redis_url: str) -> None:
    seed.seed(store)
    bounds = ranges.parse("1d", seed.NOW_MS).bounds_ms(seed.NOW_MS)
    ranked = windows.ranking(redis_url, ("news", "comments"), *bounds, seed.NOW_MS)
    assert windows.by_entity(ranked, "")["FB"] == total(windows.by_topic(ranked, "FB").values())


@pytest.mark.parametrize("entity", ["", "FB"])
def test_bars_are_the_windows_added_up_whatever_their_age(store: Store, redis_url: str, entity: str) -> None:
    seed.seed(store)
    asked, span = Asked(("news",), entity=entity), ranges.parse("1d", seed.NOW_MS)
    series = asked.series(TOPICS)
    cells = store.windows("news", span.window_s, *span.bounds_ms(seed.NOW_MS), series=series)
    bars = windows.bars(redis_url, asked, TOPICS, span, seed.NOW_MS)
    for start, counts in bars.items():
        inside = range(start, start + span.bar_s, span.window_s)
        assert counts == total(one for at in inside for one in cells.get(at, {}).values())
    assert store.totals("news", span.window_s, *span.bounds_ms(seed.NOW_MS), series) == {
        at: total(found.values()) for at, found in cells.items()
    }
    assert cells


def test_last_week_is_the_same_bars_a_week_earlier(store: Store, redis_url: str) -> None:
    seed.seed(store, days=9)
    news, day, week_s = Asked(("news",)), ranges.parse("1d", seed.NOW_MS), 7 * 86_400
    then = windows.bars(redis_url, news, TOPICS, day, seed.NOW_MS - week_s * 1000)
    shifted = windows.bars(redis_url, news, TOPICS, day, seed.NOW_MS, week_s)
    assert {start + week_s: counts for start, counts in then.items()} == shifted
    assert total(then.values()).total_messages > 0


def test_the_newest_stories_are_newest_first_and_pass_the_filters(store: Store, redis_url: str) -> None:
    seed.seed(store)
    bounds = ranges.parse("1d", seed.NOW_MS).bounds_ms(seed.NOW_MS)
    found = story_reads.newest(redis_url, Asked(("news",), entity="AAPL"), *bounds, seed.NOW_MS)
    assert found
    assert {one.stream for one in found} == {"news"}
    assert all("AAPL" in one.entities for one in found)
    assert [one.published_ms for one in found] == sorted((one.published_ms for one in found), reverse=True)


def test_the_pipeline_shows_lag_dead_letters_and_workers(store: Store) -> None:
    seed.seed(store)
    shown = " ".join(text(page("pipeline")).split())
    assert "Lag 6 records behind" in shown
    assert "not-json" in shown
    assert "missing-text" in shown
    assert "1 of 1 ready" in shown
    assert seed.MODEL in shown


def test_without_a_worker_the_page_says_so(store: Store) -> None:
    seed.seed(store)
    store.redis.delete("ut:workers")
    assert "No worker is running" in text(page())


def test_a_store_that_goes_away_leaves_the_last_data_with_its_age(
    own_valkey: EmbeddedValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNDERTONE_REDIS_URL", own_valkey.url)
    seed.seed(Store.open(own_valkey.url))
    app = page("trends", range="6h")
    before = text(app)
    assert "Sentiment and volume" in before
    own_valkey.kill()
    # What is kept for seconds must be read anew to notice.
    wait_until(
        lambda: "Store away for" in text(app.run()), timeout_s=60, what="the page notices that the store is away"
    )
    shown = text(app)
    assert re.search(r"This page shows what was read .+ ago; the newest data was .+ old then", shown)
    assert "Sentiment and volume" in shown
    assert re.search(r"Stories\s+\d+", shown)
    assert query(app) == {"range": "6h"}
    own_valkey.start()
    wait_until(lambda: "Store away for" not in text(app.run()), timeout_s=60, what="the page comes back")
    assert query(app) == {"range": "6h"}


def test_a_store_that_was_never_there_is_a_calm_page(
    own_valkey: EmbeddedValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNDERTONE_REDIS_URL", own_valkey.url)
    own_valkey.kill()
    shown = text(page("trends"))
    assert "The store is not answering" in shown
    assert "Traceback" not in shown


def test_a_wrong_setting_is_named_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERTONE_PARTITIONS", "none")
    shown = text(page())
    assert "A setting cannot be used" in shown
    assert "UNDERTONE_PARTITIONS" in shown


# How the reader reads.


@pytest.mark.parametrize("name", ["", "trends", "stories", "alerts", "pipeline"])
def test_every_page_is_in_chinese_for_who_reads_chinese(store: Store, name: str) -> None:
    seed.seed(store)
    seed.publish(store, seed.alert(store))
    app = page(name, lang="zh")
    shown = text(app)
    for english in (
        "Firing",
        "Watchlist",
        "Net sentiment",
        "Stories",
        "Negative",
        "Dead letters",
        "Topic by hour",
        "since",
    ):
        assert english not in shown, english
    assert "实时" in shown
    assert query(app)["lang"] == "zh"


def test_times_are_in_the_zone_of_the_url_and_say_so(store: Store) -> None:
    seed.seed(store)
    shown = text(page("trends", zone="Asia/Shanghai"))
    assert "event time 20 Feb 2014 05:05 UTC+8" in shown
    assert "times in Asia/Shanghai (UTC+8)" in shown


def test_times_are_in_the_zone_of_the_browser_where_the_url_names_none(store: Store) -> None:
    seed.seed(store)
    app = AppTest.from_file(str(APP), default_timeout=TIMEOUT_S)
    app.context["timezone"] = "America/New_York"
    assert "event time 19 Feb 2014 16:05 UTC−5" in text(app.run())


def test_language_and_zone_follow_the_reader_to_another_page(store: Store) -> None:
    seed.seed(store)
    app = page(lang="zh", zone="Asia/Shanghai")
    app.query_params.clear()  # as Streamlit does when another page is opened
    app._page_hash = calc_hash("stories")
    app.run()
    assert "UTC+8" in text(app)
    assert query(app) == {"lang": "zh", "zone": "Asia/Shanghai"}


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "A" * 700])
def test_a_zone_that_there_is_not_is_utc(store: Store, zone: str) -> None:
    seed.seed(store)
    assert "event time 19 Feb 2014 21:05 UTC" in text(page(zone=zone))


# Who visits.


def test_with_a_roles_file_nobody_sees_anything_before_signing_in(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed.seed(store)
    roles = tmp_path / "roles.toml"
    roles.write_text('analyst = ["maria@example.org"]\n')
    monkeypatch.setenv("UNDERTONE_DASHBOARD_ROLES", str(roles))

    def visited(**user: object) -> AppTest:
        app = AppTest.from_file(str(APP), default_timeout=TIMEOUT_S)
        app.secrets["auth"] = {"redirect_uri": "http://localhost/oauth2callback", "cookie_secret": "x"}
        app.user = user
        return app.run()

    stranger = text(visited(is_logged_in=False))
    assert "Please sign in" in stranger
    assert "Watchlist" not in stranger
    unlisted = visited(is_logged_in=True, email="eve@example.org", email_verified=True)
    assert "You are not on the list" in text(unlisted)
    unverified = visited(is_logged_in=True, email="maria@example.org", email_verified=False)
    assert "Please sign in" in text(unverified)
    maria = visited(is_logged_in=True, email="maria@example.org", email_verified=True)
    assert "Watchlist" in text(maria)
    assert "maria@example.org, analyst" in [one.proto.body for one in maria.get("text")]
