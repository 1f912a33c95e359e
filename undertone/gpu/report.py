"""What was tried to score on a GPU, what serves, and why the rest does not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parity:
    """How far an engine is from fp32 PyTorch on padded batches of random tokens."""

    difference: float
    """The largest absolute difference of a probability."""
    agreement: float
    """The share of (text, head) pairs with the same label."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One engine that was tried. It serves if there is no reason against it."""

    engine: str
    reason: str = ""
    parity: Parity | None = None

    @property
    def serves(self) -> bool:
        return not self.reason

    def __str__(self) -> str:
        found = f"{self.engine} is not used: {self.reason}" if self.reason else self.engine
        if self.parity is None:
            return found
        return (
            f"{found} (probabilities within {self.parity.difference:.4f} of fp32, "
            f"labels the same in {self.parity.agreement:.1%})"
        )


@dataclass(frozen=True, slots=True)
class EngineReport:
    """All attempts in their order; the last one serves, unless none does."""

    device: str
    """The name of the GPU, or ``cpu``."""
    precision: str
    batch: int
    """Most texts in one call of the engine."""
    attempts: tuple[Attempt, ...]

    @property
    def serving(self) -> Attempt | None:
        return next((attempt for attempt in self.attempts if attempt.serves), None)
