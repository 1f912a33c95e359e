"""The page Stories."""

from __future__ import annotations

from dashboard.words import Phrase, Words


class Stories(Words):
    """Words of the stories."""

    title = Phrase("Stories", "报道")
    none = Phrase("No story was kept in this range with these filters.", "此范围内没有符合筛选条件的报道。")
    none_found = Phrase("No kept story has all of these words.", "没有同时包含这些词语的报道。")
    clear = Phrase("Clear the filters", "清除筛选")
    more = Phrase("{n} more", "另有{n}条")
    shown = Phrase("{n} stories", "{n}篇报道")
    searched = Phrase("{n} of the newest {of} kept", "最新{of}篇中的{n}篇")
    copies = Phrase("told {n} times", "共出现{n}次")
    copied = Phrase("{n} copies", "转载{n}次")
    copied_once = Phrase("1 copy", "转载1次")
    copies_title = Phrase("Copies", "转载")
    copies_note = Phrase(
        "Messages in nearly the same words within a day. They count as volume, not as stories.",
        "一天内措辞几乎相同的消息。计入消息量，不计为独立报道。",
    )
    copies_by_source = Phrase("By source", "按来源")
    copies_by_hour = Phrase("By hour", "按小时")
    source = Phrase("1 source", "1个来源")
    sources = Phrase("{n} sources", "{n}个来源")
    first_last = Phrase("{first} to {last}", "{first} 至 {last}")
    why = Phrase("Words that mattered", "关键词语")
    back = Phrase("All stories", "全部报道")
    gone = Phrase("This story is not kept any more, or its address is wrong.", "该报道已不再保留，或地址有误。")
    probability = Phrase("{label}, {p} sure", "{label}，置信度{p}")
    probability_note = Phrase(
        "The model's calibrated probability: of all stories with this figure, about so many are judged rightly.",
        "模型的校准概率：在所有具有该数值的报道中，约有同样比例判断正确。",
    )
    other = Phrase("Other tellings", "其他版本")
    open_original = Phrase("Open the original", "打开原文")
    no_original = Phrase("No address came with this story.", "该报道没有附带链接。")
    explained_by = Phrase("Asked of {model}, by {method}.", "由 {model} 以 {method} 方法解释。")
    explaining = Phrase("Asking the model …", "正在询问模型……")
    explain = Phrase("Show which words mattered", "显示哪些词语起作用")
    explain_unable = Phrase("The model cannot be asked here: {reason}", "此处无法询问模型：{reason}")
    word_for = Phrase("speaks for {label}", "支持{label}")
    word_against = Phrase("speaks against {label}", "反对{label}")
    column_time = Phrase("Time", "时间")
    column_source = Phrase("Source", "来源")
    column_sentiment = Phrase("Sentiment", "情绪")
    column_probability = Phrase("Probability", "概率")
    column_text = Phrase("Text", "正文")
    column_url = Phrase("Address", "链接")
    column_position = Phrase("Position", "位置")
