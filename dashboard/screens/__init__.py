"""The pages, in the order of the navigation: each a module with one ``draw`` that takes a :class:`Visit`.

Not in a folder named ``pages``: what lies there beside the app, Streamlit takes for pages of its own making.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dashboard.screens import alerts, models, now, pipeline, rules, stories, trends
from dashboard.visit import Visit


@dataclass(frozen=True, slots=True)
class Page:
    """One page. ``needs_data``: before the first message it says so instead of being drawn."""

    draw: Callable[[Visit], None]
    icon: str
    needs_data: bool = True


PAGES: Final[dict[str, Page]] = {
    "now": Page(now.draw, ":material/notifications_active:"),
    "trends": Page(trends.draw, ":material/show_chart:"),
    "stories": Page(stories.draw, ":material/article:"),
    "alerts": Page(alerts.draw, ":material/warning:"),
    "rules": Page(rules.draw, ":material/rule:", needs_data=False),
    "models": Page(models.draw, ":material/model_training:", needs_data=False),
    "pipeline": Page(pipeline.draw, ":material/lan:", needs_data=False),
}
"""By the name in the URL; the titles are the words of the same name in :mod:`dashboard.words.shell`."""
