"""The filters of Trends and Stories."""

from __future__ import annotations

from dashboard.words import Phrase, Words


class FilterWords(Words):
    """Words of the filters."""

    custom = Phrase("Dates…", "自定义…")
    dates = Phrase("From and to", "起止日期")
    search = Phrase("Search the stories", "搜索报道")
    search_hint = Phrase("Words that a headline has", "标题中的词语")
    clear = Phrase("Clear the filters", "清除筛选")
