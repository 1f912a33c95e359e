"""The page Alerts on a real Valkey: what it shows, and what people do to alerts from it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest

from dashboard.kept import KEEPER
from tests import seed
from tests.pages import click, html, page, page_of, query, text
from undertone.alert_store import AlertStore
from undertone.lifecycle import Action
from undertone.messages import Alert, AlertState, Severity, from_ms
from undertone.rules import Match
from undertone.settings import Settings
from undertone.silences import silence
from undertone.store import Store

NOW = from_ms(seed.NOW_MS)


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    KEEPER.forget()
    yield
    KEEPER.forget()


@pytest.fixture
def store(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("UNDERTONE_REDIS_URL", redis_url)
    monkeypatch.setenv("UNDERTONE_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    found = Store.open(redis_url)
    seed.seed(found)
    return found


@pytest.fixture
def alert(store: Store) -> Alert:
    one = seed.alert(store)
    seed.publish(store, one)
    return one


@pytest.fixture
def roles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "roles.toml"
    path.write_text('viewer = ["eve@example.org"]\nanalyst = ["maria@example.org"]\n')
    monkeypatch.setenv("UNDERTONE_DASHBOARD_ROLES", str(path))
    return path


def stored(store: Store, alert_id: str = "seed-1") -> Alert:
    found = AlertStore(store.redis).get(alert_id)
    assert found is not None
    return found


# What it shows.


def test_what_happened_is_told_by_the_clocks_of_the_reader(store: Store, alert: Alert) -> None:
    told = (
        text(page("alerts", alert=alert.id, zone="Asia/Shanghai")).split("What happened")[1].split("The headlines")[0]
    )
    assert "times in Asia/Shanghai (UTC+8)" in told
    assert "In the 15 minutes to 20 Feb 2014 05:05, news had 18 negative stories" in " ".join(told.split())
    assert "2014-02" not in told
    chinese = text(page("alerts", alert=alert.id, zone="Asia/Shanghai", lang="zh"))
    assert "时间均为 Asia/Shanghai (UTC+8)" in chinese
    assert "截至2014年2月20日 05:05的15分钟内" in chinese


def test_the_list_has_states_and_filters_that_survive_in_the_url(store: Store, alert: Alert) -> None:
    over = seed.changed(alert, id="r", entity="XOM", state=AlertState.RESOLVED, resolved_at=NOW - timedelta(hours=1))
    mild = seed.changed(alert, id="w", entity="GM", severity=Severity.WARNING)
    seed.publish(store, over, mild)
    app = page("alerts")
    assert "FB · M&amp;A" in html(app)
    assert "GM · M&amp;A" in html(app)
    assert "Resolved earlier (1)" in text(app)
    shown = text(page("alerts", state="resolved"))
    assert "XOM" in shown
    assert "GM" not in shown
    mild_only = page("alerts", severity="warning")
    assert "GM" in text(mild_only)
    assert "FB ·" not in text(mild_only)
    assert query(mild_only.run()) == {"severity": "warning"}
    app = page("alerts", about="GM")
    app.segmented_control(key="state").select("all")
    app.run()
    assert query(app) == {"state": "all", "about": "GM"}
    assert "No alert fits these filters" in text(page("alerts", about="NOBODY"))


def test_older_alerts_are_a_page_further(store: Store, alert: Alert) -> None:
    ended = {"state": AlertState.RESOLVED, "resolved_at": NOW}
    many = [
        seed.changed(alert, id=f"old-{n}", entity=f"E{n}", fired_at=NOW - timedelta(days=1, minutes=n), **ended)
        for n in range(60)
    ]
    seed.publish(store, *many)
    first = html(page("alerts", state="resolved"))
    assert "E0 ·" in first
    assert "E59 ·" not in first
    place = first.split("after=")[1].split('"')[0].split("&")[0]
    assert "E59 ·" in html(page("alerts", state="resolved", after=place))


def test_an_alert_is_told_with_citations_that_lead_to_its_stories(store: Store, alert: Alert) -> None:
    shown = html(page("alerts", alert="seed-1"))
    assert "What happened" in shown
    assert "news had 18 negative stories about FB" in shown
    for one in alert.evidence:
        place = {"story": one.position, "t": str(one.published_ms)}
        assert f'href="stories?{urlencode(place).replace("&", "&amp;")}"' in shown
    assert alert.evidence[-1].text in text(page("stories", **place))
    assert 'href="trends?stream=news' in shown
    assert 'title="The counts behind this sentence' in shown


def test_it_is_told_in_the_language_of_the_page(store: Store, alert: Alert) -> None:
    shown = text(page("alerts", alert="seed-1", lang="zh"))
    assert "条独立的负面报道" in shown
    assert "What happened" not in shown
    assert "Acknowledge" not in str([one.label for one in page("alerts", alert="seed-1", lang="zh").button])


def test_an_alert_that_there_is_not_is_a_calm_line(store: Store) -> None:
    assert "There is no alert of this id" in text(page("alerts", alert="nothing"))


def test_other_alerts_of_the_same_event_are_named(store: Store, alert: Alert) -> None:
    seed.publish(
        store,
        seed.changed(alert, id="a", incident="i", entity="GM"),
        seed.changed(alert, id="b", incident="i", entity="XOM"),
    )
    shown = html(page("alerts", alert="a"))
    assert "Same event" in shown
    assert 'href="alerts?alert=b"' in shown


def test_the_price_after_it_is_told_where_a_price_file_is_given(
    store: Store, alert: Alert, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, earlier = tmp_path / "prices.csv", alert.fired_at - timedelta(minutes=40)
    with path.open("w", newline="") as file:
        rows = [(earlier, 68.06), (alert.fired_at, 68.06), (earlier + timedelta(hours=1), 64.5)]
        csv.writer(file).writerows([("time", "symbol", "price"), *((at.isoformat(), "FB", one) for at, one in rows)])
    monkeypatch.setenv("UNDERTONE_PRICES", str(path))
    seed.publish(store, seed.changed(alert, id="then", started_at=earlier, fired_at=earlier))
    shown = text(page("alerts", alert="then"))
    assert "The price since" in shown
    assert "▼ −5.2%" in shown
    assert "FB fell by 5.2%" in shown
    assert 'aria-label="The price over the time, beside the counts"' in html(page("alerts", alert="then"))
    with path.open("a", newline="") as file:
        csv.writer(file).writerow(((alert.fired_at + timedelta(hours=1)).isoformat(), "FB", 60.0))
    KEEPER.forget()
    assert "▼" not in text(page("alerts", alert="seed-1")).split("The price since")[1].split("Why")[0]  # not yet
    path.write_text("day,nothing\n1,2\n")
    assert "The prices cannot be read" in text(page("alerts", alert="seed-1"))


def test_hostile_text_of_an_alert_and_of_its_people_stays_text(store: Store) -> None:
    store.redis.flushdb()
    seed.seed(store, hostile=True)
    seed.publish(store, seed.alert(store, hostile=True))
    alerts = AlertStore(store.redis)
    alerts.act(
        "seed-1", Action.COMMENT, "<img src=x onerror=alert(1)>", seed.NOW_MS, why="<script>alert(2)</script> **b**"
    )
    alerts.act("seed-1", Action.ASSIGN, "eve", seed.NOW_MS, to="<b>you</b>")
    shown = html(page("alerts", alert="seed-1"))
    assert "&lt;script&gt;alert(2)&lt;/script&gt; **b**" in shown
    assert "<script" not in shown
    assert "<img" not in shown
    assert "<b>" not in shown
    assert "\u202e" not in shown


# What people do.


def test_an_alert_is_acknowledged_and_given_back_by_name_with_a_record(store: Store, alert: Alert) -> None:
    app = click(page("alerts", alert="seed-1"), "alert-acknowledge")
    assert "Acknowledged." in text(app)
    after = stored(store)
    assert after.state is AlertState.ACKNOWLEDGED
    [entry] = [one for one in AlertStore(store.redis).trail("seed-1") if one.action == "acknowledged"]
    assert entry.by == after.acknowledged_by
    assert "acknowledged it" in text(app)
    click(app, "alert-unacknowledge")
    assert stored(store).state is AlertState.FIRING


def test_it_is_assigned_commented_and_escalated_with_what_was_typed(store: Store) -> None:
    seed.publish(store, seed.changed(seed.alert(store), severity=Severity.WARNING))
    app = page("alerts", alert="seed-1")
    app.text_input(key="assign-to").input("bob")
    click(app, "assign-do")
    assert stored(store).assigned_to == "bob"
    app.text_area(key="comment-text").input("The company denies it")
    click(app, "comment-do")
    assert [one.text for one in stored(store).comments] == ["The company denies it"]
    click(app, "escalate-do")
    assert "the reason of the escalation is empty" in text(app)
    assert stored(store).severity is Severity.WARNING
    app.text_input(key="escalate-why").input("We hold the stock")
    click(app, "escalate-do")
    assert stored(store).severity is Severity.CRITICAL


def test_it_is_resolved_and_then_offers_only_what_a_resolved_one_allows(store: Store, alert: Alert) -> None:
    app = page("alerts", alert="seed-1")
    app.text_input(key="resolve-why").input("Known since Monday")
    click(app, "resolve-do")
    assert stored(store).state is AlertState.RESOLVED
    offered = {one.key for one in app.button}
    assert "alert-acknowledge" not in offered
    assert "resolve-do" not in offered
    assert "comment-do" in offered
    assert "Known since Monday" in text(app)


def test_a_silence_from_an_alert_holds_its_series_and_can_be_ended(store: Store, alert: Alert) -> None:
    app = page("alerts", alert="seed-1")
    app.selectbox(key="silence-hours").select(8)
    click(app, "silence-do")
    [made] = AlertStore(store.redis).silences.list()
    assert (made.match.entity, made.match.topic) == ("FB", "M&A | Investments")
    assert made.ends_at - made.starts_at == timedelta(hours=8)
    assert AlertStore(store.redis).silences.holding(stored(store)) == made
    listed = page("alerts")
    assert "Silences in force" in text(listed)
    click(listed, f"silence-end-{made.id}")
    assert "The silence is over" in text(listed)
    [ended] = AlertStore(store.redis).silences.list()
    assert ended.ended_at is not None


def test_a_false_alarm_becomes_labels_that_wait_while_kafka_is_away(store: Store, alert: Alert) -> None:
    app = page("alerts", alert="seed-1")
    app.radio(key="wrong-sentiment").set_value("neutral")
    click(app, "wrong-do")
    after = stored(store)
    assert after.state is AlertState.RESOLVED
    assert after.wrong_by
    assert f"{len(alert.evidence)} labels wait for Kafka" in text(app)
    assert "wrong-do" not in {one.key for one in app.button}


def test_the_labels_of_a_false_alarm_are_on_the_topic(
    store: Store, alert: Alert, bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from undertone import broker
    from undertone.labels import log

    settings = Settings(bootstrap_servers=bootstrap)
    broker.create_topics(settings)
    monkeypatch.setenv("UNDERTONE_BOOTSTRAP_SERVERS", bootstrap)
    app = page("alerts", alert="seed-1")
    app.radio(key="wrong-sentiment").set_value("neutral")
    app.multiselect(key="wrong-texts").select(alert.evidence[0].position)
    click(app, "wrong-do")
    assert "A false alarm; 1 labels given." in text(app)
    [label] = [one.label for one in log.read(settings).labels if one.label.comment == "false alarm seed-1"]
    assert label.position == alert.evidence[0].position
    assert label.sentiment == "neutral"


# Who may.


def test_a_viewer_is_offered_no_action_and_an_analyst_acts_under_their_address(
    store: Store, alert: Alert, roles: Path
) -> None:
    viewer = page_of("eve@example.org", "alerts", alert="seed-1")
    assert not [one for one in viewer.button if one.key and one.key.startswith(("alert-", "assign", "wrong"))]
    assert "Acting on alerts needs the role analyst" in text(viewer)
    analyst = page_of("maria@example.org", "alerts", alert="seed-1")
    click(analyst, "alert-acknowledge")
    assert stored(store).acknowledged_by == "maria@example.org"


def test_a_click_after_the_role_was_taken_back_does_nothing(store: Store, alert: Alert, roles: Path) -> None:
    app = page_of("maria@example.org", "alerts", alert="seed-1")
    roles.write_text('viewer = ["*@example.org"]\n# and nobody is analyst any more\n')
    click(app, "alert-acknowledge")
    assert "Not done: this needs the role analyst." in text(app)
    assert stored(store).state is AlertState.FIRING


def test_a_viewer_cannot_end_a_silence(store: Store, alert: Alert, roles: Path) -> None:
    made = silence(Match(entity="FB"), NOW, NOW + timedelta(hours=2), by="maria", created_at=NOW)
    AlertStore(store.redis).silences.add(made)
    viewer = page_of("eve@example.org", "alerts")
    assert "Silences in force" in text(viewer)
    assert f"silence-end-{made.id}" not in {one.key for one in viewer.button}
