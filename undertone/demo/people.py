"""What the people of the demo do: they tend to alerts, label texts, and choose who serves.

They do it by the functions that commands and pages use, and it is recorded under their names, which begin with
``demo-``. When they did it is event time, in which the demo's past took place.
"""

from __future__ import annotations

from datetime import timedelta

from undertone.alert_store import AlertStore
from undertone.demo.episodes import ANNA, BEN, Deed
from undertone.demo.stream import Event
from undertone.false_alarm import Verdicts, corrections
from undertone.labels import log
from undertone.labels.judge import judge
from undertone.lifecycle import LEADS_TO, Action
from undertone.messages import SENTIMENTS, Alert, Evidence, Label, Said, Sentiment, from_ms, to_ms
from undertone.model import artefact
from undertone.registry import SHIPPED_VERSION, Registry
from undertone.settings import Settings
from undertone.store import Store
from undertone.topics import STREAMS

DAY_MS = 86_400_000
AGREED, DISPUTED = 8, 4
"""Texts of the last day that two people label alike, and otherwise."""
SHADOW_SHARE = 0.1
SOURCE = "demo"
MOST = 1_000


class People:
    """Acts on the alerts and texts of one store."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._alerts = AlertStore(store.redis)

    def past(self) -> int:
        """How many alerts there are."""
        return len(self._alerts.list(limit=MOST))

    def alerts(self, event: Event) -> list[Alert]:
        """The alerts on the company of an event that fired since it began."""
        begun = from_ms(event.begins)
        return [
            one
            for one in self._alerts.list(limit=MOST)
            if one.entity == event.episode.company and one.fired_at >= begun
        ]

    def tend(self, event: Event) -> None:
        """Do to the alerts on an event what is written of it; what an alert's state does not allow is left."""
        for alert in self.alerts(event):
            for deed in event.episode.deeds:
                now = self._alerts.get(alert.id)
                if now is not None and now.state in LEADS_TO[deed.action]:
                    self._do(now, deed)

    def _do(self, alert: Alert, deed: Deed) -> None:
        at = alert.fired_at + timedelta(minutes=deed.after_min)
        labels: list[Label] = []
        if deed.action is Action.WRONG:
            labels = corrections(alert, by=deed.by, at=at, sentiment=deed.sentiment, why=deed.why)
        self._alerts.act(alert.id, deed.action, deed.by, to_ms(at), why=deed.why, to=deed.to, labels=labels)
        if labels:
            Verdicts(self._alerts.redis).carry(self._settings, SOURCE)

    def label(self, end_ms: int) -> int:
        """Label some texts of the day before ``end_ms``; how many labels were sent."""
        begin_ms = end_ms - DAY_MS
        told = [one for stream in STREAMS for one in self._store.evidence(stream, begin_ms, end_ms)]
        told.sort(key=lambda one: (one.p, one.position))
        at_ms = end_ms - 60_000
        both = [(one, who, one.sentiment) for one in told[-AGREED:] for who in (ANNA, BEN)]
        split = [
            (one, who, said) for one in told[:DISPUTED] for who, said in ((ANNA, one.sentiment), (BEN, _other(one)))
        ]
        labels = [_label(one, who, said, at_ms) for one, who, said in both + split]
        return log.send(self._settings, labels)


def _other(one: Evidence) -> Sentiment:
    """Another sentiment than the model's."""
    return Sentiment(SENTIMENTS[(SENTIMENTS.index(one.sentiment) + 1) % len(SENTIMENTS)])


def _label(one: Evidence, by: str, said: Sentiment, at_ms: int) -> Label:
    return judge(
        one.text,
        by=by,
        at=from_ms(at_ms),
        sentiment=said,
        model=one.model,
        position=one.position,
        was=Said(sentiment=one.sentiment, sentiment_probability=one.p, topic=one.topic),
        source=SOURCE,
    )


class Committee:
    """Chooses who serves, in a registry of its own."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def begin(self, at_ms: int) -> None:
        """The small model first."""
        fast = self._registry.add(artefact.FAST).version
        self._registry.promote(fast, by=BEN, reason="small and quick, to begin with", at=from_ms(at_ms))

    def crown(self, at_ms: int) -> str:
        """The accurate model takes over; returns its version as scores carry it."""
        self._registry.promote(
            SHIPPED_VERSION, by=ANNA, reason="better on every set (docs/model-card.md)", at=from_ms(at_ms)
        )
        return self._registry.manifest(SHIPPED_VERSION).version

    def challenge(self, at_ms: int) -> None:
        """The small one runs in shadow."""
        fast = self._registry.add(artefact.FAST).version
        self._registry.promote(
            fast,
            by=BEN,
            reason="how often would it differ?",
            at=from_ms(at_ms),
            as_challenger=True,
            shadow_share=SHADOW_SHARE,
        )
