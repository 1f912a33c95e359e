"""Files of texts as messages in the order and at the pace of their own event times.

Says what a column means, makes messages of rows and spaces them in time. Reads no clock: whoever sends gives it.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import xxhash

from undertone.errors import InputError, Rejected
from undertone.feed_files import Layout, Problem, Row, format_of, read
from undertone.messages import Message, decode, from_ms, to_ms

DAY_MS = 86_400_000

GUESSES: Mapping[str, tuple[str, ...]] = {
    "text": ("text", "headline", "headlines", "tweet", "message", "content", "comment", "sentence"),
    "title": ("title",),
    "body": ("body", "description", "summary"),
    "time": ("published_at", "time", "timestamp", "datetime", "created_at", "ts_ms", "ts", "date", "published"),
    "id": ("id", "message_id", "tweet_id", "guid"),
    "source": ("source", "publisher"),
    "entities": ("entities", "tickers", "symbols", "ticker", "symbol"),
    "author": ("author", "user", "username", "user_id"),
    "url": ("url", "link"),
    "lang": ("lang", "language"),
}
"""What a column is called when nobody says so; the first that a row has wins."""

UNITS_MS = {"s": 1000.0, "ms": 1.0, "us": 1e-3, "ns": 1e-6}

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_DATE = re.compile(r"\d{4}-?\d{2}-?\d{2}")
_SPLIT = re.compile(r"[,;|]")


class Due(NamedTuple):
    """One message that is ready to be sent: its event time, its key and its JSON."""

    published_ms: int
    key: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column holds what; a role that is not named is guessed from GUESSES.

    Attributes:
        columns: Role → column, for roles of GUESSES.
        source: Given to rows that name none; empty means the file's name.
        time_unit: ``auto`` or one of UNITS_MS, for times that are numbers since 1970.
        time_format: strptime format of times that are text; empty means ISO 8601.
        spread_dates: Spread the rows of a day without a time of day evenly over it, else they are a second apart.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    time_unit: str = "auto"
    time_format: str = ""
    spread_dates: bool = False

    def __post_init__(self) -> None:
        if self.time_unit != "auto" and self.time_unit not in UNITS_MS:
            raise InputError(f"time unit {self.time_unit!r} is not known: valid are auto, {', '.join(UNITS_MS)}")


class _Draft(NamedTuple):
    """A row that has become a message but for a time of day that its file does not know."""

    at_ms: int
    whole_day: bool
    line: int
    fields: dict[str, Any]


class Feed:
    """The messages of one file. ``problems`` is told of every row that is refused, as it is met."""

    def __init__(
        self,
        path: Path,
        layout: Layout,
        mapping: Columns,
        problems: Callable[[Problem], None],
        advance: Callable[[int], None] | None = None,
    ) -> None:
        self.path = path
        self._layout = layout
        self._mapping = mapping
        self._problems = problems
        self._advance = advance
        self._source = mapping.source or path.name.split(".", 1)[0]
        self._roles: dict[str, tuple[str, ...]] = {}

    def in_order(self) -> list[Due]:
        """All messages by event time; those of one instant in the order of the file. Holds them in memory."""
        drafts = sorted(self._drafts(), key=lambda draft: draft.at_ms)
        return sorted((due for due in self._timed(drafts)), key=lambda due: due.published_ms)

    def as_it_is(self) -> Iterator[Due]:
        """The messages as the file has them, one by one; a row that is earlier than its forerunner is refused."""
        if self._mapping.spread_dates:
            raise InputError("dates can only be spread when the whole file is sorted: leave out --sorted")
        latest = -1
        for due, line in self._numbered(self._drafts()):
            if due.published_ms < latest:
                reason = f"{from_ms(due.published_ms).isoformat()} is before the row above: leave out --sorted"
                self._problems(Problem(str(self.path), line, reason))
                continue
            latest = due.published_ms
            yield due

    def _drafts(self) -> Iterator[_Draft]:
        for row in read(self.path, self._layout, self._advance):
            if isinstance(row, Problem):
                self._problems(row)
                continue
            try:
                yield self._draft(row)
            except Rejected as error:
                self._problems(Problem(str(self.path), row.line, str(error)))

    def _draft(self, row: Row) -> _Draft:
        cells = row.fields
        if not self._roles:
            self._roles = self._find_columns(cells)
        time = self._value(cells, "time")
        if time is None:
            raise Rejected("missing-field", f"no time in {_either(self._roles['time'], cells)}")
        at_ms, whole_day = parse_time(time, self._mapping.time_unit, self._mapping.time_format)
        fields: dict[str, Any] = {
            name: str(value)
            for name in ("text", "title", "body", "author", "url", "lang")
            if (value := self._value(cells, name)) is not None
        }
        if not fields.keys() & {"text", "title", "body"}:
            raise Rejected("missing-text", f"no text in {_either(self._roles['text'], cells)}")
        fields["source"] = str(self._value(cells, "source") or self._source)
        fields["entities"] = _entities(self._value(cells, "entities"))
        given = self._value(cells, "id")
        if given is not None:
            fields["id"] = str(given)
        return _Draft(at_ms, whole_day, row.line, fields)

    def _timed(self, drafts: list[_Draft]) -> Iterator[Due]:
        sizes: dict[int, int] = {}
        if self._mapping.spread_dates:
            for draft in drafts:
                if draft.whole_day:
                    sizes[draft.at_ms] = sizes.get(draft.at_ms, 0) + 1
        return (due for due, _ in self._numbered(drafts, sizes))

    def _numbered(self, drafts: Iterable[_Draft], sizes: Mapping[int, int] | None = None) -> Iterator[tuple[Due, int]]:
        """Messages with their lines; the n-th row of a day without a time of day gets the n-th place in it."""
        seen: dict[int, int] = {}
        for draft in drafts:
            at_ms = draft.at_ms
            if draft.whole_day:
                place = seen.get(draft.at_ms, 0)
                seen[draft.at_ms] = place + 1
                step_ms = DAY_MS // sizes[draft.at_ms] if sizes else 1000
                at_ms += min(place * step_ms, DAY_MS - 1)
            try:
                yield _due(at_ms, draft.fields), draft.line
            except Rejected as error:
                self._problems(Problem(str(self.path), draft.line, str(error)))

    def _value(self, cells: Mapping[str, Any], role: str) -> Any:
        for name in self._roles[role]:
            value = cells.get(name)
            if value is not None and value != "":
                return value
        return None

    def _find_columns(self, cells: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        by_name = {name.lower(): name for name in cells}
        chosen = self._mapping.columns
        roles = {
            role: (chosen[role],) if role in chosen else tuple(by_name.get(name, name) for name in names)
            for role, names in GUESSES.items()
        }
        if (self._layout.format or format_of(self.path)) == "jsonl":
            return roles  # each line has fields of its own
        there = f"it has {', '.join(cells)}"
        for name in chosen.values():
            if name not in cells:
                raise InputError(f"{self.path} has no column {name!r}: {there}")
        for wanted, needed in (("time", ("time",)), ("text", ("text", "title", "body"))):
            if not any(name in cells for role in needed for name in roles[role]):
                raise InputError(f"{self.path} has no column that looks like a {wanted}: {there}. {_HINT}")
        return roles


_HINT = "Give --time-column and --text-column, or --columns date,text where the file has no header line"


def _either(names: Iterable[str], cells: Mapping[str, Any]) -> str:
    there = [name for name in names if name in cells]
    return f"{there[0]!r}" if there else f"any of {', '.join(names)}"


def merged(feeds: Iterable[Feed], *, already_sorted: bool) -> Iterator[Due]:
    """The messages of all files in event-time order; see :meth:`Feed.in_order` and :meth:`Feed.as_it_is`."""
    parts: list[Iterable[Due]] = [feed.as_it_is() if already_sorted else feed.in_order() for feed in feeds]
    return heapq.merge(*parts, key=lambda due: due.published_ms)


def between(messages: Iterable[Due], start_ms: int | None, end_ms: int | None, limit: int | None) -> Iterator[Due]:
    """The first `limit` of the messages published in [start, end)."""
    taken = 0
    for due in messages:
        if (start_ms is not None and due.published_ms < start_ms) or (
            end_ms is not None and due.published_ms >= end_ms
        ):
            continue
        if limit is not None and taken >= limit:
            return
        taken += 1
        yield due


def paced(
    messages: Iterable[Due], speed: float | None, clock: Callable[[], float], sleep: Callable[[float], None]
) -> Iterator[Due]:
    """The same messages, held back so that `speed` seconds of event time pass in a second; None holds none back."""
    begun: tuple[float, int] | None = None
    for due in messages:
        if speed is not None:
            if begun is None:
                begun = (clock(), due.published_ms)
            wait_s = begun[0] + (due.published_ms - begun[1]) / 1000 / speed - clock()
            if wait_s > 0:
                sleep(wait_s)
        yield due


def parse_speed(text: str) -> float | None:
    """Event seconds in a second, from ``60`` or ``max`` (None).

    Raises:
        InputError: for any other text.
    """
    if text == "max":
        return None
    try:
        speed = float(text.removesuffix("x"))
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise InputError(f"speed {text!r} cannot be used: valid is a number above 0, such as 60, or 'max'")
    return speed


def parse_moment(text: str) -> int:
    """Milliseconds of a date or time that a person gave; without a zone it is UTC.

    Raises:
        InputError: if it is neither.
    """
    try:
        return parse_time(text, "auto", "")[0]
    except Rejected as error:
        raise InputError(f"{text!r} is not a time: valid is 2014-02-19 or 2014-02-19T22:03:00Z") from error


def parse_time(value: object, unit: str = "auto", format: str = "") -> tuple[int, bool]:
    """Milliseconds since 1970 of a cell, and whether it is a date without a time of day. Without a zone it is UTC.

    Raises:
        Rejected: with reason ``bad-date`` if it is no time, or not one from 1970 to 9999.
    """
    try:
        at_ms, whole_day = _parse(value, unit, format)
        from_ms(at_ms)
    except (ValueError, OverflowError, OSError) as error:
        raise Rejected("bad-date", f"{str(value)[:60]!r} is not a time: {error}") from error
    if at_ms < 0:
        raise Rejected("bad-date", f"{str(value)[:60]!r} is before 1970")
    return at_ms, whole_day


def _parse(value: object, unit: str, format: str) -> tuple[int, bool]:
    if isinstance(value, datetime):
        return to_ms(_aware(value)), False
    if isinstance(value, date):
        return to_ms(datetime(value.year, value.month, value.day, tzinfo=UTC)), True
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("a text, a number or a date is needed")
    if isinstance(value, str):
        text = value.strip()
        if format:
            moment = _aware(datetime.strptime(text, format))  # noqa: DTZ007  # _aware gives it a zone
            return to_ms(moment), not re.search("%[HIscXfp]", format)
        whole_day = _DATE.fullmatch(text) is not None
        if whole_day or not _NUMBER.fullmatch(text):
            return to_ms(_aware(datetime.fromisoformat(text))), whole_day
        value = float(text) if "." in text else int(text)
    return _since_1970(value, unit), False


def _since_1970(value: float, unit: str) -> int:
    if unit == "auto":
        # 1e11 is the year 5138 in seconds and March 1973 in milliseconds; three digits on for each finer unit.
        unit = next((name for name, limit in (("s", 1e11), ("ms", 1e14), ("us", 1e17)) if abs(value) < limit), "ns")
    if isinstance(value, int) and unit in ("s", "ms"):
        return value * int(UNITS_MS[unit])
    return int(value * UNITS_MS[unit])


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _entities(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    parts = value if isinstance(value, list | tuple) else _SPLIT.split(str(value))
    return tuple(dict.fromkeys(text for part in parts if (text := str(part).strip())))


def _due(at_ms: int, fields: Mapping[str, Any]) -> Due:
    given = fields if "id" in fields else {**fields, "id": _made_id(at_ms, fields)}
    try:
        value = Message(published_at=from_ms(at_ms), **given).encode()
    except UnicodeEncodeError as error:
        raise Rejected("not-utf8", f"the text holds half a surrogate pair at character {error.start + 1}") from error
    decode(value)  # Message itself checks nothing: what the worker would refuse is refused here, with its line
    return Due(at_ms, str(given["id"]).encode(), value)


def _made_id(at_ms: int, fields: Mapping[str, Any]) -> str:
    """The same for the same source, time and text, so that a second replay is not counted again."""
    parts = (fields["source"], str(at_ms), *(fields.get(name, "") for name in ("text", "title", "body")))
    return f"{fields['source']}:{xxhash.xxh3_128_hexdigest(chr(31).join(parts).encode(errors='replace'))}"
