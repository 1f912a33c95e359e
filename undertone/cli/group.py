"""How a command ends: errors as one line on standard error, Ctrl-C without noise, documented exit codes."""

from __future__ import annotations

import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

FAILED = 1
REFUSED = 3
"""Exit code of: done, but some of the input was refused."""
INTERRUPTED = 130


class Commands(TyperGroup):
    """A group of commands whose expected errors are shown and not traced back."""

    def invoke(self, ctx: Any) -> Any:
        from undertone.errors import UndertoneError

        try:
            return super().invoke(ctx)
        except UndertoneError as error:
            print(f"undertone: {error}", file=sys.stderr)
            raise typer.Exit(FAILED) from error
        except KeyboardInterrupt as stop:
            print("Stopped.", file=sys.stderr)
            raise typer.Exit(INTERRUPTED) from stop
        except BrokenPipeError as closed:
            # Whoever reads has seen enough, as `head` does; Python would complain once more when it flushes.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(FAILED) from closed


def group(help: str) -> typer.Typer:
    """A group of commands inside the application."""
    return typer.Typer(cls=Commands, help=help, no_args_is_help=True, rich_markup_mode="rich")
