"""The pages Models, Rules and Pipeline on real servers: what they show, and what people do from them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import msgspec
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import label_queue
from dashboard.kept import KEEPER
from tests import seed
from tests.pages import click, html, page, page_of, query, text
from tests.servers import wait_until
from undertone import audit, broker, keys
from undertone.alert_store import AlertStore
from undertone.labels import log
from undertone.messages import Label, Sentiment
from undertone.registry import Registry
from undertone.rules import Rules
from undertone.sending import Sender
from undertone.settings import Settings
from undertone.store import Store
from undertone.trends import bucket
from undertone.whole_topic import whole_topic

WEEK_MS = 7 * 86_400_000
RULES = """version: 1
rules:
  - name: surge
    kind: negative-surge
    warning: {p_count: 1e-3}
receivers:
  - name: desk
    webhook: {url: "https://hooks.example.org/x"}
routes:
  - {to: [desk], budget: {per_day: 5}}
"""


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
def roles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "roles.toml"
    path.write_text('viewer = ["eve@example.org"]\nanalyst = ["maria@example.org"]\nadmin = ["root@example.org"]\n')
    monkeypatch.setenv("UNDERTONE_DASHBOARD_ROLES", str(path))
    return path


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    monkeypatch.setenv("UNDERTONE_RULES", str(path))
    return path


def offered(app: AppTest) -> set[str | None]:
    return {one.key for one in app.button}


# Rules.


def test_the_rules_that_ship_are_shown_and_the_page_says_how_to_have_others(store: Store) -> None:
    app = page("rules")
    shown = text(app)
    assert "negative-surge" in shown
    assert "count p ≤ 0.001" in shown
    assert "UNDERTONE_RULES" in shown
    assert "rule-preview-do" not in offered(app)


def test_a_threshold_is_saved_after_it_was_previewed_and_the_audit_says_who(
    store: Store, rules: Path, roles: Path, bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.create_topics(Settings(bootstrap_servers=bootstrap))
    monkeypatch.setenv("UNDERTONE_BOOTSTRAP_SERVERS", bootstrap)
    app = page_of("root@example.org", "rules")
    assert "rule-save" not in offered(app)
    app.text_input(key="edit-surge.warning.p_count").input("5e-4")
    click(app, "rule-preview-do")
    assert "surge.warning.p_count 0.001 → 0.0005" in text(app)
    app.text_input(key="rule-why").input("Rang too often in March")
    click(app, "rule-save")
    found = Rules.load(rules).rule("surge")
    assert found is not None
    assert found.warning.p_count == 5e-4
    [entry] = audit.read(store.redis)
    assert (entry.by, entry.action, entry.why) == ("root@example.org", "rules-changed", "Rang too often in March")
    assert (entry.before, entry.after) == ({"surge.warning.p_count": 0.001}, {"surge.warning.p_count": 0.0005})
    assert 0 < int(store.redis.ttl(keys.audit())) <= keys.AUDIT_TTL_S


def test_a_replay_that_cannot_be_run_says_why_and_hinders_nobody(store: Store, rules: Path) -> None:
    app = page("rules")
    app.text_input(key="edit-surge.warning.p_count").input("5e-4")
    click(app, "rule-preview-do")
    assert "The replay did not work" in text(app)
    assert "Traceback" not in text(app)
    assert "rule-save" in offered(app)


def test_a_file_that_cannot_be_written_is_said_before_any_work_and_can_be_taken_along(
    store: Store, rules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may = os.access  # of a read-only mount it says no to everybody, which a test cannot have
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != rules.parent and may(path, mode))
    app = page("rules")
    assert "rules.yaml cannot be saved from here: its folder cannot be written" in text(app)
    app.text_input(key="edit-surge.warning.p_count").input("5e-4")
    click(app, "rule-preview-do")
    assert "rule-save" not in offered(app)
    [taken] = app.get("download_button")
    assert taken.proto.label == "Download the changed file"
    assert rules.read_text() == RULES


def test_what_is_no_threshold_is_refused_and_the_file_stays(store: Store, rules: Path) -> None:
    app = page("rules")
    for wrong in ("many", "2"):
        app.text_input(key="edit-surge.warning.p_count").input(wrong)
        click(app, "rule-preview-do")
        assert "rule-save" not in offered(app)
        assert "surge.warning.p_count" in text(app) or "rules.yaml:5" in text(app)
    assert rules.read_text() == RULES


def test_only_an_administrator_may_change_rules(store: Store, rules: Path, roles: Path) -> None:
    analyst = page_of("maria@example.org", "rules")
    assert "rule-preview-do" not in offered(analyst)
    assert "Changing rules needs the role administrator" in text(analyst)


def test_the_budget_of_the_day_tells_what_was_sent_and_held(store: Store, rules: Path) -> None:
    store.redis.hset(keys.tally("desk", "2014-02-19"), mapping={"sent": 3, "held:budget": 2})
    shown = " ".join(text(page("rules")).split())
    assert "desk 3 of 5 sent · held back: budget 2" in shown


# Models.


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.setenv("UNDERTONE_REGISTRY", str(tmp_path / "registry"))
    monkeypatch.setenv("UNDERTONE_DATA", str(tmp_path / "data"))
    return Registry.open(str(tmp_path / "registry"))


def test_the_model_that_ships_is_shown_with_the_figures_of_its_manifest(store: Store) -> None:
    shown = text(page("models"))
    assert "Champion" in shown
    assert "tweets-topic-valid" in shown
    assert "No registry is named" in shown


def test_a_version_is_promoted_and_rolled_back_with_who_and_why(store: Store, registry: Registry, roles: Path) -> None:
    from undertone.model import artefact

    version = registry.add(artefact.SHIPPED).version
    app = page_of("root@example.org", "models")
    app.selectbox(key="promote-version").select(version)
    click(app, "promote-do")
    assert "one was empty" in text(app)
    app.text_input(key="promote-why").input("Better on every set")
    click(app, "promote-do")
    assert registry.state().champion == version
    assert registry.history()[-1].by == "root@example.org"
    assert "Better on every set" in text(app)
    assert [one.action for one in audit.read(store.redis)] == ["model-promote"]
    app.text_input(key="rollback-why").input("Alerts went quiet")
    click(app, "rollback-do")
    assert registry.state().champion == "shipped"


def test_only_an_administrator_may_change_who_serves(store: Store, registry: Registry, roles: Path) -> None:
    analyst = page_of("maria@example.org", "models")
    assert "promote-do" not in offered(analyst)
    assert "Changing who serves needs the role administrator" in text(analyst)


# The label queue.


def test_a_key_labels_the_text_shown_and_the_label_reaches_the_topic(
    store: Store, bootstrap: str, roles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(bootstrap_servers=bootstrap)
    broker.create_topics(settings)
    monkeypatch.setenv("UNDERTONE_BOOTSTRAP_SERVERS", bootstrap)
    who = "nora@queue.example.org"
    roles.write_text(f'analyst = ["{who}"]\n')

    def mine() -> list[Label]:
        return [one.label for one in log.read(settings).labels if one.label.labelled_by == who]

    app = page_of(who, "models", view="labels")
    assert [one.proto.shortcut for one in app.button if one.key and one.key.startswith("label-")][:3] == ["1", "2", "3"]
    assert html(app).count("<blockquote") == 1
    streams = ("news", "comments")
    kept = [one for stream in streams for one in store.evidence(stream, seed.NOW_MS - WEEK_MS, seed.NOW_MS)]
    # Texts that other tests' labels dispute come first, and have no place in a feed.
    while asked(app) not in {one.text for one in kept}:
        click(app, "label-skip")
    first = asked(app)
    click(app, "label-neutral")
    second = asked(app)
    click(app, "label-negative")
    wait_until(lambda: len(mine()) == 2, 60, "both labels are on the topic")
    found = {label.text: label for label in mine()}
    assert found[first].sentiment is Sentiment.NEUTRAL
    assert found[second].sentiment is Sentiment.NEGATIVE
    assert found[first].position in {one.position for one in kept if one.text == first}
    click(app, "label-undo")
    wait_until(lambda: len(mine()) == 3, 60, "the retraction is on the topic")
    assert mine()[-1].retracts
    assert "1 given in this visit" in text(app)


def asked(app: AppTest) -> str:
    """The text that the page asks about."""
    quote = re.search(r"<blockquote[^>]*>(.*?)</blockquote>", html(app), re.DOTALL)
    assert quote is not None
    return unescape(re.sub(r"<[^>]+>", "", quote[1]))


def test_a_long_text_is_shown_whole_and_the_next_one_has_another_number(store: Store) -> None:
    told = "Acme falls and falls. " * 200
    stories = seed.alert(store).evidence[:2]
    for number, one in enumerate(stories):
        partition = int(one.position.partition(":")[0].rpartition("-")[2])
        kept = keys.evidence(one.stream, partition, bucket(one.published_ms, keys.EVIDENCE_BUCKET_S))
        long = msgspec.structs.replace(one, text=f"{told}{number}", p=0.3)
        store.redis.hset(kept, one.position, msgspec.json.encode(long))
    app = page("models", view="labels")
    first = text(app)
    assert told.strip() in " ".join(first.split())
    assert "text 1 of this visit" in first
    assert "4,401 characters: scroll to read them all" in first
    click(app, "label-skip")
    assert "text 2 of this visit" in text(app)
    assert "4,401 characters" in text(app)


def test_labels_wait_in_the_store_while_kafka_is_away_and_skipped_texts_are_not_asked_again(store: Store) -> None:
    app = page("models", view="labels")
    assert "Kafka is not answering" in text(app)
    first = html(app).split("<blockquote")[1].split("</blockquote>")[0]
    click(app, "label-skip")
    assert html(app).split("<blockquote")[1].split("</blockquote>")[0] != first
    click(app, "label-positive")
    assert "1 on their way to Kafka" in text(app)
    assert [one.action for one in audit.read(store.redis)] == ["labels"]
    assert query(app) == {"view": "labels"}


def test_a_viewer_is_offered_no_label(store: Store, roles: Path) -> None:
    viewer = page_of("eve@example.org", "models", view="labels")
    assert "label-neutral" not in offered(viewer)
    assert "Labelling needs the role analyst" in text(viewer)


def test_disputed_texts_come_first_and_no_text_twice() -> None:
    unsure = [label_queue.Item("Acme falls", position="news-0:1"), label_queue.Item("Acme  FALLS", position="news-0:2")]
    disputed = [label_queue.Item("Zeta rises", disputed="sentiment"), label_queue.Item("acme falls", disputed="topic")]
    found = label_queue.queue(disputed, unsure, ())
    assert [(one.text, one.disputed) for one in found] == [("Zeta rises", "sentiment"), ("Acme falls", "topic")]
    assert label_queue.queue(disputed, unsure, {disputed[0].key, unsure[0].key}) == []


# Pipeline.


def test_every_number_of_the_pipeline_says_what_it_means(store: Store) -> None:
    shown = html(page("pipeline"))
    for meaning in ("Records that Kafka holds and no worker has counted", "Batches that wait to be scored"):
        assert f'title="{meaning}' in shown
    assert "Feeds in the last hour" in shown
    assert "Reuters" in shown


def test_dead_letters_are_read_as_text_and_sent_in_again_by_an_administrator(
    store: Store, bootstrap: str, roles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(bootstrap_servers=bootstrap)
    broker.create_topics(settings)
    monkeypatch.setenv("UNDERTONE_BOOTSTRAP_SERVERS", bootstrap)
    said = {"position": "news-0:7000007", "stage": "decode", "reason": "not-json", "detail": "<b>bad</b>"}
    said["failed-at"] = datetime.now(UTC).isoformat()
    with Sender(settings) as sender:
        headers = [(f"undertone-{name}", value.encode()) for name, value in said.items()]
        sender.send("dead-letters", b"k", b"<script>window.pwned = 1</script>", headers)
    analyst = click(page_of("maria@example.org", "pipeline"), "letters-read")
    assert "&lt;script&gt;window.pwned" in html(analyst)
    assert "<script" not in html(analyst)
    assert "letters-redrive" not in offered(analyst)
    admin = click(page_of("root@example.org", "pipeline"), "letters-read")
    admin.multiselect(key="letters-which").select("news-0:7000007")
    click(admin, "letters-redrive")
    assert "1 sent again; 0 cannot be." in text(admin)
    values = [record.value for record in whole_topic(settings, "news")]
    assert b"<script>window.pwned = 1</script>" in values
    [entry] = AlertStore(store.redis).trail()
    assert (entry.by, entry.action) == ("root@example.org", "dead-letters-redriven")


def test_kafka_away_is_a_calm_line_where_dead_letters_are_read(store: Store) -> None:
    app = click(page("pipeline"), "letters-read")
    assert "Kafka cannot be read" in text(app)
