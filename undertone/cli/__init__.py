"""The command line: the place where the programs are put together. One file per group of commands.

What a command needs is imported when it runs, so that help and completion come at once.
"""

from __future__ import annotations

from undertone.cli.application import app


def main() -> None:
    """The console script ``undertone``."""
    app()


__all__ = ["app", "main"]
