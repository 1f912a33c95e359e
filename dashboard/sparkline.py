"""A sparkline: counts as small bars in a line of text, with their meaning in words for who cannot see them."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.markup import Html, el
from undertone.trends import Counts


def sparkline(bars: Sequence[Counts], words: str) -> Html:
    """Stories a bar, the negative ones from below in the colour of negative; the highest bar fills the height."""
    highest = max((one.total_stories for one in bars), default=0) or 1
    return el(
        "span", *(_bar(one, highest) for one in bars), class_="ut-spark", role="img", aria_label=words, title=words
    )


def _bar(counts: Counts, highest: int) -> Html:
    height = 100 * counts.total_stories / highest
    return el("i", style=f"height:{height:.0f}%;--ut-part:{100 * counts.negative_share:.0f}%")
