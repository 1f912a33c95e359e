"""Every sentence that the page shows, in one place, so that another language is another :class:`Words`.

Placeholders are for ``str.format``. Text from the feed is never one of these.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """The page in English."""

    title: str = "Undertone"
    tagline: str = "What financial news and comments are saying, as they say it"

    # How fresh the page is.
    live: str = "Live"
    quiet: str = "No new data for {age}"
    no_worker: str = "No worker is running"
    waiting: str = "Waiting for the first message"
    event_time: str = "event time {when}"
    data_age: str = "data {age} old"

    # Units and numbers.
    under_a_second: str = "under 1 s"
    seconds: str = "{n} s"
    minutes: str = "{n} min"
    hours: str = "{n} h"
    days: str = "{n} d"
    none: str = "–"
    utc: str = "UTC"

    # When Redis is away.
    away_title: str = "The store is not answering"
    away_text: str = "Redis cannot be reached. Nothing is lost: counting goes on from Kafka when it returns."
    away_last: str = "The last data on this page was {age} old when the store went quiet, {gone} ago."
    away_never: str = "This page has not seen any data since it was started."
    away_retry: str = "Trying again every {n} s. If it stays like this: undertone doctor"
    section_away: str = "This part could not be read just now. It tries again by itself."
    settings_title: str = "A setting cannot be used"

    # Before any data.
    empty_title: str = "Nothing has been counted yet"
    empty_text: str = "The store is up and empty. As soon as a worker counts messages, they appear here."
    empty_try: str = "To see it work, send something or replay a file:"

    # Filters.
    filters: str = "Filters"
    stream: str = "Stream"
    range: str = "Range"
    topic: str = "Topic"
    entity: str = "Company"
    all_streams: str = "All"
    news: str = "News"
    comments: str = "Comments"
    all_topics: str = "All topics"
    all_entities: str = "All companies"

    # What is firing.
    firing: str = "Firing now"
    earlier: str = "Resolved earlier"
    calm_title: str = "Nothing is firing"
    calm_text: str = "Watching {series} series since {since}."
    calm_checked: str = "Last checked at event time {when}."
    unwatched_title: str = "Nobody is watching"
    unwatched_text: str = "Data arrives, but the watch has not looked at it yet. Start it with:"
    critical: str = "Critical"
    warning: str = "Warning"
    acknowledged: str = "acknowledged by {by}"
    any_topic: str = "All topics"
    since: str = "since {when}"
    window: str = "last {window}"
    observed: str = "negative stories"
    observed_plain: str = "stories"
    expected: str = "expected {mean}"
    interval: str = "usually {low} to {high}"
    share: str = "negative share"
    share_usual: str = "usually {share}"
    sources: str = "sources"
    messages: str = "in {n} messages"
    odds: str = "odds by chance"
    one_in: str = "1 in {n}"
    one_in_million: str = "1 in over a million"
    evidence: str = "Why: the headlines"
    more_evidence: str = "{n} more"
    no_evidence: str = "No headline was kept for this alert."
    gauge: str = "{observed} observed, {expected} expected, usually {low} to {high}"
    resolved_line: str = "{start} to {end}"

    # Trends.
    trends: str = "Sentiment and volume"
    stories_count: str = "Stories"
    messages_count: str = "Messages"
    net: str = "Net sentiment"
    negative_share: str = "Negative share"
    copies: str = "{share} copies"
    before: str = "{value} in the {range} before"
    net_scale: str = "−1 to +1"
    step: str = "one bar is {step}, event time in UTC"
    axis_stories: str = "Stories"
    by_topic: str = "By topic"
    by_entity: str = "By company"
    no_trend: str = "Nothing was published in this range with these filters."
    clear: str = "Clear the filters"
    chart_alt: str = "Stories by sentiment, net sentiment and negative share over the last {range}"
    column_name: str = "Name"
    column_mix: str = "Negative, neutral, positive"
    column_net: str = "Net"
    nothing_linked: str = "No company was named in this range."

    # Sentiments.
    negative: str = "Negative"
    neutral: str = "Neutral"
    positive: str = "Positive"

    # Stories.
    newest: str = "Newest stories"
    no_stories: str = "No story was kept in this range with these filters."
    opens: str = "opens in a new tab"

    # Pipeline.
    pipeline: str = "Pipeline"
    lag: str = "Lag"
    lag_note: str = "records behind"
    rate: str = "Rate"
    rate_note: str = "records a second"
    latency: str = "Latency"
    latency_note: str = "p99 {p99}"
    freshness: str = "Freshness"
    freshness_note: str = "since the last write"
    dead: str = "Dead letters"
    dead_note: str = "of {n} records"
    workers: str = "Workers"
    workers_note: str = "model {model}"
    workers_busy: str = "{ready} of {n} ready"
    unlinked: str = "late {late} · future {future} · duplicate {duplicate}"
    details: str = "Pipeline details"
    partitions: str = "Partitions"
    dead_by_reason: str = "Dead letters by reason"
    no_dead: str = "None. Every record could be read."
    column_partition: str = "Partition"
    column_offset: str = "Offset"
    column_lag: str = "Lag"
    column_watermark: str = "Event time"
    column_age: str = "Last write"
    column_counted: str = "Counted"
    column_late: str = "Late"
    column_future: str = "Future"
    column_duplicate: str = "Duplicate"
    column_dead: str = "Dead"
    column_reason: str = "Reason"
    column_count: str = "Records"
    column_worker: str = "Worker"
    column_rate: str = "Records/s"
    column_p50: str = "p50"
    column_p99: str = "p99"
    column_queue: str = "Queue"
    column_memory: str = "Memory"
    column_errors: str = "Errors"
    column_model: str = "Model"
    no_workers: str = "No worker has reported in the last 30 s."


EN = Words()
