"""The price overlay of Trends: prices of the chosen company from the file that the settings name."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from dashboard.locale import Locale
from dashboard.trend_chart import Price
from dashboard.words.trends import Trends
from undertone.errors import InputError
from undertone.messages import from_ms, to_ms
from undertone.prices import Prices


def price(path: Path | None, symbol: str, begin_ms: int, end_ms: int, locale: Locale) -> tuple[Price | None, str]:
    """The prices of a symbol in [begin_ms, end_ms), None where there are none; and what is wrong with the file."""
    if path is None or not symbol:
        return None, ""
    try:
        found = load(path, path.stat().st_mtime_ns).between(symbol, from_ms(begin_ms), from_ms(end_ms))
    except OSError as error:
        return None, f"{path.name}: {error.strerror}"
    except InputError as error:
        return None, str(error)
    if not found:
        return None, ""
    name = Trends(locale.language).price.format(symbol=symbol)
    return Price(name, [to_ms(at) for at, _ in found], [value for _, value in found]), ""


@lru_cache(maxsize=2)
def load(path: Path, _changed_ns: int) -> Prices:
    """The prices of a file, read anew when its time of change is another."""
    return Prices.load(path)
