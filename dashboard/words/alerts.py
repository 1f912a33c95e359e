"""The page Alerts."""

from __future__ import annotations

from dashboard.words import Phrase, Words


class Alerts(Words):
    """Words of the alerts."""

    title = Phrase("Alerts", "警报")
    open = Phrase("Open", "进行中")
    earlier = Phrase("Resolved earlier", "此前已结束")
    none_open = Phrase("No alert is open.", "没有进行中的警报。")
    acknowledged = Phrase("acknowledged by {by}", "{by}已确认")
    since = Phrase("since {when}", "始于{when}")
    window = Phrase("last {window}", "最近{window}")
    observed = Phrase("negative stories", "负面报道")
    observed_plain = Phrase("stories", "报道")
    expected = Phrase("expected {mean}", "预期{mean}")
    interval = Phrase("usually {low} to {high}", "通常{low}至{high}")
    share = Phrase("negative share", "负面占比")
    share_usual = Phrase("usually {share}", "通常{share}")
    sources = Phrase("sources", "来源")
    messages = Phrase("in {n} messages", "共{n}条消息")
    odds = Phrase("odds by chance", "偶然概率")
    evidence = Phrase("Why: the headlines", "依据：标题")
    more_evidence = Phrase("{n} more", "另有{n}条")
    no_evidence = Phrase("No headline was kept for this alert.", "此警报未保留标题。")
    gauge = Phrase(
        "{observed} observed, {expected} expected, usually {low} to {high}",
        "观测{observed}，预期{expected}，通常{low}至{high}",
    )
    resolved_line = Phrase("{start} to {end}", "{start} 至 {end}")
