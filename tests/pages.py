"""One page of the dashboard, run without a browser, and what it shows."""

from __future__ import annotations

import re

from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from dashboard import APP

TIMEOUT_S = 60


def page(name: str = "", **query: str) -> AppTest:
    """One page of the app, run once; the name is that in its address."""
    app = AppTest.from_file(str(APP), default_timeout=TIMEOUT_S)
    app.query_params.update(query)
    # What AppTest.switch_page sets; it knows pages that are files only.
    app._page_hash = calc_hash(name)
    return app.run()


def html(app: AppTest) -> str:
    """All the markup of the page, as it is sent to the browser."""
    assert not app.exception, app.exception
    return "\n".join(body for element in app.get("html") if not (body := element.proto.body).startswith("<style"))


def query(app: AppTest) -> dict[str, str]:
    """The parameters of its address."""
    return {name: one if isinstance(one, str) else one[0] for name, one in app.query_params.items()}


def text(app: AppTest) -> str:
    return re.sub(r"<[^>]+>", " ", html(app))


def click(app: AppTest, key: str) -> AppTest:
    """Click the button of that key; returns the page after it."""
    app.button(key=key).click()
    return app.run()


def page_of(mail: str, name: str = "", **query: str) -> AppTest:
    """The same page for a person who is signed in; the settings must name a roles file."""
    app = AppTest.from_file(str(APP), default_timeout=TIMEOUT_S)
    app.secrets["auth"] = {"redirect_uri": "http://localhost/oauth2callback", "cookie_secret": "x"}
    app.user = {"is_logged_in": True, "email": mail, "email_verified": True}
    app.query_params.update(query)
    app._page_hash = calc_hash(name)
    return app.run()
