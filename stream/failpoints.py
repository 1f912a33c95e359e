"""Places where a test may have the worker killed, by ``UNDERTONE_FAILPOINT=name[:n]``: SIGKILL at the n-th pass.

The only use of the environment outside the settings, so that no setting can ask for it.
"""

from __future__ import annotations

import os
import signal
from typing import Literal, get_args

Name = Literal["after-score", "after-claim", "before-apply", "after-apply", "before-ack", "before-swap", "after-swap"]

_name, _, _passes = os.environ.get("UNDERTONE_FAILPOINT", "").partition(":")
_left = int(_passes or 1)

if _name and _name not in get_args(Name):
    raise ValueError(f"UNDERTONE_FAILPOINT={_name!r} is no failpoint: valid is {', '.join(get_args(Name))}")


def passed(name: Name) -> None:
    """Die here, without any clean-up, if this pass is the one that was asked for."""
    global _left  # noqa: PLW0603
    if name == _name:
        _left -= 1
        if _left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
