"""``undertone alerts deliveries``: who was told of an alert, who was not, and why."""

from __future__ import annotations

from undertone.cli.alert_output import AlertId, alert_store, found
from undertone.cli.options import Json, RedisUrl
from undertone.cli.output import print_json, table


def deliveries(alert_id: AlertId, redis_url: RedisUrl = None, as_json: Json = False) -> None:
    """Show how each notification of an alert ended, for each receiver: delivered, refused, or held and why."""
    from undertone.messages import from_ms

    store = alert_store(redis_url)
    found(store, alert_id)
    ends = []
    for name, end in store.deliveries(alert_id).items():
        receiver, _, told = name.rpartition(":")
        outcome, _, at_ms = end.rpartition(" ")
        ends.append((int(told), receiver, outcome, from_ms(int(at_ms))))
    ends.sort()
    if as_json:
        for number, receiver, outcome, at in ends:
            print_json({"alert": alert_id, "notification": number, "receiver": receiver, "outcome": outcome, "at": at})
        return
    if not ends:
        print("Nothing is recorded yet.")
        return
    columns = [("notification", "right"), ("receiver", "left"), ("outcome", "left"), ("at (UTC)", "left")]
    table(columns, [(number, receiver, outcome, f"{at:%Y-%m-%d %H:%M:%S}") for number, receiver, outcome, at in ends])
