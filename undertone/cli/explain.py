"""``undertone explain``: which words made the model judge a text as it did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from undertone.cli.options import EntitiesFile, Json, Model, Threads, settings
from undertone.cli.output import console, notes, print_json

if TYPE_CHECKING:
    from rich.text import Text

    from undertone.explain import Explanation


def explain(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The text.", show_default=False)],
    method: Annotated[
        str, typer.Option(help="shapley, occlusion, rollout (attention) or gradients (needs torch).")
    ] = "shapley",
    head: Annotated[
        str | None, typer.Option(help="sentiment, topic or entity (default: sentiment, or entity with --entity).")
    ] = None,
    entity: Annotated[
        str | None, typer.Option(help="Explain the sentiment towards this entity, which the text names.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write a picture: a name with .svg, .html or .png.")
    ] = None,
    model: Model = None,
    threads: Threads = None,
    entities_file: EntitiesFile = None,
    as_json: Json = False,
) -> None:
    """Say which words weigh most in a judgement, and what it would be without them."""
    import msgspec

    from undertone.errors import InputError
    from undertone.explain import Explainer
    from undertone.explain.layout import legend
    from undertone.explain.picture import write
    from undertone.registry import resolve
    from undertone.text import clean

    chosen = settings(model=model, threads=threads, entities_file=entities_file)
    cleaned = clean(text, chosen.max_text_bytes)
    if not cleaned:
        raise InputError("The text is empty: give one with a word in it")
    asked = head or ("entity" if entity else "sentiment")
    if asked == "entity" and not entity:
        raise InputError("The head 'entity' is about somebody: say whom with --entity NAME")
    if entity and asked != "entity":
        raise InputError(f"--entity goes with the head 'entity' and not with {asked!r}: leave one of them out")
    span = _place(cleaned, entity, chosen.entities_file) if entity else None
    explainer = Explainer.load(resolve(chosen), threads=chosen.threads)
    found = explainer.explain(cleaned, head=asked, method=method, span=span)
    if picture is not None:
        write(found, picture)
        notes().print(f"Picture: {picture}", markup=False)
    if as_json:
        print_json(msgspec.to_builtins(found))
        return
    out = console()
    out.print(_marked(found))
    out.print()
    out.print(found.sentence, markup=False)
    out.print(legend(found), style="dim", markup=False)


def _place(text: str, entity: str, entities_file: Path | None) -> tuple[int, int]:
    from undertone.entities import Linker
    from undertone.errors import InputError

    span = Linker.load(entities_file).find(text, entity)
    if span is None:
        raise InputError(f"The text does not name {entity!r}: give --entity as the text has it")
    return span


def _marked(found: Explanation) -> Text:
    """The text with each word that weighs in colour, underlined, and with its mark."""
    from rich.text import Text

    from undertone.explain.layout import FOR, pieces

    shown = Text()
    for piece in pieces(found):
        colour = "blue" if piece.colour == FOR else "dark_orange"
        bold = " bold" if piece.strength > 0.5 else ""
        shown.append(piece.text, style=f"{colour} underline{bold}" if piece.colour else "")
    return shown
