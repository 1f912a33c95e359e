"""What the worker logs: one line each, as text or JSON, never the text of a message, and no floods.

aiokafka repeats itself many times a second while a broker is away, and Faust shows tracebacks of what is only an
outage. Both are cut down here.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from datetime import UTC, datetime

FOREIGN = ("aiokafka", "kafka", "faust", "mode", "asyncio")
REPEAT_S = 10.0
TEMPLATES_KEPT = 1_000


class Repeats(logging.Filter):
    """Lets a foreign line through once in REPEAT_S for each place that logs it; says how many were left out."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, int], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(FOREIGN):
            return True
        place, now = (record.pathname, record.lineno), time.monotonic()
        with self._lock:
            said, left_out = self._seen.get(place, (float("-inf"), 0))
            if now - said < REPEAT_S:
                self._seen[place] = said, left_out + 1
                return False
            if len(self._seen) >= TEMPLATES_KEPT:
                self._seen.clear()
            self._seen[place] = now, 0
        if left_out:
            record.msg, record.args = f"{record.getMessage()} (and {left_out} more like it)", ()
        return True


class Errors(logging.Filter):
    """Counts lines of level ERROR and above."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def filter(self, record: logging.LogRecord) -> bool:
        self.count += record.levelno >= logging.ERROR
        return True


class _Line(logging.Formatter):
    """One line for each record. Tracebacks are for those who ask for DEBUG."""

    def __init__(self, *, as_json: bool, tracebacks: bool) -> None:
        super().__init__()
        self._as_json = as_json
        self._tracebacks = tracebacks

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        text = " ".join(record.getMessage().split())
        trace = self.formatException(record.exc_info) if record.exc_info and self._tracebacks else ""
        if self._as_json:
            fields = {"at": at, "level": record.levelname.lower(), "logger": record.name, "message": text}
            return json.dumps(fields | ({"traceback": trace} if trace else {}), ensure_ascii=False)
        line = f"{at} {record.levelname.lower():8} {record.name}: {text}"
        return f"{line}\n{trace}" if trace else line


def configure(level: str, *, as_json: bool) -> Errors:
    """Send all logs of the process to standard error; returns the count of errors."""
    errors = Errors()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line(as_json=as_json, tracebacks=level == "DEBUG"))
    handler.addFilter(errors)
    handler.addFilter(Repeats())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in FOREIGN:
        logging.getLogger(name).setLevel(level if level == "DEBUG" else max(logging.WARNING, root.level))
    return errors
