"""The exceptions of Undertone: one root, and one class for each thing a caller can react to.

Every message says what was wrong, what was given, what is valid and what to do.
"""

from __future__ import annotations


class UndertoneError(Exception):
    """Root of all errors that Undertone raises on purpose; its text is fit to show to a person."""


class SettingsError(UndertoneError):
    """A setting has a value that cannot be used; names the variable, the value and what is valid."""


class ModelError(UndertoneError):
    """A model folder is missing, incomplete, altered or unsafe, and was not loaded."""


class StoreError(UndertoneError):
    """Redis cannot be reached, or is set up so that data would be lost."""


class BrokerError(UndertoneError):
    """Kafka cannot be reached, or a topic that is needed does not exist."""


class InputError(UndertoneError):
    """A file or a record given by a person cannot be read; names the line and the reason."""


class Rejected(UndertoneError):
    """One message cannot be used. Its neighbours can; it goes to the dead-letter topic.

    Attributes:
        reason: A short fixed code that is safe as a metric label, such as ``not-json``.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class BusyError(UndertoneError):
    """Another process holds what is needed, and says who it is; later it may be free."""
