"""The page's logic on a real Valkey, run without a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import streamlit
from streamlit.testing.v1 import AppTest

from dashboard import APP, data
from dashboard.filters import RANGES, Filters
from tests import seed
from undertone.embedded import EmbeddedValkey
from undertone.messages import VOLUME_SURGE, AlertState, from_ms
from undertone.scorer import TOPICS
from undertone.store import Store
from undertone.trends import total

TIMEOUT_S = 60


@pytest.fixture(autouse=True)
def _nothing_cached() -> Iterator[None]:
    streamlit.cache_data.clear()
    streamlit.cache_resource.clear()
    yield
    streamlit.cache_data.clear()
    streamlit.cache_resource.clear()


@pytest.fixture
def store(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("UNDERTONE_REDIS_URL", redis_url)
    return Store.open(redis_url)


def page(**query: str) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=TIMEOUT_S)
    app.query_params.update(query)
    return app.run()


def html(app: AppTest) -> str:
    """All the markup of the page, as it is sent to the browser."""
    assert not app.exception, app.exception
    return "\n".join(element.proto.body for element in app.get("html"))


def text(app: AppTest) -> str:
    return re.sub(r"<[^>]+>", " ", html(app))


def test_an_empty_store_says_what_to_do(store: Store) -> None:
    shown = text(page())
    assert "Nothing has been counted yet" in shown
    assert "undertone replay" in shown


def test_nothing_firing_is_calm_and_says_what_is_watched(store: Store) -> None:
    seed.seed(store)
    seed.publish(store)
    shown = text(page())
    assert "Nothing is firing" in shown
    assert re.search(r"Watching \d+ series since 17 Feb 2014", shown)


def test_calm_is_not_claimed_while_nobody_watches(store: Store) -> None:
    seed.seed(store)
    shown = text(page())
    assert "Nothing is firing" not in shown
    assert "Nobody is watching" in shown


def test_a_firing_alert_shows_why_with_observed_expected_and_headlines(store: Store) -> None:
    seed.seed(store)
    alert = seed.alert(store)
    seed.publish(store, alert)
    shown = text(page())
    assert "Firing now" in shown
    assert "Critical" in shown
    assert alert.reason in shown
    assert "expected 3.2, usually 0 to 8" in shown
    assert "since 19 Feb 2014 20:25 UTC" in shown
    assert alert.evidence[0].text in shown
    assert alert.evidence[0].source in shown


def test_a_volume_alert_does_not_call_its_stories_negative(store: Store) -> None:
    seed.seed(store)
    seed.publish(store, seed.changed(seed.alert(store), rule=VOLUME_SURGE, reason="18 stories in 15 min"))
    shown = text(page())
    assert "volume surge" in shown
    assert "negative stories" not in shown.split("Why: the headlines")[0]


def test_critical_comes_before_warning_and_resolved_is_folded_away(store: Store) -> None:
    seed.seed(store)
    first = seed.alert(store)
    warning = seed.changed(first, id="w", severity="warning", entity="GM")
    over = seed.changed(
        first, id="r", state=AlertState.RESOLVED, entity="XOM", resolved_at=from_ms(seed.NOW_MS - 60_000)
    )
    seed.publish(store, warning, over, first)
    shown = text(page())
    assert shown.index("FB · M&amp;A") < shown.index("GM · M&amp;A")
    assert "Resolved earlier (1)" in shown


def test_filters_in_the_url_are_used_and_survive(store: Store) -> None:
    seed.seed(store)
    app = page(range="6h", stream="news", entity="FB", topic="M&A | Investments")
    assert app.selectbox(key="entity").value == "FB"
    assert app.selectbox(key="topic").value == "M&A | Investments"
    app.run()
    assert app.query_params == {"range": "6h", "stream": "news", "entity": "FB", "topic": "M&A | Investments"}


def test_choosing_a_filter_writes_it_to_the_url_and_the_default_takes_it_out(store: Store) -> None:
    seed.seed(store)
    app = page(range="6h")
    app.selectbox(key="entity").select("AAPL").run()
    assert app.query_params == {"range": "6h", "entity": "AAPL"}
    app.selectbox(key="entity").select("").run()
    assert app.query_params == {"range": "6h"}


def test_an_entity_that_the_range_does_not_have_stays_chosen(store: Store) -> None:
    seed.seed(store)
    app = page(entity="NOBODY")
    assert app.selectbox(key="entity").value == "NOBODY"
    assert "Nothing was published in this range" in text(app)


def test_nonsense_in_the_url_is_taken_out(store: Store) -> None:
    seed.seed(store)
    app = page(range="<script>", stream="labels", topic="\u202e", entity="A" * 5_000)
    assert not app.exception
    assert app.query_params == {}


def test_hostile_texts_are_shown_as_they_are_written(store: Store) -> None:
    seed.seed(store, hostile=True)
    seed.publish(store, seed.alert(store, hostile=True))
    markup = html(page(range="1h", entity=seed.HOSTILE_NAME))
    assert "<script" not in markup
    assert "<img" not in markup
    assert "javascript:" not in re.sub(r">[^<]*<", "><", markup)  # in text only, never in an attribute
    assert "&lt;script&gt;window.pwned = 1&lt;/script&gt;" in markup
    assert "**not bold**" in markup
    assert ":material/home: :red[red]" in markup
    assert "\u202e" not in markup
    assert "A" * 600 not in markup


def test_bars_sums_and_rankings_agree_for_every_range(store: Store, redis_url: str) -> None:
    seed.seed(store, days=9)
    for span in RANGES:
        filters = Filters(("news", "comments"), span)
        bars = total(data.bars(redis_url, filters, TOPICS, seed.NOW_MS).values())
        ranked = data.ranking(redis_url, filters, seed.NOW_MS)
        start_ms, end_ms = span.bounds_ms(seed.NOW_MS)
        assert bars == data.sum_of(redis_url, filters, TOPICS, start_ms, end_ms, seed.NOW_MS)
        assert bars == total(data.by_topic(ranked, filters).values())
        assert bars.total_messages > 0


def test_a_company_counts_the_same_by_topic_and_alone(store: Store, redis_url: str) -> None:
    seed.seed(store)
    filters = Filters(("news", "comments"), RANGES[2], entity="FB")
    ranked = data.ranking(redis_url, filters, seed.NOW_MS)
    assert data.by_entity(ranked, filters)["FB"] == total(data.by_topic(ranked, filters).values())


def test_the_newest_stories_are_newest_first_and_pass_the_filters(store: Store, redis_url: str) -> None:
    seed.seed(store)
    found = data.newest(redis_url, Filters(("news",), RANGES[2], entity="AAPL"), seed.NOW_MS)
    assert found
    assert {one.stream for one in found} == {"news"}
    assert all("AAPL" in one.entities for one in found)
    assert [one.published_ms for one in found] == sorted((one.published_ms for one in found), reverse=True)


def test_the_pipeline_shows_lag_dead_letters_and_workers(store: Store) -> None:
    seed.seed(store)
    shown = " ".join(text(page()).split())
    assert "Lag 6 records behind" in shown
    assert "not-json" in shown
    assert "missing-text" in shown
    assert "1 of 1 ready" in shown
    assert seed.MODEL in shown


def test_without_a_worker_the_page_says_so(store: Store) -> None:
    seed.seed(store)
    store.redis.delete("ut:workers")
    assert "No worker is running" in text(page())


def test_a_store_that_goes_away_is_a_calm_page_with_the_age_of_the_data(
    own_valkey: EmbeddedValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNDERTONE_REDIS_URL", own_valkey.url)
    store = Store.open(own_valkey.url)
    seed.seed(store)
    app = page(range="6h")
    assert "Sentiment and volume" in text(app)
    own_valkey.kill()
    app.run()
    shown = text(app)
    assert "The store is not answering" in shown
    assert re.search(r"The last data on this page was .+ old when the store went quiet", shown)
    assert "Traceback" not in shown
    assert app.query_params == {"range": "6h"}
    own_valkey.start()
    app.run()
    assert "Sentiment and volume" in text(app)
    assert app.query_params == {"range": "6h"}


def test_a_wrong_setting_is_named_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERTONE_PARTITIONS", "none")
    shown = text(page())
    assert "A setting cannot be used" in shown
    assert "UNDERTONE_PARTITIONS" in shown
