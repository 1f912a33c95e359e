"""``undertone entities``: what is doubtful in a list of companies, and what links in a text, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from undertone.cli.group import REFUSED, group
from undertone.cli.options import EntitiesFile, Json
from undertone.cli.output import notes, print_json, table

entities = group("Companies that texts name: check a list, and see what links.")


@entities.command(epilog="Example: undertone entities check companies.csv")
def check(
    file: Annotated[Path, typer.Argument(help="CSV with the columns symbol,name,aliases,region.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Say what is doubtful in a list of your own: duplicates, names that are common words, or another company's.

    Ends with exit code 3 if something is wrong; what is only worth knowing does not count.
    """
    from undertone.company_check import check as checked

    doubts = checked(file)
    wrong = sum(doubt.serious for doubt in doubts)
    if as_json:
        for doubt in doubts:
            print_json({"file": str(file), **doubt._asdict()})
    else:
        for doubt in doubts:
            print(f"{file}:{doubt.line}: {'' if doubt.serious else 'note: '}{doubt.detail} [{doubt.kind}]")
        notes().print(f"{wrong:,} to mend, {len(doubts) - wrong:,} to know.", highlight=False)
    if wrong:
        raise typer.Exit(REFUSED)


@entities.command(epilog='Example: undertone entities find "Apple pie for Tesla, as Target cuts prices"')
def find(
    text: Annotated[str, typer.Argument(help="One text.", show_default=False)],
    entities_file: EntitiesFile = None,
    as_json: Json = False,
) -> None:
    """Say which companies a text names, and of each name in it why it counts or does not."""
    from undertone.company_list import NOBODY
    from undertone.entities import Linker
    from undertone.text import clean

    linker = Linker.load(entities_file)
    shown = clean(text)
    linked, found = linker.link(shown), linker.findings(shown)
    if as_json:
        print_json(
            {
                "text": shown,
                "entities": linked,
                "findings": [{**one._asdict(), "name": shown[one.start : one.end]} for one in found],
            }
        )
        return
    print(" ".join(linked) or "No company.")
    if found:
        rows = [
            (
                shown[one.start : one.end],
                "" if one.symbol == NOBODY else one.symbol,
                "yes" if one.counts else "no",
                one.why,
            )
            for one in found
        ]
        table([("name", "left"), ("symbol", "left"), ("counts", "left"), ("why", "left")], rows)
