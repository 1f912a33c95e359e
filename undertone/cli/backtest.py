"""``undertone backtest``: what would have rung on messages of the past, and what of it under other rules."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from undertone.cli.file_options import Format
from undertone.cli.options import Bootstrap, EntitiesFile, Json, Model, Stream, settings
from undertone.cli.output import notes, print_json, progress, table

if TYPE_CHECKING:
    import pyarrow

    from stream.backtest import Ringing
    from stream.backtest_page import Part
    from stream.backtest_report import Pair
    from stream.scored_log import ScoredLog
    from undertone.rules import Rules
    from undertone.settings import Settings

KAFKA = "kafka"
SHOWN = 40
_SHIPPED = "rules that ship"

ScoredSource = Annotated[
    str,
    typer.Option("--source", metavar="FILE|kafka", help="Scored messages, or texts, which are scored once and kept."),
]


def backtest(
    rules: Annotated[
        list[Path] | None,
        typer.Option("--rules", metavar="FILE", help="Rules; twice to compare two (default: those that ship)."),
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="First event time, UTC.", show_default=False)
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="End of event time (not included).", show_default=False)
    ] = None,
    source: ScoredSource = KAFKA,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write report.html and alerts.json there.", show_default=False),
    ] = None,
    warm_up: Annotated[
        int, typer.Option(min=0, metavar="DAYS", help="Days before --from that are read to learn what is usual.")
    ] = 28,
    stream: Stream = "comments",
    format: Format = "",
    model: Model = None,
    entities_file: EntitiesFile = None,
    bootstrap_servers: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Replay scored messages through the watch's own rules and print what would have rung, when and on what evidence.

    A file of scored messages has the columns of the scored topic. A file of texts is scored by the model first, as
    `undertone replay` reads it, and its scores are kept beside it. With --json: one alert on a line.
    """
    from undertone.errors import InputError
    from undertone.replay import parse_moment

    chosen = settings(bootstrap_servers=bootstrap_servers, model=model, entities_file=entities_file)
    named = _rules(rules or ([chosen.rules] if chosen.rules else []))
    start_ms, end_ms = (None if text is None else parse_moment(text) for text in (start, end))
    if start_ms is not None and end_ms is not None and start_ms >= end_ms:
        raise InputError(f"--from {start} is not before --to {end}: nothing lies between them")
    learn_ms = None if start_ms is None else start_ms - warm_up * 86_400_000
    whole = split_by_stream(read_scored(source, chosen, stream, format), stream)
    logs = {name: log.between(learn_ms, end_ms) for name, log in whole.items()}
    parts = [_part(name, one, logs, start_ms) for name, one in named]
    if not sum(map(len, logs.values())):
        notes().print("There is no scored message in this period.")
    _tell(parts, out, logs, as_json=as_json)


def _rules(files: list[Path]) -> list[tuple[str, Rules]]:
    from undertone.errors import InputError
    from undertone.rules import Rules

    if len(files) > 2:
        raise InputError(f"--rules was given {len(files)} times: two files can be compared")
    names = [file.name for file in files]
    if len(set(names)) < len(names):
        names = [str(file) for file in files]
    if len(set(names)) < len(names):
        raise InputError(f"--rules names {names[0]} twice: give two different files to compare them")
    return [(name, Rules.load(file)) for name, file in zip(names, files, strict=True)] or [(_SHIPPED, Rules.shipped())]


def read_scored(source: str, chosen: Settings, stream: str, format: str) -> pyarrow.Table:
    """The scored messages of a source; texts are scored unless that has been done."""
    from stream import scored_files

    if source == KAFKA:
        return scored_files.read_topic(chosen)
    path = Path(source)
    if scored_files.is_scored(path, format=format):
        return scored_files.read_file(path, format=format)
    return _judged(path, chosen, stream, format)


def _judged(path: Path, chosen: Settings, stream: str, format: str) -> pyarrow.Table:
    from stream import scored_files
    from stream.judging import judge
    from undertone import replay
    from undertone.cli.replay import Refused
    from undertone.feed_files import Layout
    from undertone.messages import decode
    from undertone.registry import resolve
    from undertone.scorer import load_scorer

    scorer = load_scorer(resolve(chosen), threads=chosen.threads)
    state = path.stat()
    kept = path.with_name(f"{path.name}.{scorer.version}.{state.st_size:x}-{state.st_mtime_ns:x}.scored.parquet")
    if kept.is_file():
        return scored_files.read_file(kept)
    notes().print(f"{path} holds texts: they are scored once, and the scores kept as {kept.name}.", soft_wrap=True)
    refused = Refused()
    messages = [decode(due.value) for due in replay.Feed(path, Layout(format), replay.Columns(), refused).in_order()]
    with progress() as bars:
        task = bars.add_task("Scoring", total=len(messages))
        found = judge(messages, scorer, settings=chosen, stream=stream, advance=lambda n: bars.advance(task, n))
    scored_files.write(found, kept)
    return found


def split_by_stream(found: pyarrow.Table, stream: str) -> dict[str, ScoredLog]:
    """The logs by stream: that of each message where the source tells it."""
    import pyarrow.compute as pc

    from stream.scored_log import from_table

    if "stream" not in found.column_names:
        return {stream: from_table(found)}
    names = pc.fill_null(found["stream"], stream)
    different = sorted(pc.unique(names).to_pylist()) or [stream]
    return {one: from_table(found.filter(pc.equal(names, one))) for one in different}


def _part(name: str, rules: Rules, logs: dict[str, ScoredLog], start_ms: int | None) -> Part:
    from stream.backtest import backtest as replayed
    from stream.backtest import span
    from stream.backtest_page import Part
    from stream.backtest_report import budget, totals
    from undertone.messages import to_ms

    found: list[Ringing] = []
    days = 0.0
    with progress() as bars:
        for stream, log in logs.items():
            if not len(log):
                continue
            task = bars.add_task(f"{name}, {stream} (hours)", total=span(log)[1])
            found += replayed(log, rules, stream=stream, advance=lambda n, task=task: bars.advance(task, n))  # type: ignore[misc]
            begin = int(log.published_ms[0]) if start_ms is None else start_ms
            days = max(days, (int(log.published_ms[-1]) - begin) / 86_400_000)
    counted = sorted(
        (one for one in found if start_ms is None or to_ms(one.fired_at) > start_ms), key=lambda one: one.fired_at
    )
    return Part(name, counted, totals(counted, days), budget(counted, rules))


def _tell(parts: list[Part], out: Path | None, logs: dict[str, ScoredLog], *, as_json: bool) -> None:
    from stream.backtest_report import differences, shape, side_by_side

    pairs = side_by_side(parts[0].found, parts[1].found) if len(parts) == 2 else []
    if out is not None:
        _write(parts, pairs, out, f"{sum(map(len, logs.values())):,} scored messages of {', '.join(logs)}.")
    if as_json:
        for part in parts:
            for one in part.found:
                print_json({**shape(one), **({"rules": part.name} if len(parts) > 1 else {})})
        return
    for part in parts:
        _print(part)
    if pairs:
        told = differences(pairs)
        table([("side by side", "left"), ("", "right")], [(name.replace("_", " "), told[name]) for name in told])
    if out is not None:
        notes().print(f"Written: {out / 'report.html'}, {out / 'alerts.json'}", soft_wrap=True)


def _write(parts: list[Part], pairs: list[Pair], out: Path, period: str) -> None:
    import msgspec

    from stream.backtest_page import page
    from stream.backtest_report import differences, shape
    from undertone.cli.output import SCHEMA_VERSION
    from undertone.errors import InputError

    sets: list[dict[str, Any]] = [
        {"rules": part.name, "totals": part.totals, "budget": part.budget, "alerts": [shape(one) for one in part.found]}
        for part in parts
    ]
    written: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "sets": sets}
    if pairs:
        written["side_by_side"] = differences(pairs)
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "report.html").write_text(page(parts, pairs, period), encoding="utf-8")
        (out / "alerts.json").write_bytes(msgspec.json.format(msgspec.json.encode(written), indent=1) + b"\n")
    except OSError as error:
        raise InputError(f"the report cannot be written to {out}: {error.strerror}. Give another --out") from error


def _print(part: Part) -> None:
    from stream.backtest_page import about

    columns = [("fired (UTC)", "left"), ("severity", "left"), ("about", "left"), ("rule", "left")]
    columns += [("stories", "right"), ("expected", "right"), ("p", "right"), ("told", "right")]
    rows = [
        (
            f"{one.fired_at:%Y-%m-%d %H:%M}",
            one.alert.severity,
            about(one.alert),
            one.alert.rule,
            one.alert.stories,
            f"{one.alert.expected:.1f}",
            f"{one.alert.p_count:.1e}",
            one.notifications,
        )
        for one in part.found[:SHOWN]
    ]
    table(columns, rows, title=part.name)
    if len(part.found) > SHOWN:
        notes().print(f"… and {len(part.found) - SHOWN} more: give --out FOLDER or --json to see all.")
    sums = part.totals
    notes().print(
        f"{sums['alerts']} alerts ({sums['criticals']} critical) of {sums['incidents']} incidents in "
        f"{sums['days']} days; {sums['notifications']} notifications.",
        soft_wrap=True,
    )
    for receiver, days in part.budget.items():
        sent = sum(day.get("sent", 0) for day in days.values())
        held = sum(n for day in days.values() for reason, n in day.items() if reason not in ("sent", "ended"))
        notes().print(f"{receiver}: {sent} sent on {len(days)} days, {held} held.")
