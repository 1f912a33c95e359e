"""The load: messages of about 300 bytes with short invented texts, the same for every contestant."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from undertone.broker import producer
from undertone.messages import Message
from undertone.settings import Settings

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
STEP_MS = 20

_SUBJECTS = (
    "chip maker", "grid operator", "lender", "retailer", "airline", "drug maker", "car maker", "insurer", "miner",
    "software house", "shipping group", "brewer", "railway", "telecom group", "builder", "food group",
)  # fmt: skip
_VERBS = (
    "raises", "cuts", "confirms", "withdraws", "beats", "misses", "delays", "reviews", "widens", "narrows", "lifts",
    "trims", "defends", "questions", "doubles", "halves",
)  # fmt: skip
_OBJECTS = (
    "full-year outlook", "quarterly dividend", "capital plan", "margin target", "profit forecast", "credit line",
    "buyback", "order book", "price list", "hiring plan", "bond sale", "cost programme", "export permit", "stake",
)  # fmt: skip
_REASONS = (
    "after weak demand in Europe", "as input costs fall", "despite strong bookings", "on currency moves",
    "after a regulator asks for papers", "as a rival leaves the market", "following an outage", "before results",
    "after record freight rates", "as investors press the board", "amid a strike", "after a court ruling",
)  # fmt: skip
_TICKERS = ("AAPL", "MSFT", "NVDA", "XOM", "JPM", "TSLA", "PFE", "KO")


_FRONT = (
    "Nor",
    "Hal",
    "Bren",
    "Cas",
    "Del",
    "Ever",
    "Fen",
    "Gar",
    "Ives",
    "Jor",
    "Kel",
    "Lor",
    "Mar",
    "Oak",
    "Pem",
    "Quil",
)
_MIDDLE = ("ta", "ver", "lin", "mor", "dale", "gate", "wick", "stra", "con", "bri")
_BACK = ("ton", "field", "well", "dyne", "tech", "bank", "foods", "air", "power", "motors", "labs", "retail")


def _company(draw: random.Random) -> str:
    return draw.choice(_FRONT) + draw.choice(_MIDDLE) + draw.choice(_BACK)


def texts(count: int, seed: int = 1) -> list[str]:
    """``count`` different texts of 18 to 25 words about invented companies; a third carry a real cashtag."""
    draw = random.Random(seed)
    made = []
    for number in range(count):
        tag = f"${draw.choice(_TICKERS)} " if draw.random() < 1 / 3 else ""
        made.append(
            f"{tag}{_company(draw)}, the {draw.choice(_SUBJECTS)}, {draw.choice(_VERBS)} {draw.choice(_OBJECTS)} by "
            f"{draw.randrange(1, 400)} million {draw.choice(_REASONS)}; {_company(draw)} {draw.choice(_VERBS)} "
            f"{draw.choice(_OBJECTS)} (no. {number})"
        )
    return made


def messages(count: int, seed: int = 1) -> Iterator[Message]:
    """``count`` messages, STEP_MS of event time apart."""
    for number, text in enumerate(texts(count, seed)):
        yield Message(
            id=f"load-{seed}-{number}",
            text=text,
            published_at=START + timedelta(milliseconds=number * STEP_MS),
            source=f"wire-{number % 7}",
            author=f"author-{number % 101}",
            url=f"https://example.org/stories/{seed}/{number}",
        )


def fill(settings: Settings, topic: str, count: int, seed: int = 1) -> None:
    """Put ``count`` messages on a topic, spread evenly over its partitions."""
    sender = producer(settings, linger_ms=20, batch_size=262_144)
    try:
        partitions = len(sender.partitions_for(topic))
        for number, message in enumerate(messages(count, seed)):
            sender.send(topic, value=message.encode(), partition=number % partitions)
        sender.flush()
    finally:
        sender.close()
