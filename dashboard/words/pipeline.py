"""The page Pipeline."""

from __future__ import annotations

from dashboard.words import Phrase, Words


class Pipeline(Words):
    """Words of the pipeline's figures."""

    title = Phrase("Pipeline", "流水线")
    none = Phrase("–", "–")
    lag = Phrase("Lag", "积压")
    lag_note = Phrase("records behind", "条未处理")
    rate = Phrase("Rate", "速率")
    rate_note = Phrase("records a second", "条/秒")
    latency = Phrase("Latency", "延迟")
    latency_note = Phrase("p99 {p99}", "p99 {p99}")
    freshness = Phrase("Freshness", "新鲜度")
    freshness_note = Phrase("since the last write", "距上次写入")
    dead = Phrase("Dead letters", "死信")
    dead_note = Phrase("of {n} records", "共{n}条记录")
    workers = Phrase("Workers", "工作进程")
    workers_note = Phrase("model {model}", "模型 {model}")
    workers_busy = Phrase("{ready} of {n} ready", "{n}个中{ready}个就绪")
    misfits = Phrase(
        "late {late} · future {future} · duplicate {duplicate}", "迟到{late} · 超前{future} · 重复{duplicate}"
    )
    partitions = Phrase("Partitions", "分区")
    dead_by_reason = Phrase("Dead letters by reason", "按原因统计的死信")
    no_dead = Phrase("None. Every record could be read.", "没有。所有记录均可读取。")
    column_partition = Phrase("Partition", "分区")
    column_offset = Phrase("Offset", "偏移量")
    column_lag = Phrase("Lag", "积压")
    column_watermark = Phrase("Event time", "事件时间")
    column_age = Phrase("Last write", "上次写入")
    column_counted = Phrase("Counted", "已计数")
    column_late = Phrase("Late", "迟到")
    column_future = Phrase("Future", "超前")
    column_duplicate = Phrase("Duplicate", "重复")
    column_dead = Phrase("Dead", "死信")
    column_reason = Phrase("Reason", "原因")
    column_count = Phrase("Records", "记录")
    column_worker = Phrase("Worker", "工作进程")
    column_rate = Phrase("Records/s", "条/秒")
    column_p50 = Phrase("p50", "p50")
    column_p99 = Phrase("p99", "p99")
    column_queue = Phrase("Queue", "队列")
    column_memory = Phrase("Memory", "内存")
    column_errors = Phrase("Errors", "错误")
    column_model = Phrase("Model", "模型")
    no_workers = Phrase("No worker has reported in the last 30 s.", "过去30秒没有工作进程上报。")

    # What each number means.
    about_lag = Phrase(
        "Records that Kafka holds and no worker has counted yet, over all partitions. Near 0 is well.",
        "Kafka 中尚未被计数的记录总数，接近0为正常。",
    )
    about_rate = Phrase("Records that the workers counted in a second, lately.", "工作进程近期每秒计数的记录数。")
    about_latency = Phrase(
        "From the arrival of a record in Kafka to its count in Redis: half are quicker than this, 99 of 100 than p99.",
        "从记录到达 Kafka 到计入 Redis 的时间：一半快于此值，99%快于 p99。",
    )
    about_freshness = Phrase("Time on the wall since anything was last counted.", "距离上次计数的实际时间。")
    about_dead = Phrase(
        "Records that could not be used. They are kept whole in the topic dead-letters and can be sent in again.",
        "无法使用的记录，完整保存在 dead-letters 主题中，可重新投递。",
    )
    about_workers = Phrase(
        "Workers that reported in the last 30 s, and those of them that count.",
        "过去30秒内上报的工作进程及正在计数者。",
    )
    about_store = Phrase("Memory that Redis uses for all that it holds.", "Redis 存储全部数据所用的内存。")
    about_offset = Phrase(
        "The last record of the partition that Redis has counted. A restart goes on after it.",
        "Redis 已计数的该分区最后一条记录，重启后由此继续。",
    )
    about_partition_lag = Phrase("Records of the partition behind the end.", "该分区落后于末尾的记录数。")
    about_watermark = Phrase(
        "The event time up to which the partition is taken to be complete.", "该分区被视为完整的事件时间。"
    )
    about_age = Phrase("Time on the wall since the partition was last counted.", "距该分区上次计数的实际时间。")
    about_counted = Phrase("Records that are in the counts.", "已计入统计的记录。")
    about_late = Phrase(
        "Records published too long before the watermark: counted here, but in no window.",
        "发布时间远早于水位线的记录：仅在此计数，不进入任何窗口。",
    )
    about_future = Phrase("Records dated ahead of the clock: in no window.", "发布时间超前的记录：不进入任何窗口。")
    about_duplicate = Phrase("Records whose id was seen before: in no window.", "编号重复的记录：不进入任何窗口。")
    about_partition_dead = Phrase("Records of the partition that became dead letters.", "该分区成为死信的记录。")
    about_queue = Phrase("Batches that wait to be scored. The queue is bounded.", "等待评分的批次，队列有上限。")
    about_memory = Phrase("Memory of the worker's process.", "工作进程占用的内存。")
    about_errors = Phrase("Errors since the worker started, each also in its log.", "启动以来的错误数，均记入日志。")

    # Feeds.
    feeds = Phrase("Feeds in the last hour", "过去一小时的来源")
    feeds_note = Phrase("kept stories, by event time", "保留的报道，按事件时间")
    no_feeds = Phrase("No story was kept in the last hour.", "过去一小时没有保留的报道。")
    column_feed = Phrase("Feed", "来源")
    column_stories = Phrase("Stories", "报道")
    column_newest = Phrase("Newest", "最新")
    about_newest = Phrase("Event time since its newest story.", "距其最新报道的事件时间。")
    volume = Phrase("Stories by 15 minutes, last 6 h", "每15分钟报道数，过去6小时")
    volume_words = Phrase(
        "Stories by 5 minutes; {n} in all, {negative} negative", "每5分钟报道数；共{n}条，负面{negative}"
    )
    store = Phrase("Store", "存储")
    store_note = Phrase("of memory", "内存")

    # Dead letters.
    letters = Phrase("Dead letters", "死信")
    letters_note = Phrase("Read from Kafka when you ask for it.", "按需从 Kafka 读取。")
    letters_read = Phrase("Read the newest", "读取最新死信")
    letters_reason = Phrase("Reason", "原因")
    letters_all = Phrase("All", "全部")
    letters_none = Phrase("There are no dead letters.", "没有死信。")
    letters_shown = Phrase("{n} newest, read {age} ago", "最新{n}条，{age}前读取")
    letters_away = Phrase("Kafka cannot be read: {reason}", "无法读取 Kafka：{reason}")
    letters_stage = Phrase("{reason} at {stage}, {when}", "{stage}阶段：{reason}，{when}")
    letters_no_value = Phrase("(no value)", "（无内容）")
    letters_which = Phrase("Send again (none: all that are shown)", "重新投递（不选则为全部所示）")
    letters_redrive = Phrase("Send again", "重新投递")
    letters_look_only = Phrase("Sending again needs the role {role}.", "重新投递需要{role}角色。")
    letters_sent = Phrase("{n} sent again; {left} cannot be.", "已重新投递{n}条；{left}条无法投递。")
