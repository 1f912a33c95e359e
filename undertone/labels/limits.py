"""How much of the labels one person, one source or one text may be, and whose word weighs more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from undertone.errors import SettingsError
from undertone.labels.judge import person
from undertone.text import MAX_BYTES

if TYPE_CHECKING:
    from undertone.settings import Settings


@dataclass(frozen=True, slots=True)
class Limits:
    """The guards against poisoning. Reviewers are exempt from all of them, so only the operator can name one.

    Attributes:
        reviewers: Whose word weighs `reviewer_votes` votes, and is what others' words are tested against.
        reviewer_votes: Votes of a reviewer where another person has one.
        person_day: Texts that count of one person on one day (UTC) of arrival.
        source_day: The same of one source.
        person_share: Of the texts that train, the share whose label rests on one person's word alone.
        source_share: The same of one source; 1 is no cap, since many houses have only one.
        share_free: Texts that a person or a source may always give, whatever the share: else nobody could begin.
        flood_texts: So many different texts may nearly repeat each other; when there are more, all are quarantined.
        overlaps: Words that others have judged too, before a person is tested for disagreeing.
        p_disagrees: Quarantine a person whose agreement with the others is this unlikely, or less.
        agreement_ceiling: The agreement that is expected of anybody at most: good people differ, too.
        agreement_floor: The agreement with reviewers that is expected of anybody at least.
        max_text_bytes: Longer texts are set aside.
        future_s: How far `labelled_at` may be ahead of the arrival, for clocks that differ.
    """

    reviewers: frozenset[str] = frozenset()
    reviewer_votes: int = 3
    person_day: int = 2_000
    source_day: int = 5_000
    person_share: float = 0.3
    source_share: float = 1.0
    share_free: int = 500
    flood_texts: int = 20
    overlaps: int = 20
    p_disagrees: float = 1e-3
    agreement_ceiling: float = 0.9
    agreement_floor: float = 0.5
    max_text_bytes: int = MAX_BYTES
    future_s: int = 300

    def __post_init__(self) -> None:
        object.__setattr__(self, "reviewers", frozenset(person(name) for name in self.reviewers))
        for name in ("reviewer_votes", "flood_texts", "overlaps", "max_text_bytes"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name}={getattr(self, name)} cannot be used: valid is 1 or more")
        for name in ("person_day", "source_day", "share_free", "future_s"):
            if getattr(self, name) < 0:
                raise SettingsError(f"{name}={getattr(self, name)} cannot be used: valid is 0 or more")
        for name in ("person_share", "source_share", "p_disagrees", "agreement_ceiling", "agreement_floor"):
            if not 0 <= getattr(self, name) <= 1:
                raise SettingsError(f"{name}={getattr(self, name)} cannot be used: valid is a number from 0 to 1")

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """The limits that the settings name, the other defaults as they are."""
        return cls(
            reviewers=frozenset(settings.label_reviewers),
            person_day=settings.label_person_day,
            source_day=settings.label_source_day,
            person_share=settings.label_person_share,
            source_share=settings.label_source_share,
            max_text_bytes=settings.max_text_bytes,
        )

    def reviews(self, name: str) -> bool:
        """Whether a name is that of a reviewer."""
        return person(name) in self.reviewers

    def votes(self, name: str) -> int:
        """The votes that this person's word has."""
        return self.reviewer_votes if self.reviews(name) else 1
