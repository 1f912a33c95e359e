"""What ``streamlit run`` is given: the app in our frontend. Its command line reads Streamlit's variables."""

from __future__ import annotations

from starlette.middleware import Middleware
from streamlit.starlette import App

from dashboard import APP
from dashboard.frontend import Frontend

app = App(APP, middleware=[Middleware(Frontend)])
