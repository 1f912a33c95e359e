"""Carries the labels of false alarms to Kafka beside the watch; :mod:`undertone.false_alarm` says what they are."""

from __future__ import annotations

import logging
import threading

from redis.exceptions import RedisError

from undertone.errors import BrokerError
from undertone.false_alarm import Verdicts
from undertone.settings import Settings
from undertone.store import connect

POLL_S = 2.0
LONGEST_RETRY_S = 60.0

_log = logging.getLogger(__name__)


def carry_labels(settings: Settings, stop: threading.Event) -> None:
    """Send what waits until ``stop``; what Kafka does not take is tried again. Runs on a thread of its own."""
    verdicts = Verdicts(connect(settings.redis_url))
    wait_s = POLL_S
    while not stop.wait(wait_s):
        try:
            if verdicts.waiting():
                sent = verdicts.carry(settings, f"watch:{settings.worker}")
                _log.info("%d labels of false alarms sent", sent)
            wait_s = POLL_S
        except (BrokerError, RedisError) as error:
            wait_s = min(wait_s * 2, LONGEST_RETRY_S)
            _log.warning("labels of false alarms wait (%s)", error)
    verdicts.redis.close()
