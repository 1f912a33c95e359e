"""Signatures of what Undertone sends: by them a receiver knows that a webhook call is ours, unaltered and fresh.

``X-Undertone-Signature: t=1767225600,v1=5257a8…``: the seconds since 1970 at which it was sent, and the hexadecimal
HMAC-SHA256 (RFC 2104) of ``<t>.<body>`` under the receiver's secret. The scheme is Stripe's.
"""

from __future__ import annotations

import hashlib
import hmac

HEADER = "X-Undertone-Signature"
TOLERANCE_S = 300
"""How old, or how far ahead, a call may be: what bounds a replay of it by somebody else."""


def sign(body: bytes, secret: str, at_s: int) -> str:
    """The value of the header.

    >>> sign(b"{}", "s3cret", 1767225600)
    't=1767225600,v1=29ee05578fef21788e25d00ee3270df92a9e454a1fb82bc2c22d2269c729892b'
    """
    return f"t={at_s},v1={_digest(body, secret, str(at_s))}"


def verify_signature(header: str, body: bytes, secret: str, now_s: float, tolerance_s: float = TOLERANCE_S) -> bool:
    """Whether a call came from who knows the secret, with this body, and lately.

    Args:
        header: Of HEADER, as it came; it may hold several ``v1``, while a secret is being changed.
        body: The bytes as they came, before any parsing.
        secret: The one that the sender was given.
        now_s: Seconds since 1970.
        tolerance_s: How far the time of sending may be from ``now_s``.
    """
    at, given = "", []
    for part in header.split(","):
        name, _, value = part.strip().partition("=")
        if name == "t":
            at = value
        elif name == "v1":
            given.append(value)
    if not (at.isascii() and at.isdigit() and len(at) <= 12) or abs(now_s - int(at)) > tolerance_s:
        return False
    wanted = _digest(body, secret, at).encode()
    # Every comparison is made, and each takes the same time: how long it took tells nothing.
    return sum([hmac.compare_digest(wanted, one.encode()) for one in given]) > 0


def _digest(body: bytes, secret: str, at: str) -> str:
    return hmac.new(secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
