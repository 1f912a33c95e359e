"""The names of companies, for readers who do not know their symbols: from the lists by which the worker links them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from undertone import company_list
from undertone.errors import InputError
from undertone.settings import Settings


def name(settings: Settings, symbol: str | None) -> str:
    """The name of a company, empty for one that no list has."""
    return _names(settings.entities_file, _changed_ns(settings.entities_file)).get(symbol or "", "")


def _changed_ns(path: Path | None) -> int:
    try:
        return 0 if path is None else path.stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=2)
def _names(path: Path | None, _changed: int) -> Mapping[str, str]:
    companies = company_list.shipped()
    # A list that cannot be used stops the worker, which says why; a page without some names is still a page.
    with suppress(InputError):
        companies += [] if path is None else company_list.read(path)
    return MappingProxyType({one.symbol: company_list.unmarked(one.name).written for one in companies if one.name})
