"""A worker follows its registry: what is promoted is taken up ready, and what cannot serve is refused."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stream.reload import AGAIN_S, Reload, check, first_model
from stream.scoring import Lineup
from tests.servers import wait_until
from tests.small_models import small_model, tamper
from undertone.errors import ModelError
from undertone.registry import Registry, State
from undertone.scorer import TrivialScorer, load_scorer
from undertone.settings import Settings

AT = datetime(2026, 1, 5, tzinfo=UTC)


class Follower:
    """A `Reload` on a registry of its own, with what it did."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.registry = Registry.open(str(folder / "registry"))
        self.now_s = 0.0
        self.lineups: list[Lineup] = []
        self.refused: list[tuple[str, str]] = []
        self.add("first", seed=1)
        self.promote("first")
        self.reload = Reload(
            self.registry,
            "first",
            load_scorer(self.registry.folder("first")),
            threads=1,
            install=self.lineups.append,
            refuse=lambda role, version: self.refused.append((role, version)),
            clock=lambda: self.now_s,
        )

    def add(self, version: str, *, seed: int = 2, broken: bool = False) -> None:
        self.registry.add(small_model(self.folder / "made", version, seed=seed, broken=broken))

    def promote(self, version: str) -> State:
        return self.registry.promote(version, by="test", reason="test", at=AT)

    def challenge(self, version: str, share: float = 0.5) -> State:
        return self.registry.promote(version, by="test", reason="test", at=AT, as_challenger=True, shadow_share=share)

    def stored(self, version: str) -> Path:
        return self.registry.folder(version)

    def names(self) -> list[tuple[str, str]]:
        """Champion and challenger of each lineup that was installed."""
        return [(one.champion.version, one.challenger.version if one.challenger else "") for one in self.lineups]


@pytest.fixture
def follower(tmp_path: Path) -> Follower:
    return Follower(tmp_path)


def test_nothing_is_installed_while_nothing_changes(follower: Follower) -> None:
    follower.reload.look()
    follower.reload.look()
    assert follower.lineups == []


def test_a_promoted_model_takes_over_and_a_rollback_brings_the_old_one_back(follower: Follower) -> None:
    follower.add("second")
    follower.promote("second")
    follower.reload.look()
    follower.reload.look()
    follower.registry.rollback(by="test", reason="test", at=AT)
    follower.reload.look()
    assert follower.names() == [("second", ""), ("first", "")]


def test_a_challenger_runs_beside_the_champion_and_is_promoted_without_being_loaded_again(follower: Follower) -> None:
    follower.add("second")
    follower.challenge("second", 0.25)
    follower.reload.look()
    follower.promote("second")
    tamper(follower.stored("second"))  # whoever would load it again now would refuse it
    follower.reload.look()
    assert follower.names() == [("first", "second"), ("second", "")]
    assert follower.lineups[0].share == 0.25
    assert follower.lineups[0].challenger is follower.lineups[1].champion
    assert follower.refused == []


def test_a_retired_challenger_and_a_changed_share_are_followed(follower: Follower) -> None:
    follower.add("second")
    for share in (0.1, 0.9):
        follower.challenge("second", share)
        follower.reload.look()
    follower.registry.retire_challenger(by="test", reason="test", at=AT)
    follower.reload.look()
    assert [(one.share, one.challenger is None) for one in follower.lineups] == [(0.1, False), (0.9, False), (0, True)]


def test_a_tampered_model_is_refused_once_and_the_old_one_serves_on(
    follower: Follower, caplog: pytest.LogCaptureFixture
) -> None:
    follower.add("second")
    follower.promote("second")
    tamper(follower.stored("second"))
    for _ in range(5):
        follower.reload.look()
    assert follower.lineups == []
    assert follower.refused == [("champion", "second")]
    assert follower.reload.refused == ["second"]
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert "second is refused; first serves on" in errors[0]
    assert "model.onnx" in errors[0]


def test_a_refused_model_is_tried_again_after_a_while(follower: Follower, caplog: pytest.LogCaptureFixture) -> None:
    follower.add("second")
    follower.promote("second")
    file = follower.stored("second") / "model.onnx"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])  # a copy under way
    follower.reload.look()
    file.write_bytes(whole)
    follower.now_s = AGAIN_S - 1
    follower.reload.look()
    assert follower.lineups == []
    follower.now_s = AGAIN_S + 1
    follower.reload.look()
    assert follower.names() == [("second", "")]
    assert follower.reload.refused == []
    assert sum(record.levelno == logging.ERROR for record in caplog.records) == 1


def test_a_refused_champion_is_forgotten_when_another_is_promoted(follower: Follower) -> None:
    follower.add("second")
    follower.add("third", seed=3)
    follower.promote("second")
    tamper(follower.stored("second"))
    follower.reload.look()
    follower.promote("third")
    follower.reload.look()
    assert follower.names() == [("third", "")]
    assert follower.reload.refused == []


def test_a_challenger_that_is_refused_does_not_keep_the_champion_from_taking_over(follower: Follower) -> None:
    follower.add("second")
    follower.add("third", broken=True)
    follower.promote("second")
    follower.challenge("third")
    follower.reload.look()
    assert follower.names() == [("second", "")]
    assert follower.refused == [("challenger", "third")]


def test_a_damaged_pointer_is_said_once_and_the_model_in_memory_serves_on(
    follower: Follower, caplog: pytest.LogCaptureFixture
) -> None:
    pointer = follower.folder / "registry" / "state.json"
    whole = pointer.read_bytes()
    pointer.write_bytes(whole[:-5])
    for _ in range(3):
        follower.reload.look()
    assert [record.getMessage()[:40] for record in caplog.records] == ["The model registry cannot be read; first"]
    pointer.write_bytes(whole)
    follower.reload.look()
    assert "can be read again" in caplog.text
    assert follower.lineups == []


def test_the_thread_follows_until_it_is_stopped(follower: Follower) -> None:
    follower.reload.start(0.01)
    follower.add("second")
    follower.promote("second")
    wait_until(lambda: follower.names() == [("second", "")], what="the second takes over")
    follower.reload.stop()


def test_a_worker_begins_with_the_champion_and_follows_the_registry(follower: Follower) -> None:
    begun = first_model(Settings(registry=str(follower.folder / "registry")))
    assert (begun.scorer.version, begun.version, begun.registry is not None) == ("first", "first", True)


def test_a_model_that_is_named_is_not_replaced(follower: Follower) -> None:
    for model in ("first", "trivial", str(follower.folder / "made" / "first")):
        begun = first_model(Settings(registry=str(follower.folder / "registry"), model=model))
        assert begun.registry is None


def test_a_worker_does_not_begin_with_a_tampered_champion_and_says_what_to_do(follower: Follower) -> None:
    tamper(follower.stored("first"))
    with pytest.raises(ModelError, match=r"(?s)first, the champion of .* cannot serve.*undertone models rollback"):
        first_model(Settings(registry=str(follower.folder / "registry")))


class Odd(TrivialScorer):
    """A model with labels of its own."""

    def __init__(self, topics: tuple[str, ...] = TrivialScorer.topics, version: str = "odd-1") -> None:
        self.topics = topics  # type: ignore[assignment]
        self.version = version


@pytest.mark.parametrize("topics", [(), ("Oil", "Oil"), ("Oil", ""), ("Oil", "Gold\tSilver"), ("Oil", "a\nb")])
def test_topics_that_cannot_name_a_window_are_refused(topics: tuple[str, ...]) -> None:
    with pytest.raises(ModelError, match="cannot name a window"):
        check(Odd(topics))


def test_a_version_that_cannot_be_a_field_is_refused() -> None:
    with pytest.raises(ModelError, match="cannot name a window"):
        check(Odd(version="v1\tv2"))


def test_scores_that_do_not_fit_the_labels_are_refused() -> None:
    with pytest.raises(ModelError, match="its 2 labels of topic"):
        check(Odd(("Oil", "Gold")))


def test_other_sentiments_than_the_windows_count_are_refused(tmp_path: Path) -> None:
    folder = small_model(tmp_path, "odd", seed=1, sentiments=("bad", "good"))
    with pytest.raises(ModelError, match="has the sentiments bad, good; a stream counts negative, neutral, positive"):
        check(load_scorer(folder))


def test_a_model_that_gives_no_numbers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a number"):
        check(load_scorer(small_model(tmp_path, "odd", seed=1, broken=True)))
