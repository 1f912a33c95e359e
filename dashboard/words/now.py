"""The page Now."""

from __future__ import annotations

from dashboard.words import Phrase, Words


class Now(Words):
    """Words of the first page."""

    firing = Phrase("Firing now", "正在告警")
    firing_note = Phrase("{n} alerts, those of one event together", "共{n}条警报，同一事件合并显示")
    resolved_today = Phrase("{n} resolved in the last 24 h", "过去24小时内已结束{n}条")
    calm_title = Phrase("Nothing is firing", "当前没有警报")
    calm_since = Phrase("Calm since {when}, for {age}.", "自{when}起一直平静，已{age}。")
    calm_ever = Phrase("No alert has fired since {when}, when counting began.", "自{when}开始计数以来没有触发过警报。")
    calm_text = Phrase("{series} series are watched.", "共监测{series}个序列。")
    calm_checked = Phrase("Last checked at event time {when}.", "最近一次检查的事件时间为{when}。")
    unwatched_title = Phrase("Nobody is watching", "没有监测程序在运行")
    unwatched_text = Phrase(
        "Data arrives, but the watch has not looked at it yet. Start it with:",
        "已有数据到达，但监测程序尚未查看。请启动：",
    )
    since = Phrase("since {when}", "始于{when}")
    for_age = Phrase("for {age}", "已{age}")
    acknowledged = Phrase("acknowledged by {by}", "{by}已确认")
    open_alert = Phrase("Open", "查看")
    all_alerts = Phrase("All alerts", "全部警报")
    spark_alert = Phrase(
        "Stories in the last 6 h, {step} a bar; highest {highest}, {negative} of all negative",
        "过去6小时的报道，每格{step}；最高{highest}条，其中{negative}为负面",
    )

    watchlist = Phrase("Watchlist", "关注列表")
    watchlist_note = Phrase("last 24 h against the 24 h before", "过去24小时与此前24小时对比")
    together = Phrase("Together", "合计")
    most_told = Phrase("most told of now; choose your own", "当前报道最多；可自行选择")
    same_event = Phrase("{n} more of the same event", "同一事件另有{n}条")
    choose = Phrase("Choose", "选择")
    choose_what = Phrase("Companies and topics to watch", "要关注的公司和主题")
    kept_for = Phrase("Kept for {name}.", "已为 {name} 保存。")
    kept_in_url = Phrase("Kept in this page's address.", "保存在本页地址中。")
    column_name = Phrase("Name", "名称")
    column_spark = Phrase("24 h, by hour", "24小时（按小时）")
    column_change = Phrase("Change", "变化")
    spark_watch = Phrase("Stories by hour; {n} in all, {negative} negative", "按小时的报道数；共{n}条，负面{negative}")
    nothing_watched = Phrase("Nothing was told of in the last 24 hours.", "过去24小时没有报道。")

    heat = Phrase("Topic by hour", "主题与时段")
    heat_note = Phrase(
        "net sentiment of stories, ▼ negative, ▲ positive; empty: none; hours in {zone}",
        "报道的净情绪，▼负面，▲正面；空白为无；时间为 {zone}",
    )
    heat_alt = Phrase(
        "Net sentiment of the {n} topics most told of, by hour, last 24 h",
        "报道最多的{n}个主题过去24小时逐小时的净情绪",
    )
    no_heat = Phrase("No topic was told of in the last 24 hours.", "过去24小时没有任何主题的报道。")

    health = Phrase("Feeds and pipeline", "来源与流水线")
    health_lag = Phrase("{n} records behind", "积压{n}条")
    health_rate = Phrase("{n} records/s", "{n}条/秒")
    health_latency = Phrase("latency p99 {p99}", "延迟 p99 {p99}")
    health_dead = Phrase("{n} dead letters", "死信{n}条")
    health_workers = Phrase("{ready} of {n} workers ready", "{n}个工作进程中{ready}个就绪")
    health_stream = Phrase("{stream}: newest {age} before now", "{stream}：最新消息距今{age}")
    health_silent = Phrase("{stream}: nothing yet", "{stream}：暂无消息")
    health_more = Phrase("Pipeline", "流水线")
