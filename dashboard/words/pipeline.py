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
