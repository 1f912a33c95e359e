"""What is said of an action: that it was done, or why not."""

from __future__ import annotations

from dashboard.words import Phrase, Words


class ActingWords(Words):
    """Words of actions on every page."""

    may_not = Phrase("Not done: this needs the role {role}.", "未执行：此操作需要{role}角色。")
    refused = Phrase("Not done: {reason}", "未执行：{reason}")
    store_away = Phrase("Not done: the store is not answering. Try again.", "未执行：存储没有响应，请重试。")
