"""From a receiver in the rules file to the channel that leads there, with its secrets from the environment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stream.receivers.alertmanager import body
from stream.receivers.channel import Channel
from stream.receivers.chat import ChatChannel
from stream.receivers.webhook import Target, WebhookChannel
from undertone import links
from undertone.alert_store import Outgoing
from undertone.errors import InputError
from undertone.rules import Receiver, Webhook
from undertone.rules.check import FROM_SETTING
from undertone.settings import Settings

Variables = Callable[[str], str | None]
"""Gives the value of an environment variable; None if it is not set."""


@dataclass(frozen=True, slots=True)
class Addressed:
    """A receiver with all that leads there; two that are equal need but one channel."""

    receiver: Receiver
    url: str
    secret: str | None = None

    def __repr__(self) -> str:
        return f"Addressed({self.receiver.name!r})"

    @property
    def name(self) -> str:
        return self.receiver.name


def addressed(receiver: Receiver, variables: Variables) -> Addressed:
    """The receiver with its address and secret.

    Raises:
        InputError: if a variable that it names is not set; says which.
    """
    way = receiver.webhook or receiver.apprise
    if way is None:
        raise InputError(f"receiver {receiver.name!r} has no address: give one of webhook, apprise")
    url = way.url if way.url_env is None else _value(receiver.name, way.url_env, variables)
    secret_env = way.secret_env if isinstance(way, Webhook) else None
    secret = None if secret_env is None else _value(receiver.name, secret_env, variables)
    if url is None or (isinstance(way, Webhook) and not url.startswith(("https://", "http://"))):
        raise InputError(
            f"receiver {receiver.name!r}: the address in {way.url_env} must begin with https:// or http://"
        )
    return Addressed(receiver, url, secret)


def from_setting(settings: Settings) -> Addressed | None:
    """The receiver that UNDERTONE_WEBHOOK_URL makes, which may lead anywhere: who sets it chose the place."""
    if settings.webhook_url is None:
        return None
    way = Webhook(url=settings.webhook_url, allow_private=True, allow_http=True, timeout_s=settings.webhook_timeout_s)
    return Addressed(Receiver(name=FROM_SETTING, webhook=way), settings.webhook_url)


def channel(to: Addressed, acknowledge: Callable[[Outgoing], str], home: str) -> Channel:
    """The channel to a receiver.

    Args:
        to: The receiver.
        acknowledge: Makes the link by which this receiver acknowledges an alert; may give an empty one.
        home: Where people reach Undertone; may be empty.

    Raises:
        InputError: if its address cannot be used.
    """
    receiver = to.receiver
    if receiver.apprise is not None:
        return ChatChannel(receiver.name, to.url, receiver.apprise.timeout_s, acknowledge)
    if receiver.webhook is None:
        raise InputError(f"receiver {receiver.name!r} has no address: give one of webhook, apprise")
    hook = receiver.webhook
    target = Target(
        receiver.name,
        to.url,
        to.secret,
        allow_private=hook.allow_private,
        allow_http=hook.allow_http,
        timeout_s=hook.timeout_s,
    )

    def made(out: Outgoing) -> dict[str, Any]:
        return body(out.alert, receiver.name, home=home, acknowledge=acknowledge(out))

    return WebhookChannel(target, made)


def acknowledging(settings: Settings, receiver: str, now_s: Callable[[], float]) -> Callable[[Outgoing], str]:
    """What makes acknowledge links for a receiver: empty ones where the settings give no address or no secret."""
    home, secret = settings.public_url, settings.link_secret
    if not (home and secret):
        return lambda _: ""

    def link(out: Outgoing) -> str:
        expires = int(now_s()) + settings.link_hours * 3_600
        return links.made(links.Link(out.alert.id, receiver, expires), home, secret)

    return link


def _value(receiver: str, name: str, variables: Variables) -> str:
    found = variables(name)
    if not found:
        raise InputError(f"receiver {receiver!r} names the environment variable {name}, which is not set: set it")
    return found
