"""The schema of Redis: one function per key, with its type and its time to live beside it.

Keys of one partition share a hash tag (``{news-3}``), so that a Lua script may touch them together on a cluster,
a partition can be rebuilt alone, and no key is hot. Every key expires or is trimmed: ``PATTERNS`` is the list of
all of them, and a test fails when a key outside it, or one without a bound, appears.

Fields of a window hash are ``topic TAB entity TAB metric``; entity is empty for the topic's own series.
"""

from __future__ import annotations

from dataclasses import dataclass

ROOT = "ut"

DAY_S = 86_400
SIZES_S = (60, 300, 3_600, DAY_S)
"""Sizes of the tumbling windows in seconds: 1 min, 5 min, 1 h, 1 d."""

WINDOW_TTL_S = {60: 3 * DAY_S, 300: 35 * DAY_S, 3_600: 120 * DAY_S, DAY_S: 400 * DAY_S}
STATE_TTL_S = 400 * DAY_S
TOPICS_TTL_S = WINDOW_TTL_S[DAY_S]
"""A topic is known for as long as a window may hold it."""
EVIDENCE_TTL_S = 35 * DAY_S
COPIES_TTL_S = EVIDENCE_TTL_S
STORY_TTL_S = 2 * DAY_S
"""Twice the story window, in wall time: a replay after a crash must still find its own claims."""
WORKER_TTL_S = 30
ALERT_TTL_S = 400 * DAY_S
WATCH_TTL_S = 400 * DAY_S
TALLY_TTL_S = 35 * DAY_S
AUDIT_TTL_S = 400 * DAY_S
SILENCE_TTL_S = 400 * DAY_S
SHADOW_TTL_S = 35 * DAY_S
API_TOKEN_TTL_S = 400 * DAY_S
API_BUCKET_TTL_S = 3_600
LEASE_TTL_S = 10
VERDICTS_LEASE_TTL_S = 60
PERSON_TTL_S = 400 * DAY_S

EVIDENCE_BUCKET_S = 300
EVIDENCE_PER_SERIES = 8
"""Stories kept for each series, sentiment and five minutes, first come first kept."""
EVIDENCE_PER_AUTHOR = 2
"""Of these, stories of one author."""
EVIDENCE_PER_BUCKET = 4_000
COPIES_PER_DAY = 60_000
"""Fields that a partition has for the copies of a day; when they are taken, no other story's copies are counted."""
SHADOW_BUCKET_S = 3_600
SHADOW_EXAMPLES = 50
"""Examples of disagreement kept for each partition and hour of event time, first come first kept."""
ALERTS_KEPT = 10_000
OUTBOX_KEPT = 10_000
AUDIT_KEPT = 50_000
SILENCES_KEPT = 1_000
API_TOKENS_KEPT = 1_000

SEPARATOR = "\t"
MODEL_FIELD = "\tmodel\t"
"""A window hash also counts messages by model version, under this prefix and the version."""


def partition_state(stream: str, partition: int) -> str:
    """Hash: offset, epoch, watermark_ms, updated_ms and one ``c:<name>`` counter each. STATE_TTL_S."""
    return f"{ROOT}:{{{stream}-{partition}}}:state"


def partition_pattern(stream: str, partition: int) -> str:
    """Glob of every key of one partition."""
    return f"{ROOT}:{{{stream}-{partition}}}:*"


def window(stream: str, partition: int, size_s: int, start_s: int) -> str:
    """Hash: series and metric → integer. WINDOW_TTL_S of its size."""
    return f"{ROOT}:{{{stream}-{partition}}}:w:{size_s}:{start_s}"


def evidence(stream: str, partition: int, start_s: int) -> str:
    """Hash: position → Evidence as JSON, for stories opened in five minutes of event time. EVIDENCE_TTL_S."""
    return f"{ROOT}:{{{stream}-{partition}}}:e:{start_s}"


def copies(stream: str, partition: int, start_s: int) -> str:
    """Hash: position of a story → its copies that were published in a day of event time. COPIES_TTL_S.

    ``<position> TAB s TAB <source>`` and ``<position> TAB h TAB <start of an hour in seconds>`` count those of a source
    and of an hour. The copies are of this partition; the story may be of another one.
    """
    return f"{ROOT}:{{{stream}-{partition}}}:copies:{start_s}"


def story_tag(stream: str) -> str:
    """Prefix of all story keys of a stream; ``claim.lua`` appends the number of a story window of event time.

    Each is a hash with STORY_TTL_S: who holds which message id, owns which text, and the sketches of the owners.
    """
    return f"{ROOT}:{{stories-{stream}}}:"


def partitions(stream: str) -> str:
    """Set: the partitions that have ever been counted. STATE_TTL_S."""
    return f"{ROOT}:partitions:{stream}"


def labels() -> str:
    """Hash: label sets of the serving model (``topics``, JSON; ``version``). STATE_TTL_S."""
    return f"{ROOT}:labels"


def topics() -> str:
    """Sorted set: topic name → when a model that knows it last served, ms. Trimmed by age; TOPICS_TTL_S."""
    return f"{ROOT}:topics"


def shadow_state(stream: str, partition: int) -> str:
    """Hash: offset up to which a challenger's answers were compared, and the epoch. STATE_TTL_S."""
    return f"{ROOT}:{{{stream}-{partition}}}:shadow:state"


def shadow(stream: str, partition: int, start_s: int) -> str:
    """Hash: ``champion TAB challenger TAB metric`` → integer, for one hour of event time. SHADOW_TTL_S."""
    return f"{ROOT}:{{{stream}-{partition}}}:shadow:n:{start_s}"


def shadow_examples(stream: str, partition: int, start_s: int) -> str:
    """Hash: position → Example as JSON, for one hour of event time. SHADOW_TTL_S."""
    return f"{ROOT}:{{{stream}-{partition}}}:shadow:e:{start_s}"


def worker(name: str) -> str:
    """Hash: health of one worker. WORKER_TTL_S."""
    return f"{ROOT}:worker:{name}"


def workers() -> str:
    """Sorted set: worker name → last seen, ms. Trimmed by age on every write; STATE_TTL_S."""
    return f"{ROOT}:workers"


def alert(alert_id: str) -> str:
    """String: Alert as JSON. ALERT_TTL_S."""
    return f"{ROOT}:{{alerts}}:alert:{alert_id}"


def alert_index() -> str:
    """Sorted set: alert id → time fired, ms of event time. Trimmed to ALERTS_KEPT; ALERT_TTL_S."""
    return f"{ROOT}:{{alerts}}:index"


def outbox() -> str:
    """Stream: alert changes to deliver, fields as in ``alert.lua``. Trimmed to OUTBOX_KEPT; ALERT_TTL_S."""
    return f"{ROOT}:{{alerts}}:outbox"


def delivered(alert_id: str) -> str:
    """Hash: channel and notification, ``webhook:2``, → outcome and time of its delivery. ALERT_TTL_S."""
    return f"{ROOT}:{{alerts}}:delivered:{alert_id}"


def tally(channel: str, day: str) -> str:
    """Hash: what became of a channel's notifications on a UTC day of event time, ``2026-11-25``. TALLY_TTL_S.

    ``sent`` counts those that cost budget, ``held:<reason>`` those that were not sent.
    """
    return f"{ROOT}:{{alerts}}:tally:{channel}:{day}"


def audit() -> str:
    """Stream: who did what to alerts and silences; fields as in ``alert.lua``.

    Trimmed to AUDIT_KEPT entries of the last AUDIT_TTL_S.
    """
    return f"{ROOT}:{{alerts}}:audit"


def silences() -> str:
    """Hash: id → Silence as JSON, at most SILENCES_KEPT. Those long over go when one is added; SILENCE_TTL_S."""
    return f"{ROOT}:{{alerts}}:silences"


def judged(alert_id: str) -> str:
    """Hash: id of a label, one for each text and person, → position and person, ``news-3:1042 maria``. ALERT_TTL_S."""
    return f"{ROOT}:{{alerts}}:judged:{alert_id}"


def verdicts() -> str:
    """Stream: labels on their way to Kafka, field ``label`` (JSON); one that was sent is deleted. ALERT_TTL_S."""
    return f"{ROOT}:{{alerts}}:verdicts"


def verdicts_lease() -> str:
    """String: token of the program that sends labels to Kafka. VERDICTS_LEASE_TTL_S."""
    return f"{ROOT}:{{alerts}}:verdicts-lease"


def watch_state() -> str:
    """Hash of the watch. WATCH_TTL_S.

    ``evaluated:<stream>`` last minute looked at, ``episode:<stream> TAB <rule> TAB <topic> TAB <entity>`` state of
    an alert machine as JSON, ``past:<stream>`` the alerts that ended lately as JSON, ``masks:<stream> TAB <hour>`` the
    hours of series that were found in that hour not to be learnt from, of the last 29 days, ``series:<stream>`` and
    ``refused:<stream>`` how many series are remembered and how often one found no place, ``cursor:<channel>`` last
    outbox entry delivered, ``fence`` number of leases given, ``changes`` how often alerts were written.
    """
    return f"{ROOT}:{{alerts}}:watch"


def lease() -> str:
    """String: token of the watcher in charge, its name and fencing number. LEASE_TTL_S."""
    return f"{ROOT}:{{alerts}}:lease"


def api_token(token_id: str) -> str:
    """Hash of a token of the read API: name, scopes, salt, digest, created_ms, expires_ms, used_ms.

    It lives until it expires, API_TOKEN_TTL_S at most.
    """
    return f"{ROOT}:{{api}}:token:{token_id}"


def api_tokens() -> str:
    """Sorted set: id of a token → when it expires, ms. At most API_TOKENS_KEPT; API_TOKEN_TTL_S."""
    return f"{ROOT}:{{api}}:tokens"


def api_bucket(whose: str) -> str:
    """Hash of a token bucket, of ``token:<id>`` or ``address:<address>``: level, at. API_BUCKET_TTL_S."""
    return f"{ROOT}:{{api}}:bucket:{whose}"


def person(digest: str) -> str:
    """Hash of what one person has set up on the dashboard: ``watchlist``, ``view:<name>``, each JSON. PERSON_TTL_S."""
    return f"{ROOT}:{{people}}:{digest}"


def field(topic: str, entity: str, metric: str) -> str:
    """The field of one series and metric in a window hash."""
    return f"{topic}\t{entity}\t{metric}"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A family of keys: its glob, its Redis type, and the longest time to live that any of it may have."""

    glob: str
    type: str
    ttl_s: int


PATTERNS = (
    Pattern(f"{ROOT}:{{*}}:state", "hash", STATE_TTL_S),
    Pattern(f"{ROOT}:{{*}}:w:60:*", "hash", WINDOW_TTL_S[60]),
    Pattern(f"{ROOT}:{{*}}:w:300:*", "hash", WINDOW_TTL_S[300]),
    Pattern(f"{ROOT}:{{*}}:w:3600:*", "hash", WINDOW_TTL_S[3_600]),
    Pattern(f"{ROOT}:{{*}}:w:86400:*", "hash", WINDOW_TTL_S[DAY_S]),
    Pattern(f"{ROOT}:{{*}}:e:*", "hash", EVIDENCE_TTL_S),
    Pattern(f"{ROOT}:{{*}}:copies:*", "hash", COPIES_TTL_S),
    Pattern(f"{ROOT}:{{stories-*}}:*", "hash", STORY_TTL_S),
    Pattern(f"{ROOT}:partitions:*", "set", STATE_TTL_S),
    Pattern(f"{ROOT}:labels", "hash", STATE_TTL_S),
    Pattern(f"{ROOT}:topics", "zset", TOPICS_TTL_S),
    Pattern(f"{ROOT}:{{*}}:shadow:state", "hash", STATE_TTL_S),
    Pattern(f"{ROOT}:{{*}}:shadow:n:*", "hash", SHADOW_TTL_S),
    Pattern(f"{ROOT}:{{*}}:shadow:e:*", "hash", SHADOW_TTL_S),
    Pattern(f"{ROOT}:worker:*", "hash", WORKER_TTL_S),
    Pattern(f"{ROOT}:workers", "zset", STATE_TTL_S),
    Pattern(f"{ROOT}:{{alerts}}:alert:*", "string", ALERT_TTL_S),
    Pattern(f"{ROOT}:{{alerts}}:index", "zset", ALERT_TTL_S),
    Pattern(f"{ROOT}:{{alerts}}:outbox", "stream", ALERT_TTL_S),
    Pattern(f"{ROOT}:{{alerts}}:delivered:*", "hash", ALERT_TTL_S),
    Pattern(f"{ROOT}:{{alerts}}:tally:*", "hash", TALLY_TTL_S),
    Pattern(f"{ROOT}:{{alerts}}:audit", "stream", AUDIT_TTL_S),
    Pattern(f"{ROOT}:{{alerts}}:silences", "hash", SILENCE_TTL_S),
    Pattern(f"{ROOT}:{{alerts}}:judged:*", "hash", ALERT_TTL_S),
    Pattern(f"{ROOT}:{{alerts}}:verdicts", "stream", ALERT_TTL_S),
    Pattern(f"{ROOT}:{{alerts}}:verdicts-lease", "string", VERDICTS_LEASE_TTL_S),
    Pattern(f"{ROOT}:{{alerts}}:watch", "hash", WATCH_TTL_S),
    Pattern(f"{ROOT}:{{alerts}}:lease", "string", LEASE_TTL_S),
    Pattern(f"{ROOT}:{{api}}:token:*", "hash", API_TOKEN_TTL_S),
    Pattern(f"{ROOT}:{{api}}:tokens", "zset", API_TOKEN_TTL_S),
    Pattern(f"{ROOT}:{{api}}:bucket:*", "hash", API_BUCKET_TTL_S),
    Pattern(f"{ROOT}:{{people}}:*", "hash", PERSON_TTL_S),
)
