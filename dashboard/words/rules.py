"""The page Rules."""

from __future__ import annotations

from dashboard.words import Phrase, Words


class RulesWords(Words):
    """Words of rules, thresholds, previews and budgets."""

    title = Phrase("Rules", "规则")
    from_file = Phrase("from {file}; a change holds from the next minute on", "来自 {file}；更改自下一分钟起生效")
    shipped = Phrase("the rules that ship", "随附的规则")
    no_file = Phrase(
        "These rules ship with Undertone and cannot be changed here. To have your own, name a rules file in "
        "UNDERTONE_RULES for the watch and for this page: docs/alerts.md has every key.",
        "这些规则随 Undertone 提供，此处不可修改。如需自定义，请为监测程序和本页在 UNDERTONE_RULES 中指定规则文件："
        "参见 docs/alerts.md。",
    )
    unusable = Phrase(
        "The rules file cannot be used; the watch goes on with the rules before it:",
        "规则文件无法使用；监测程序沿用此前的规则：",
    )
    look_only = Phrase("You may look. Changing rules needs the role {role}.", "您可以查看。修改规则需要{role}角色。")
    column_rule = Phrase("Rule", "规则")
    column_kind = Phrase("Looks for", "监测内容")
    column_where = Phrase("In", "范围")
    column_stories = Phrase("Stories", "报道")
    column_warning = Phrase("Warning", "预警")
    column_critical = Phrase("Critical", "严重")
    column_rang = Phrase("Rang in 24 h", "24小时内触发")
    never = Phrase("never", "无")
    all_series = Phrase("all series", "全部序列")
    series_topic = Phrase("topics", "主题")
    series_entity = Phrase("companies", "公司")
    series_both = Phrase("companies under topics", "主题下的公司")
    series_stream = Phrase("the stream as a whole", "整个数据流")
    at_least = Phrase("at least {n}", "至少{n}")
    kind_negative = Phrase("a surge of negative stories", "负面报道激增")
    kind_volume = Phrase("a surge of stories", "报道激增")
    kind_shift = Phrase("sentiment that turned over {n} d", "{n}天内情绪转变")
    kind_silent = Phrase("a feed that falls silent", "来源中断")
    bar_p_count = Phrase("count p ≤ {n}", "数量 p ≤ {n}")
    bar_p_share = Phrase("share p ≤ {n}", "占比 p ≤ {n}")
    bar_sources = Phrase("{n} sources", "{n}个来源")
    bar_change = Phrase("share up {n}", "占比上升{n}")
    bar_minutes = Phrase("silent {n} min", "中断{n}分钟")

    edit = Phrase("Change a threshold", "修改阈值")
    edit_note = Phrase(
        "Only what the file says can be changed here. Nothing is saved before you have seen what it would have done.",
        "此处仅可修改文件中已有的数值。保存之前会先显示其历史效果。",
    )
    locked = Phrase(
        "{file} cannot be saved from here: {reason}. You can try changes all the same; then download the changed file "
        "and put it in its place by hand.",
        "无法在此保存 {file}：{reason}。您仍可试验更改，然后下载更改后的文件并手动替换。",
    )
    locked_folder = Phrase("its folder cannot be written", "其所在文件夹不可写")
    locked_mounted = Phrase("it is mounted on its own and cannot be replaced", "该文件为单独挂载，无法替换")
    take = Phrase("Download the changed file", "下载更改后的文件")
    which = Phrase("Rule", "规则")
    p_count = Phrase("Largest p of the count", "数量的最大p值")
    p_share = Phrase("Largest p of the share", "占比的最大p值")
    sources = Phrase("Fewest sources", "最少来源数")
    change = Phrase("Least rise of the share", "占比的最小升幅")
    minutes = Phrase("Minutes of silence", "中断分钟数")
    min_stories = Phrase("Fewest stories", "最少报道数")
    days = Phrase("Days compared", "对比天数")
    for_warning = Phrase("{what} to warn", "预警：{what}")
    for_critical = Phrase("{what} for critical", "严重：{what}")
    over = Phrase("Try it on the last", "回测最近")
    preview = Phrase("Preview", "预览")
    nothing_changed = Phrase("Nothing was changed.", "没有任何更改。")
    no_number = Phrase(
        "{what} is {given}: valid is a number such as 0.001 or 1e-3.", "{what}为{given}：应为数字，如 0.001 或 1e-3。"
    )

    running = Phrase("Replaying {span} under both …", "正在以两套规则回放{span}……")
    busy = Phrase("Another preview is running. Try again when it is done.", "另一个预览正在运行，请稍后再试。")
    too_long = Phrase(
        "The replay took more than {n} s and was ended. Try fewer days, or run it by hand: {command}",
        "回放超过{n}秒已终止。请减少天数，或手动运行：{command}",
    )
    failed = Phrase("The replay did not work: {reason}", "回放失败：{reason}")
    result = Phrase("What it would have done", "历史效果")
    result_now = Phrase("as it is", "当前规则")
    result_then = Phrase("as proposed", "拟议规则")
    result_alerts = Phrase("{n} alerts, {critical} critical", "{n}条警报，其中严重{critical}条")
    only_now = Phrase("Would not ring any more", "将不再触发")
    only_then = Phrase("Would ring too", "将新增触发")
    nothing_else = Phrase("None.", "无。")
    more = Phrase("and {n} more", "另有{n}条")
    no_scored = Phrase(
        "No scored message lies in that time, so that this says nothing about the change.",
        "该时段没有已评分的消息，因此无法说明此更改的效果。",
    )
    save = Phrase("Save to the rules file", "保存到规则文件")
    discard = Phrase("Discard", "放弃")
    why = Phrase("Why (kept in the audit)", "原因（记入审计）")
    saved = Phrase("Saved: {what}. The watch takes it up by itself.", "已保存：{what}。监测程序会自动采用。")

    budgets = Phrase("Alert budget today", "今日警报预算")
    budgets_note = Phrase("UTC day of event time, {day}", "事件时间的UTC日期 {day}")
    no_receivers = Phrase(
        "No receiver is named: alerts go to the Kafka topic only.", "未指定接收方：警报仅发送到 Kafka 主题。"
    )
    sent_of = Phrase("{sent} of {budget} sent", "已发送{sent}条，预算{budget}条")
    sent = Phrase("{sent} sent, no budget", "已发送{sent}条，无预算限制")
    held = Phrase("held back: {what}", "暂扣：{what}")
    held_nothing = Phrase("nothing held back", "无暂扣")
    why_budget = Phrase("budget", "超出预算")
    why_incident = Phrase("same event", "同一事件")
    why_muted = Phrase("muted", "静音时段")
    why_not_repeated = Phrase("not repeated", "不重复通知")
    why_silenced = Phrase("silenced", "已静默")
