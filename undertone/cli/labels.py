"""``undertone labels``: what people say of texts, who is in quarantine, and letting them out."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from undertone.cli.group import group
from undertone.cli.label_export import export_labels, freeze_gate
from undertone.cli.label_import import import_labels, known_topics
from undertone.cli.options import Bootstrap, Json, settings
from undertone.cli.output import print_json, table

if TYPE_CHECKING:
    from undertone.labels import Arrival, SetAside
    from undertone.messages import Label
    from undertone.settings import Settings

labels = group("What people say of texts, and which of it may train a model.")

By = Annotated[str, typer.Option(help="Who says so.", show_default=False)]
Comment = Annotated[str, typer.Option(help="Why, for those who look at it later.", show_default=False)]
Source = Annotated[str, typer.Option(help="Through what it comes, such as a desk.")]

labels.command("import", epilog="Example: undertone labels import tweets.csv --by desk --sentiment-column mood")(
    import_labels
)
labels.command("export", epilog="Example: undertone labels export train.parquet --gate evaluation.parquet --json")(
    export_labels
)


@labels.command("list", epilog="Example: undertone labels list --conflicts --json")
def list_labels(
    by: Annotated[str | None, typer.Option(help="Only those of this person.", show_default=False)] = None,
    conflicts: Annotated[bool, typer.Option("--conflicts", help="Texts on which the votes are tied.")] = False,
    quarantined: Annotated[bool, typer.Option("--quarantined", help="Labels in quarantine, with reasons.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many; of conflicts and quarantine, so many.")] = 100,
    bootstrap_servers: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Show the newest labels, oldest first; or what is disputed; or what is in quarantine."""
    from undertone import labels as rule
    from undertone.errors import InputError
    from undertone.labels import log

    if conflicts and quarantined:
        raise InputError("Give --conflicts or --quarantined, not both")
    chosen = settings(bootstrap_servers=bootstrap_servers)
    found = log.read(chosen)
    for offset, reason in found.unreadable:
        typer.echo(f"labels:{offset}: not a label: {reason}", err=True)
    who = None if by is None else rule.person(by)
    if conflicts or quarantined:
        seen = rule.review(found, rule.Limits.of(chosen), datetime.now(UTC))
        aside = [
            one
            for one in (seen.disputed if conflicts else seen.quarantined)
            if who is None or who in {rule.person(name) for name in one.by}
        ]
        _show_aside(aside, limit, as_json=as_json, none="No conflicts." if conflicts else "Nothing is in quarantine.")
    else:
        newest = [one for one in found.labels if who is None or rule.person(one.label.labelled_by) == who]
        _show_labels(newest[-limit:], as_json=as_json)


def _show_labels(arrivals: list[Arrival], *, as_json: bool) -> None:
    if as_json:
        for label, arrived_at in arrivals:
            print_json(_shape(label) | {"arrived_at": arrived_at})
        return
    columns = [("at (UTC)", "left"), ("by", "left"), ("source", "left"), ("says", "left"), ("text", "left")]
    rows = [
        (
            f"{label.labelled_at.astimezone(UTC):%Y-%m-%d %H:%M}",
            *map(_plain, (label.labelled_by, label.source, _says(label))),
            _brief(label.text),
        )
        for label, _ in arrivals
    ]
    table(columns, rows) if rows else print("No labels.")


def _show_aside(aside: list[SetAside], limit: int, *, as_json: bool, none: str) -> None:
    from undertone.labels.files import shape_of

    if as_json:
        for one in aside[:limit]:
            print_json(shape_of(one))
        return
    if not aside:
        print(none)
        return
    columns = [("reason", "left"), ("by", "left"), ("about", "left"), ("detail", "left"), ("text", "left")]
    rows = [
        (one.reason, *map(_plain, (", ".join(one.by), one.about, one.detail)), _brief(one.text))
        for one in aside[:limit]
    ]
    table(columns, rows)
    if len(aside) > limit:
        print(f"and {len(aside) - limit:,} more: see --limit")
    people = Counter(name for one in aside for name in one.by)
    print("By person: " + ", ".join(f"{_plain(name)} {count:,}" for name, count in people.most_common(20)))


@labels.command(epilog='Example: undertone labels add "Acme cuts its forecast" --sentiment negative --by maria')
def add(
    text: Annotated[str, typer.Argument(help="The text that is judged.")],
    by: By,
    sentiment: Annotated[str | None, typer.Option(help="negative, neutral or positive.", show_default=False)] = None,
    topic: Annotated[str | None, typer.Option(help="One of the model's topics.", show_default=False)] = None,
    entity: Annotated[str | None, typer.Option(help="As the text names it.", show_default=False)] = None,
    entity_sentiment: Annotated[str | None, typer.Option(help="Towards the entity.", show_default=False)] = None,
    position: Annotated[
        str | None, typer.Option(help="Of the record, such as news-3:1042.", show_default=False)
    ] = None,
    model: Annotated[str, typer.Option(help="Whose answer was wrong.", show_default=False)] = "",
    source: Source = "cli",
    comment: Comment = "",
    any_topic: Annotated[bool, typer.Option("--any-topic", help="Take a topic that the model does not have.")] = False,
    bootstrap_servers: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Say what a text is. What you said of it before no longer counts, as far as you say it anew."""
    from undertone import labels as rule
    from undertone.errors import InputError
    from undertone.labels.judge import sentiment_of

    chosen = settings(bootstrap_servers=bootstrap_servers)
    if topic is not None and not any_topic:
        valid = known_topics(chosen)
        if valid is not None and topic not in valid:
            raise InputError(f"topic {topic!r} is not known: valid are {', '.join(valid)}; or give --any-topic")
    label = rule.judge(
        text,
        by=by,
        at=datetime.now(UTC),
        sentiment=sentiment_of(sentiment),
        topic=topic,
        entity=entity,
        entity_sentiment=sentiment_of(entity_sentiment),
        position=position,
        model=model,
        source=source,
        comment=comment,
    )
    _send(chosen, label, as_json=as_json)


@labels.command(epilog='Example: undertone labels retract "Acme cuts its forecast" --by maria')
def retract(
    text: Annotated[str, typer.Argument(help="The text that was judged.")],
    by: By,
    comment: Comment = "",
    source: Source = "cli",
    bootstrap_servers: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Take back all that you have said of a text."""
    from undertone import labels as rule

    chosen = settings(bootstrap_servers=bootstrap_servers)
    label = rule.judge(text, by=by, at=datetime.now(UTC), source=source, comment=comment, retracts=True)
    _send(chosen, label, as_json=as_json)


@labels.command(epilog='Example: undertone labels release carol --by maria --reason "Checked 40 of them: all right"')
def release(
    who: Annotated[str, typer.Argument(help="Whose labels.")],
    by: By,
    reason: Annotated[str, typer.Option(help="Why they may count; kept on the topic.", show_default=False)],
    bootstrap_servers: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Let the labels that somebody has given until now out of quarantine; later ones are examined again."""
    from undertone import labels as rule
    from undertone.labels import log

    chosen = settings(bootstrap_servers=bootstrap_servers)
    made = rule.release(who, by=by, at=datetime.now(UTC), reason=reason)
    log.send(chosen, [made])
    if as_json:
        print_json({"id": made.id, "releases": made.releases, "released_by": made.released_by, "reason": made.reason})
    else:
        print(f"The labels of {made.releases} until now are released by {made.released_by}.")


labels.command("freeze", epilog="Example: undertone labels freeze evaluation.parquet --to gate.xxh64")(freeze_gate)


def _send(chosen: Settings, label: Label, *, as_json: bool) -> None:
    from undertone.labels import log

    log.send(chosen, [label])
    if as_json:
        print_json(_shape(label))
    else:
        print(f"{label.labelled_by}: {_plain(_says(label))}: {_brief(label.text)}")


def _shape(label: Label) -> dict[str, Any]:
    import msgspec

    shape: dict[str, Any] = msgspec.to_builtins(label)
    shape.pop("schema_version", None)
    return shape


def _says(label: Label) -> str:
    if label.retracts:
        return "taken back"
    towards = f"{label.entity_sentiment} towards {label.entity}" if label.entity and label.entity_sentiment else None
    return ", ".join(filter(None, (label.sentiment, label.topic, towards)))


def _plain(text: str) -> str:
    """Foreign words for a terminal: on one line, and nothing in them may steer it."""
    from undertone.text import clean

    return clean(text)


def _brief(text: str) -> str:
    shown = _plain(text)
    return shown if len(shown) <= 80 else shown[:79] + "…"
