"""What one reader does: search, one story, a comparison, a watchlist, saved views; on a real Valkey."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.typing import EChartsState

from dashboard import APP, picked, ranges, story_reads
from dashboard.clusters import clustered
from dashboard.kept import KEEPER
from dashboard.locale import Locale
from dashboard.windows import Asked
from tests import seed
from tests.pages import TIMEOUT_S, html, page, query, text
from undertone.errors import InputError
from undertone.messages import from_ms
from undertone.store import Store
from undertone.view_store import VIEWS_KEPT, WATCHED, View, ViewStore

MARIA = "maria@example.org"


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    KEEPER.forget()
    yield
    KEEPER.forget()


@pytest.fixture
def store(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("UNDERTONE_REDIS_URL", redis_url)
    opened = Store.open(redis_url)
    seed.seed(opened)
    return opened


def test_a_search_finds_stories_by_words_source_and_company_and_stays_in_the_address(store: Store) -> None:
    app = page("stories", q="gm dividend")
    shown = text(app)
    assert "GM beats expectations and raises its dividend" in shown
    assert "FB misses estimates" not in shown
    assert query(app) == {"q": "gm dividend"}
    app.text_input(key="q").input("no such words").run()
    assert "No kept story has all of these words." in text(app)


def test_one_storys_page_says_how_sure_the_judgement_is_and_who_told_it_too(store: Store, redis_url: str) -> None:
    bounds = ranges.parse("1d", seed.NOW_MS).bounds_ms(seed.NOW_MS)
    kept = story_reads.newest(redis_url, Asked(("news", "comments")), *bounds, seed.NOW_MS, 400)
    cluster = next(one for one in clustered(kept) if len(one.tellings) > 2)
    story = cluster.tellings[1]
    app = page("stories", story=story.position, t=str(story.published_ms))
    shown = " ".join(text(app).split())
    assert f"{story.p:.0%} sure" in shown
    assert "Other tellings" in shown
    assert "Open the original" in shown or "No address came with this story" in shown
    app.button(key=f"explain-{story.position}").click().run()
    assert "Words that mattered" in text(app)
    assert re.search(r'<mark class="ut-word-(for|against)"', html(app))


@pytest.mark.parametrize("story", ["news-0:99999999", "nonsense", "labels-0:1", "../x"])
def test_a_story_that_is_not_kept_is_no_error(store: Store, story: str) -> None:
    assert "This story is not kept any more" in text(page("stories", story=story, t=str(seed.NOW_MS)))
    assert "This story is not kept any more" in text(page("stories", story=story, t="soon"))


def test_stories_of_other_companies_are_not_taken_for_the_same(store: Store, redis_url: str) -> None:
    bounds = ranges.parse("1d", seed.NOW_MS).bounds_ms(seed.NOW_MS)
    kept = story_reads.newest(redis_url, Asked(("news", "comments")), *bounds, seed.NOW_MS, 400)
    found = clustered(kept)
    assert sorted(one.position for each in found for one in each.tellings) == sorted(one.position for one in kept)
    for each in found:
        assert len({frozenset(one.entities) for one in each.tellings}) == 1
        assert each.first.published_ms <= each.last_ms


def test_a_moment_in_the_address_shows_its_stories_and_the_way_back(store: Store) -> None:
    begin_ms = seed.NOW_MS // 900_000 * 900_000 - 900_000
    at = ranges.between(begin_ms, begin_ms + 900_000)
    app = page("trends", entity="FB", at=at)
    shown = text(app)
    assert f"Stories from 19 Feb {from_ms(begin_ms):%H:%M} to" in " ".join(shown.split())
    times = [*map(int, re.findall(r"stories\?story=[^&]+&amp;t=(\d+)", html(app)))]
    assert times
    assert all(begin_ms <= one < begin_ms + 900_000 for one in times)
    assert query(app)["at"] == at


def test_what_is_picked_is_the_bar_or_the_bars_of_the_chart_that_was_drawn() -> None:
    starts = range(1_392_800_400, 1_392_804_000, 300)

    def state(selected: list[object], areas: list[object]) -> EChartsState:
        return EChartsState({"selection": {"selected": selected, "areas": areas}})

    there = Locale("en", "Asia/Shanghai")
    shift_ms = timedelta(hours=8) // timedelta(milliseconds=1)
    assert picked.moment(state([{"data_indices": [2]}], []), Locale(), starts) == (1_392_801_000_000, 1_392_801_300_000)
    brushed = {"brush_type": "lineX", "coord_range": [1_392_800_990_000 + shift_ms, 1_392_801_700_000 + shift_ms]}
    assert picked.moment(state([], [brushed]), there, starts) == (1_392_801_000_000, 1_392_801_900_000)
    for nothing in (state([], []), state([{"data_indices": [99]}], []), state([], [{"brush_type": "lineX"}])):
        assert picked.moment(nothing, Locale(), starts) is None


def test_a_comparison_is_kept_in_the_address_and_says_who_is_drawn(store: Store) -> None:
    app = page("trends", entity="FB", week="1")
    app.multiselect(key="vs").select("AAPL::").run()
    assert query(app) == {"entity": "FB", "vs": "AAPL::", "week": "1"}
    (chart,) = app.get("echarts_chart")
    for name in ("FB", "AAPL", "FB, a week before", "AAPL, a week before"):
        assert f'"name": "{name}"' in chart.proto.spec or f'"name":"{name}"' in chart.proto.spec


def test_the_watchlist_of_who_is_not_signed_in_is_in_the_address(store: Store) -> None:
    app = page(watch="GM::")
    assert re.search(r"GM.*Name", " ".join(text(app).split())) or "GM" in text(app)
    app.multiselect(key="watch").select("XOM::").run()
    assert app.query_params["watch"] == ["GM::", "XOM::"]
    assert "Together" in text(app)


def test_the_watchlist_of_who_is_signed_in_follows_them(
    store: Store, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roles = tmp_path / "roles.toml"
    roles.write_text(f'viewer = ["{MARIA}"]\n')
    monkeypatch.setenv("UNDERTONE_DASHBOARD_ROLES", str(roles))

    def signed_in() -> AppTest:
        app = AppTest.from_file(str(APP), default_timeout=TIMEOUT_S)
        app.secrets["auth"] = {"redirect_uri": "http://localhost/oauth2callback", "cookie_secret": "x"}
        app.user = {"is_logged_in": True, "email": MARIA, "email_verified": True}
        return app.run()

    app = signed_in()
    app.multiselect(key="watch").select("XOM::").run()
    assert ViewStore(store.redis).watchlist(MARIA) == ["XOM::"]
    again = signed_in()
    assert again.multiselect(key="watch").value == ["XOM::"]
    assert query(again) == {}


def test_a_view_is_saved_under_a_name_opened_by_a_link_and_deleted(store: Store) -> None:
    app = page("trends", range="7d", entity="FB")
    app.text_input(key="view-name").input("<b>Mine</b>").run()
    app.button(key="view-save").click().run()
    assert "&lt;b&gt;Mine&lt;/b&gt;" in html(app)
    assert re.search(r'href="trends\?(range=7d&amp;entity=FB|entity=FB&amp;range=7d)"', html(app))
    app.selectbox(key="view-chosen").select("<b>Mine</b>").run()
    app.button(key="view-delete").click().run()
    assert "Mine" not in html(app)


def test_what_people_keep_is_bounded_and_names_nobody_in_its_key(store: Store) -> None:
    views = ViewStore(store.redis)
    assert views.watchlist(MARIA) is None
    for number in range(VIEWS_KEPT):
        views.save(MARIA, f"view {number}", View("trends", "range=7d"))
    with pytest.raises(InputError, match="most"):
        views.save(MARIA, "one more", View("trends", ""))
    with pytest.raises(InputError, match="name"):
        views.save(MARIA, " \u202e ", View("trends", ""))
    with pytest.raises(InputError, match="watchlist"):
        views.watch(MARIA, [f"{n}::" for n in range(WATCHED + 1)])
    (key,) = store.redis.scan_iter("ut:{people}:*")
    assert b"maria" not in key
    assert 0 < store.redis.ttl(key) <= 400 * 86_400
