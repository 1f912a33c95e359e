"""``undertone trends``: the windows that a page would show, for a person or a script."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from undertone.cli.options import Json, RedisUrl, Stream, settings
from undertone.cli.output import local_time, print_json, table

if TYPE_CHECKING:
    from undertone.store import Store
    from undertone.trends import Counts

DEFAULT_WINDOWS = 288


def trends(
    stream: Stream = "news",
    topic: Annotated[str | None, typer.Option(help="One topic (default: all of them).", show_default=False)] = None,
    entity: Annotated[
        str | None, typer.Option(help="One company, by ticker or name (default: all texts).", show_default=False)
    ] = None,
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="Event time, UTC (default: 288 windows back).", show_default=False),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option("--to", metavar="TIME", help="Not included (default: the newest counted).", show_default=False),
    ] = None,
    window: Annotated[str, typer.Option(help="1m, 5m, 1h or 1d.")] = "5m",
    models: Annotated[
        bool, typer.Option("--models", help="Which model versions scored the messages of each window, instead.")
    ] = False,
    redis_url: RedisUrl = None,
    as_json: Json = False,
) -> None:
    """Print what was counted, window by window of event time; windows without a message are left out."""
    from undertone.entities import Linker
    from undertone.errors import InputError
    from undertone.keys import WINDOW_TTL_S
    from undertone.messages import from_ms
    from undertone.replay import parse_moment
    from undertone.store import Store
    from undertone.topics import STREAMS
    from undertone.trends import bucket, parse_size

    if stream not in STREAMS:
        raise InputError(f"stream {stream!r} is not known: valid are {', '.join(STREAMS)}")
    size_s = parse_size(window)
    chosen = settings(redis_url=redis_url)
    store = Store.open(chosen.redis_url)
    if topic is not None and topic not in store.topics():
        raise InputError(f"topic {topic!r} is not known: valid are {', '.join(store.topics()) or 'none yet'}")
    symbol = None if entity is None else Linker.load(chosen.entities_file).symbol(entity)
    newest_ms = store.newest_ms(stream)
    now_ms = newest_ms if newest_ms >= 0 else int(time.time() * 1000)
    end_ms = parse_moment(end) if end else (bucket(now_ms, size_s) + size_s) * 1000
    start_ms = parse_moment(start) if start else end_ms - DEFAULT_WINDOWS * size_s * 1000
    if start_ms >= end_ms:
        raise InputError(
            f"--from {from_ms(start_ms):%Y-%m-%dT%H:%MZ} is not before --to {from_ms(end_ms):%Y-%m-%dT%H:%MZ}"
        )
    if (end_ms - start_ms) // 1000 > WINDOW_TTL_S[size_s]:
        days = WINDOW_TTL_S[size_s] // 86_400
        raise InputError(f"windows of {window} are kept for {days} days: ask for less, or for a larger --window")
    if models:
        if topic is not None or entity is not None:
            raise InputError("--models counts the messages of whole windows: leave --topic and --entity out")
        _print_models(store, stream, window, start_ms, end_ms, as_json)
        return
    merged = select(store, stream, size_s, start_ms, end_ms, topic, symbol)
    if as_json:
        for at_s, counts in merged.items():
            place = {"stream": stream, "topic": topic, "entity": symbol, "window": window}
            times = {"start": from_ms(at_s * 1000), "end": from_ms((at_s + size_s) * 1000)}
            print_json(place | times | counts.as_json())
        return
    if not merged:
        print("Nothing was counted there.")
        return
    names = ("messages", "stories", "negative", "neutral", "positive", "net")
    columns = [("window (UTC)", "left"), *((name, "right") for name in names)]
    rows = [
        (local_time(at_s * 1000), one.total_messages, one.total_stories, *one.stories, f"{one.net:+.2f}")
        for at_s, one in merged.items()
    ]
    table(columns, rows, title=f"{stream} · {topic or 'all topics'} · {symbol or 'all texts'} · {window}, by stories")


def select(
    store: Store,
    stream: str,
    size_s: int,
    start_ms: int,
    end_ms: int,
    topic: str | None,
    entity: str | None,
) -> dict[int, Counts]:
    """Counts by window start (seconds), ascending, of one topic or all, and of one entity or all texts."""
    from undertone.trends import Series, total

    names = (topic,) if topic is not None else store.topics()
    series = [Series(name, entity or "") for name in names]
    windows = store.windows(stream, size_s, start_ms, end_ms, series=series)
    return {at_s: total(cells.values()) for at_s, cells in sorted(windows.items()) if cells}


def _print_models(store: Store, stream: str, window: str, start_ms: int, end_ms: int, as_json: bool) -> None:
    from undertone.messages import from_ms
    from undertone.trends import parse_size

    size_s = parse_size(window)
    found = sorted(store.models(stream, size_s, start_ms, end_ms).items())
    if as_json:
        for at_s, versions in found:
            times = {"start": from_ms(at_s * 1000), "end": from_ms((at_s + size_s) * 1000)}
            print_json({"stream": stream, "window": window, **times, "models": dict(sorted(versions.items()))})
    elif not found:
        print("Nothing was counted there.")
    else:
        rows = [(local_time(at_s * 1000), name, n) for at_s, versions in found for name, n in sorted(versions.items())]
        columns = [("window (UTC)", "left"), ("model", "left"), ("messages", "right")]
        table(columns, rows, title=f"{stream} · {window}, messages by model")
