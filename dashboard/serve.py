"""What ``streamlit run`` is given, whose command line reads Streamlit's variables: the app with our frontend around it."""

from __future__ import annotations

from starlette.middleware import Middleware
from streamlit.starlette import App

from dashboard import APP
from dashboard.frontend import Frontend

app = App(APP, middleware=[Middleware(Frontend)])
