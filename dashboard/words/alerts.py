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

    # Why it rings, in a sentence.
    why_negative = Phrase(
        "{n} negative stories in {window}, where {usual} would be usual: {share} of all, usually {usual_share}, "
        "{sources}.",
        "{window}内有{n}条负面报道，通常为{usual}条；负面占{share}，通常{usual_share}；{sources}。",
    )
    why_volume = Phrase(
        "{n} stories in {window}, where {usual} would be usual, {sources}.",
        "{window}内有{n}条报道，通常为{usual}条；{sources}。",
    )
    why_shift = Phrase(
        "{share} of {total} stories in {window} are negative, where {usual_share} would be usual, {sources}.",
        "{window}内{total}条报道中负面占{share}，通常为{usual_share}；{sources}。",
    )
    why_silent = Phrase(
        "Nothing has come for {window}, where {mean} stories would be usual.",
        "已有{window}没有任何消息，通常应有{mean}条报道。",
    )
    why_between = Phrase("{low} to {high}", "{low}至{high}")
    why_source = Phrase("from 1 source", "来自1个来源")
    why_sources = Phrase("from {n} sources", "来自{n}个来源")
    kind_negative = Phrase("negative surge", "负面激增")
    kind_volume = Phrase("volume surge", "数量激增")
    kind_shift = Phrase("sentiment shift", "情绪转变")
    kind_silent = Phrase("silent feed", "来源中断")

    # The list.
    firing = Phrase("Firing", "告警中")
    acknowledged_state = Phrase("Acknowledged", "已确认")
    resolved = Phrase("Resolved", "已结束")
    every = Phrase("All", "全部")
    state = Phrase("State", "状态")
    severity = Phrase("Severity", "级别")
    rule = Phrase("Rule", "规则")
    about = Phrase("Company or topic", "公司或主题")
    anything = Phrase("Anything", "不限")
    none_found = Phrase("No alert fits these filters.", "没有符合这些条件的警报。")
    older = Phrase("Older", "更早")
    newest = Phrase("Newest", "最新")
    clear = Phrase("Clear the filters", "清除筛选")
    assigned = Phrase("assigned to {to}", "已指派给{to}")
    with_others = Phrase("one event with {n} more", "同一事件另有{n}条")
    counted = Phrase("{n} where {mean} is usual", "{n}条，通常{mean}条")
    over = Phrase("over since {when}", "{when}结束")
    silenced = Phrase("silenced", "已静默")
    false_alarm = Phrase("called a false alarm", "被判为误报")

    # One alert.
    back = Phrase("All alerts", "全部警报")
    gone = Phrase(
        "There is no alert of this id: it is older than what is kept, or the address is wrong.",
        "没有该编号的警报：可能已超出保留期，或地址有误。",
    )
    told = Phrase("What happened", "事件经过")
    told_note = Phrase("times in {zone}", "时间均为 {zone}")
    cite_story = Phrase("Story {n}", "报道{n}")
    cite_counts = Phrase("counts", "计数")
    cite_counts_note = Phrase("The counts behind this sentence, as a trend", "该句所依据的计数趋势")
    cite_price = Phrase("price", "价格")
    cite_price_note = Phrase("The price over the time, beside the counts", "该时段的价格与计数")
    cite_alert = Phrase("alert", "警报")
    picture = Phrase("Observed against expected", "观测与预期")
    picture_note = Phrase("negative stories in the {window} before each moment", "各时刻之前{window}内的负面报道")
    picture_note_all = Phrase("stories in the {window} before each moment", "各时刻之前{window}内的报道")
    picture_note_share = Phrase("negative share in the {window} before each moment", "各时刻之前{window}内的负面占比")
    picture_observed = Phrase("Observed", "观测")
    picture_expected = Phrase("Expected {mean}", "预期{mean}")
    picture_usual = Phrase("Usual range", "通常范围")
    picture_fired = Phrase("Fired", "触发")
    picture_alt = Phrase(
        "{observed} observed at the end, {mean} expected, {low} to {high} usual",
        "末尾观测{observed}，预期{mean}，通常{low}至{high}",
    )
    no_picture = Phrase("The counts of that time are not kept any more.", "当时的计数已不再保留。")
    price = Phrase("The price since", "其后价格")
    price_move = Phrase("{change} by {end}, from {before} to {after}", "至{end}{change}，由{before}到{after}")
    price_none = Phrase("The price file has no price of {symbol} after this.", "价格文件中没有{symbol}其后的价格。")
    price_unread = Phrase("The prices cannot be read: {reason}", "无法读取价格：{reason}")
    incident = Phrase("Same event", "同一事件")
    history = Phrase("What was done", "处理记录")
    no_history = Phrase("Nothing is recorded yet.", "暂无记录。")
    deliveries = Phrase("Who was told", "通知情况")
    delivered = Phrase("{channel}: sent", "{channel}：已发送")
    held_repeated = Phrase("{channel}: not told again", "{channel}：未重复通知")
    held_budget = Phrase("{channel}: held back, its budget is used up", "{channel}：预算已用完，暂扣")
    held_muted = Phrase("{channel}: held back, it is muted now", "{channel}：静音时段，暂扣")
    held_other = Phrase("{channel}: held back ({reason})", "{channel}：暂扣（{reason}）")
    not_delivered = Phrase("{channel}: {outcome}", "{channel}：{outcome}")
    the_watch = Phrase("the watch", "监测程序")
    link = Phrase("Link to this alert", "本警报链接")

    # What was done, by the name that the audit gives it.
    did_fired = Phrase("fired", "触发")
    did_escalated = Phrase("escalated to critical", "升级为严重")
    did_grown = Phrase("grew", "规模扩大")
    did_new_tier = Phrase("reached better sources", "更可靠的来源跟进")
    did_acknowledged = Phrase("acknowledged it", "确认")
    did_unacknowledged = Phrase("took the acknowledgement back", "撤回确认")
    did_assigned = Phrase("assigned it to {to}", "指派给{to}")
    did_unassigned = Phrase("took the assignment back", "撤回指派")
    did_commented = Phrase("commented", "评论")
    did_resolved = Phrase("resolved it", "结束")
    did_wrong = Phrase("called it a false alarm", "判为误报")
    did_other = Phrase("did {action}", "执行 {action}")

    # Acting.
    look_only = Phrase("You may look. Acting on alerts needs the role {role}.", "您可以查看。处理警报需要{role}角色。")
    acknowledge = Phrase("Acknowledge", "确认")
    unacknowledge = Phrase("Take acknowledgement back", "撤回确认")
    assign = Phrase("Assign", "指派")
    assign_to = Phrase("To whom (empty: to nobody)", "指派给（留空则不指派）")
    comment = Phrase("Comment", "评论")
    comment_text = Phrase("What there is to say", "评论内容")
    silence = Phrase("Silence", "静默")
    silence_for = Phrase("For how long, in event time", "时长（事件时间）")
    silence_what = Phrase("What", "对象")
    silence_series = Phrase("This series", "该序列")
    silence_entity = Phrase("This company", "该公司")
    silence_topic = Phrase("This topic", "该主题")
    silence_rule = Phrase("This rule", "该规则")
    escalate = Phrase("Escalate", "升级")
    escalate_why = Phrase("Why it is worse than it looks", "为何比表面更严重")
    resolve = Phrase("Resolve", "结束")
    why = Phrase("Why (optional)", "原因（可选）")
    wrong = Phrase("This was wrong", "这是误报")
    wrong_note = Phrase(
        "Ends the alert. What you say of its texts becomes labels, which train the next model.",
        "将结束该警报。您对其文本的判断会成为标注，用于训练下一个模型。",
    )
    wrong_sentiment = Phrase("The texts are really", "这些文本其实是")
    wrong_topic = Phrase("Their topic is really", "其主题其实是")
    wrong_as_judged = Phrase("As judged", "维持原判")
    wrong_texts = Phrase("Which (none: all that were judged otherwise)", "哪些文本（不选则为全部判断不同者）")
    done_acknowledged = Phrase("Acknowledged.", "已确认。")
    done_unacknowledged = Phrase("Firing again.", "已恢复告警。")
    done_assigned = Phrase("Assigned to {to}.", "已指派给{to}。")
    done_unassigned = Phrase("Assigned to nobody.", "已取消指派。")
    done_comment = Phrase("The comment is kept.", "评论已保存。")
    done_silence = Phrase("Silenced until event time {when}.", "已静默至事件时间{when}。")
    done_escalated = Phrase("It is critical now.", "已升级为严重。")
    done_resolved = Phrase("Resolved.", "已结束。")
    done_wrong = Phrase("A false alarm; {n} labels given.", "已判为误报，并给出{n}条标注。")
    labels_wait = Phrase(
        "A false alarm; {n} labels wait for Kafka and go out with the watch.",
        "已判为误报；{n}条标注等待 Kafka，将由监测程序发出。",
    )

    # Silences.
    silences = Phrase("Silences in force", "生效中的静默")
    silence_line = Phrase("until {when}, by {by}", "至{when}，由{by}设置")
    silence_end = Phrase("End", "结束")
    silence_all = Phrase("all alerts", "全部警报")
    done_silence_end = Phrase("The silence is over.", "静默已结束。")
