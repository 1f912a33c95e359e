"""The dashboard: Streamlit pages that read Redis through :mod:`undertone.store`, and the way to serve them.

Streamlit itself is imported only when the pages are served.
"""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

from undertone.settings import Settings

APP = Path(__file__).parent / "app.py"
SERVED = Path(__file__).parent / "serve.py"
LOOPBACK = "127.0.0.1"
ADDRESS = "STREAMLIT_SERVER_ADDRESS"


def run(settings: Settings) -> int:
    """Serve the pages until SIGINT or SIGTERM, and return the exit code: 0 for a clean stop, else 1.

    They listen on ``settings.dashboard_host`` (``STREAMLIT_SERVER_ADDRESS``, where that is set, as in a container) at
    ``settings.dashboard_port`` (0 picks a free port). Streamlit's other variables are obeyed.

    Raises:
        SettingsError: if others could reach them and nothing says who may come; or for a roles file of no use.
    """
    from click.exceptions import ClickException
    from streamlit.web import cli

    from dashboard import access

    address = os.environ.get(ADDRESS) or settings.dashboard_host
    access.check_address(settings, address)
    os.environ.update(settings.environment())
    # Streamlit's files may name another address, which nobody has checked; its environment is above them.
    os.environ[ADDRESS] = address
    os.environ["STREAMLIT_SERVER_PORT"] = str(settings.dashboard_port or _free_port())
    for one in (signal.SIGINT, signal.SIGTERM):
        # The server ends by them and then hands them on.
        signal.signal(one, _end)
    try:
        cli.main(["run", str(SERVED)], prog_name="streamlit", standalone_mode=False)
    except SystemExit as stop:
        return int(stop.code or 0)
    except ClickException as error:
        error.show()
        return 1
    return 0


def _end(*_: object) -> None:
    raise SystemExit(0)


def _free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as probe:
        return int(probe.getsockname()[1])
