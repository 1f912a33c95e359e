"""The records of the ``labels`` topic: labels and releases with the time at which Kafka took them."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import msgspec

from undertone.errors import Rejected
from undertone.messages import Label, Release

_labels = msgspec.json.Decoder(Label)
_releases = msgspec.json.Decoder(Release)


class Arrival(NamedTuple):
    """A label and when it came. ``labelled_at`` is the producer's claim; ``arrived_at`` is Kafka's."""

    label: Label
    arrived_at: datetime


class ReleaseArrival(NamedTuple):
    """A release and when it came; it covers labels that came no later."""

    release: Release
    arrived_at: datetime


class Unreadable(NamedTuple):
    """A record that is neither: its offset and why. Nobody's label is lost with it, and no neighbour suffers."""

    offset: int
    reason: str


class Log(NamedTuple):
    """All that the topic holds."""

    labels: tuple[Arrival, ...] = ()
    releases: tuple[ReleaseArrival, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()

    def until(self, moment: datetime) -> Log:
        """The log as it was at a moment."""
        return Log(
            tuple(one for one in self.labels if one.arrived_at <= moment),
            tuple(one for one in self.releases if one.arrived_at <= moment),
            self.unreadable,
        )


class _Kind(msgspec.Struct):
    releases: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_kinds = msgspec.json.Decoder(_Kind)


def decode(value: bytes | None) -> Label | Release:
    """The label or the release in a record's value: a release is what has the field ``releases``.

    Raises:
        Rejected: with reason ``tombstone``, ``not-utf8``, ``not-json`` or ``wrong-type``; the detail names the field.
    """
    if value is None:
        raise Rejected("tombstone", "the record has no value")
    try:
        value.decode()
        is_release = _kinds.decode(value).releases is not msgspec.UNSET
        return _releases.decode(value) if is_release else _labels.decode(value)
    except UnicodeDecodeError as bad:
        raise Rejected("not-utf8", f"byte {bad.start} is not UTF-8: {bad.reason}") from bad
    except msgspec.ValidationError as error:
        raise Rejected("wrong-type", str(error)) from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise Rejected("not-json", str(error)) from error
