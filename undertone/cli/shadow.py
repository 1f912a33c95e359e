"""``undertone models shadow``: what a challenger that runs in shadow answers otherwise than the champion."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from undertone.cli.options import Json, RedisUrl, Stream, settings
from undertone.cli.output import local_time, print_json, table

if TYPE_CHECKING:
    from undertone.shadow_store import Disagreement, Example, Pair

DEFAULT_HOURS = 24


def shadow(
    stream: Stream = "news",
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="Event time, UTC (default: 24 hours back).", show_default=False),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option("--to", metavar="TIME", help="Not included (default: the newest counted).", show_default=False),
    ] = None,
    examples: Annotated[int, typer.Option(min=0, help="Examples to print for each pair of models.")] = 5,
    redis_url: RedisUrl = None,
    as_json: Json = False,
) -> None:
    """Print how often the challenger differs from the champion on the messages that both saw, by whole hours."""
    from undertone.errors import InputError
    from undertone.keys import SHADOW_BUCKET_S
    from undertone.messages import from_ms
    from undertone.replay import parse_moment
    from undertone.shadow_store import ShadowStore, total
    from undertone.store import Store
    from undertone.topics import STREAMS
    from undertone.trends import bucket

    if stream not in STREAMS:
        raise InputError(f"stream {stream!r} is not known: valid are {', '.join(STREAMS)}")
    store = Store.open(settings(redis_url=redis_url).redis_url)
    newest_ms = store.newest_ms(stream)
    now_ms = newest_ms if newest_ms >= 0 else int(time.time() * 1000)
    end_ms = parse_moment(end) if end else (bucket(now_ms, SHADOW_BUCKET_S) + SHADOW_BUCKET_S) * 1000
    start_ms = parse_moment(start) if start else end_ms - DEFAULT_HOURS * 3_600_000
    if start_ms >= end_ms:
        raise InputError(
            f"--from {from_ms(start_ms):%Y-%m-%dT%H:%MZ} is not before --to {from_ms(end_ms):%Y-%m-%dT%H:%MZ}"
        )
    found = ShadowStore(store.redis)
    kept = found.examples(stream, start_ms, end_ms)
    times = {"start": from_ms(start_ms), "end": from_ms(end_ms)}
    pairs = found.disagreement(stream, start_ms, end_ms)
    for pair, hours in pairs.items():
        its = [one for one in kept if (one.champion, one.challenger) == pair][:examples]
        disagreement = total(hours.values())
        if as_json:
            names = {"stream": stream, "champion": pair.champion, "challenger": pair.challenger}
            print_json(names | times | disagreement.as_json() | {"examples": [_shape(one) for one in its]})
        else:
            _print(stream, pair, disagreement, its)
    if not pairs and not as_json:
        print("No challenger ran in shadow there.")


def _print(stream: str, pair: Pair, found: Disagreement, examples: list[Example]) -> None:
    from undertone.messages import SENTIMENTS

    print(f"{stream}: challenger {pair.challenger} against champion {pair.champion}")
    print(f"  {found.compared:,} compared, {found.skipped:,} skipped while the worker was busy")
    if found.compared:
        differs = ((found.sentiment_differs, "sentiment"), (found.topic_differs, "topic"))
        print("  " + ", ".join(f"{n:,} ({n / found.compared:.1%}) with another {what}" for n, what in differs))
        columns = [("champion ↓  challenger →", "left"), *((name, "right") for name in SENTIMENTS)]
        rows = [(ours, *(f"{n:,}" for n in row)) for ours, row in zip(SENTIMENTS, found.sentiment, strict=True)]
        table(columns, rows)
    if examples:
        columns = [(name, "left") for name in ("published (UTC)", "position", "id", "champion", "challenger")]
        table(columns, [_row(one) for one in examples], title="Examples")


def _row(one: Example) -> tuple[str, ...]:
    champion = f"{one.champion_sentiment}, {one.champion_topic}"
    challenger = f"{one.challenger_sentiment}, {one.challenger_topic}"
    return local_time(one.published_ms), one.position, one.id, champion, challenger


def _shape(one: Example) -> dict[str, Any]:
    import msgspec

    shape: dict[str, Any] = msgspec.to_builtins(one)
    return {name: value for name, value in shape.items() if name not in ("champion", "challenger")}
