"""The page Trends."""

from __future__ import annotations

from dashboard.words import Phrase, Words


class Trends(Words):
    """Words of sentiment and volume over time."""

    title = Phrase("Sentiment and volume", "情绪与数量")
    step = Phrase("one bar is {step}, times in {zone}", "每格{step}，时间为{zone}")
    compare = Phrase("Compare with", "对比")
    compare_hint = Phrase("up to 5 more", "最多再选5个")
    week = Phrase("Same time last week", "上周同期")
    last_week = Phrase("{name}, a week before", "{name}（一周前）")
    copies = Phrase("{share} copies", "{share}为转载")
    before = Phrase("{value} in the {range} before", "此前{range}为{value}")
    band = Phrase("bands hold 95 % and widen where stories are few", "色带为95%可信区间，报道越少越宽")
    low = Phrase("95 % from", "95%下限")
    high = Phrase("95 % to", "95%上限")
    price = Phrase("Price of {symbol}", "{symbol}价格")
    no_trend = Phrase("Nothing was published in this range with these filters.", "此范围内没有符合筛选条件的内容。")
    chart_alt = Phrase(
        "Stories by sentiment, net sentiment and negative share, {names}, {range}",
        "报道的情绪分布、净情绪与负面占比，{names}，{range}",
    )
    by_topic = Phrase("By topic", "按主题")
    by_entity = Phrase("By company", "按公司")
    column_name = Phrase("Name", "名称")
    column_mix = Phrase("Negative, neutral, positive", "负面、中性、正面")
    column_net = Phrase("Net", "净情绪")
    nothing_linked = Phrase("No company was named in this range.", "此范围内没有提到公司。")
    pick = Phrase(
        "Click a bar or point, or brush over some, to read the stories of that time.",
        "点击图中的柱或点，或框选一段，查看该时段的报道。",
    )
    picked = Phrase("Stories from {begin} to {end}", "{begin} 至 {end} 的报道")
    unpick = Phrase("All of the range", "整个范围")
    zoom = Phrase("Look closer at this time", "放大此时段")
    none_picked = Phrase("No story was kept from this time.", "该时段没有保留的报道。")
    model_line = Phrase("model {version}", "模型 {version}")
    column_time = Phrase("Time (UTC)", "时间（UTC）")
    column_series = Phrase("Series", "序列")
    newest = Phrase("Newest stories", "最新报道")
    prices_unread = Phrase("The prices cannot be read: {reason}", "无法读取价格：{reason}")
