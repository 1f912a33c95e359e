"""The body of a webhook call in Alertmanager's format, version 4. Pure.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

from typing import Any

from undertone.messages import Alert, AlertState
from undertone.rules import series_kind

HEADLINES = 20
HEADLINE_CHARACTERS = 300
"""What is given of the evidence: a receiver should be able to show it, and the whole is on the topic ``alerts``."""
NEVER = "0001-01-01T00:00:00Z"


def body(alert: Alert, receiver: str, *, home: str = "", acknowledge: str = "") -> dict[str, Any]:
    """The call that carries this one alert.

    Args:
        alert: As it is told.
        receiver: Its name in the rules file.
        home: Where people reach Undertone; may be empty.
        acknowledge: The link that acknowledges it; may be empty.
    """
    labels = {
        "alertname": alert.rule,
        "severity": alert.severity.value,
        "stream": alert.stream,
        "series": series_kind(alert.topic, alert.entity),
        "topic": alert.topic or "",
        "entity": alert.entity or "",
        "alert_id": alert.id,
        "incident": alert.incident,
    }
    annotations = {
        "summary": f"{alert.about}: {alert.rule}",
        "description": alert.reason,
        "evidence": "\n".join(_cut(one.text) for one in alert.evidence[:HEADLINES]),
        "state": alert.state.value,
        "acknowledge": acknowledge,
    }
    labels, annotations = ({name: value for name, value in one.items() if value} for one in (labels, annotations))
    status = "resolved" if alert.state is AlertState.RESOLVED else "firing"
    return {
        "version": "4",
        "groupKey": f'{{}}:{{alert_id="{alert.id}"}}',
        "truncatedAlerts": 0,
        "status": status,
        "receiver": receiver,
        "groupLabels": {"alertname": alert.rule, "alert_id": alert.id},
        "commonLabels": labels,
        "commonAnnotations": annotations,
        "externalURL": home,
        "alerts": [
            {
                "status": status,
                "labels": labels,
                "annotations": annotations,
                "startsAt": alert.started_at.isoformat(),
                "endsAt": alert.resolved_at.isoformat() if alert.resolved_at else NEVER,
                "generatorURL": home,
                "fingerprint": alert.id,
            }
        ],
    }


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= HEADLINE_CHARACTERS else line[: HEADLINE_CHARACTERS - 1] + "…"
