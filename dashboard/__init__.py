"""The dashboard: a Streamlit page that reads Redis through :mod:`undertone.store`, and the way to start it.

It writes nothing. Streamlit itself is imported only when the page is served.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

from undertone.settings import Settings

APP = Path(__file__).parent / "app.py"
LOOPBACK = "127.0.0.1"


def run(settings: Settings) -> int:
    """Serve the page until SIGINT or SIGTERM, and return the exit code: 0 for a clean stop, else 1.

    It listens on loopback at ``settings.dashboard_port`` (0 picks a free port). Streamlit's own variables, such as
    ``STREAMLIT_SERVER_ADDRESS`` in a container, are obeyed.
    """
    from click.exceptions import ClickException
    from streamlit.web import cli

    os.environ.update(settings.environment())
    os.environ["STREAMLIT_SERVER_PORT"] = str(settings.dashboard_port or _free_port())
    try:
        cli.main(["run", str(APP)], prog_name="streamlit", standalone_mode=False)
    except SystemExit as stop:
        return int(stop.code or 0)
    except ClickException as error:
        error.show()
        return 1
    return 0


def _free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as probe:
        return int(probe.getsockname()[1])
