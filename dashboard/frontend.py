"""What a browser is sent before Streamlit's scripts run: the page's frame at once, and the scripts without detours.

Streamlit serves an empty page, which stays empty until 2 MB of scripts have run and the server was reached, and looks
up each of their 80 files on the disk, uncompressed. Here the frame of our page is in what comes first, the scripts that
our pages are known to need are named in it, and files are sent from memory, compressed once.
"""

from __future__ import annotations

import gzip
import html
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import parse_qs

import streamlit
from anyio import to_thread
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.words import LANGUAGES, Language
from dashboard.words.shell import Shell

FRAME: Final = (Path(__file__).parent / "frame.html").read_text("utf-8")
SCRIPTS: Final = Path(streamlit.__file__).parent / "static" / "static" / "js"
NEEDED: Final = ("Html",)
"""Of the scripts that Streamlit fetches when it first meets what they draw, those of every page of ours."""
CHARTS: Final = "EChartsChart"
CHARTED: Final = ("", "trends")
"""The pages that begin with a chart, or nearly so, as the address names them."""
PAGE: Final = "text/html"
COMPRESSED: Final = re.compile(r"text/|[a-z]+/(javascript|json)")
KEPT_MOST: Final = 300
KEPT_BYTES: Final = 8_000_000
"""A file that is longer is not kept. All that Streamlit has are fewer than these, of which a browser asks for a few."""
GZIP_LEVEL: Final = 6
_IMPORTED: Final = re.compile(r"""(?:from|import)\s*["']\./([\w.-]+\.js)["']""")
LATER: Final = """rel="stylesheet" media="print" onload="this.media='all'" """.strip()
_IN_HEAD, _IN_BODY = "</head>", "<body>"


class Reply(NamedTuple):
    """A whole answer."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    @property
    def kind(self) -> str:
        return Headers(raw=self.headers).get("content-type", "")


class Frontend:
    """ASGI middleware around Streamlit's own application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._files: dict[tuple[str, bool], Reply] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
        elif "/static/" in scope["path"] and "range" not in Headers(scope=scope):
            await _send(await self._file(scope, receive), send)
        elif PAGE in Headers(scope=scope).get("accept", ""):
            await _send(_framed(await _asked(self._app, scope, receive), scope), send)
        else:
            await self._app(scope, receive, send)

    async def _file(self, scope: Scope, receive: Receive) -> Reply:
        packed = "gzip" in Headers(scope=scope).get("accept-encoding", "")
        key = scope["path"], packed
        found = self._files.get(key)
        if found is None:
            found = await _asked(self._app, scope, receive)
            if packed and found.status == 200 and COMPRESSED.match(found.kind):
                found = await to_thread.run_sync(_packed, found)
            # Where there is no such file Streamlit sends its page.
            there = found.status == 200 and not found.kind.startswith(PAGE)
            if there and len(found.body) <= KEPT_BYTES and len(self._files) < KEPT_MOST:
                self._files[key] = found
        return found


async def _asked(app: ASGIApp, scope: Scope, receive: Receive) -> Reply:
    """The answer of the application to a request for the whole of something, as if nothing were known of it."""
    hidden = (b"if-none-match", b"if-modified-since", b"accept-encoding")
    headers = [(name, value) for name, value in scope["headers"] if name not in hidden]
    start: Message = {"status": 500, "headers": []}
    parts: list[bytes] = []

    async def take(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            parts.append(message.get("body", b""))

    await app(dict(scope, headers=headers), receive, take)
    return Reply(start["status"], [*start["headers"]], b"".join(parts))


async def _send(reply: Reply, send: Send) -> None:
    await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
    await send({"type": "http.response.body", "body": reply.body})


def _packed(reply: Reply) -> Reply:
    body = gzip.compress(reply.body, GZIP_LEVEL, mtime=0)
    more = [(b"content-encoding", b"gzip"), (b"vary", b"accept-encoding")]
    return _with_body(reply, body, more)


def _with_body(reply: Reply, body: bytes, more: Iterable[tuple[bytes, bytes]] = ()) -> Reply:
    # What tells one version from another is of the body that was there before.
    own = (b"content-length", b"etag", b"last-modified", b"accept-ranges")
    headers = [(name, value) for name, value in reply.headers if name.lower() not in own]
    return Reply(reply.status, [*headers, (b"content-length", str(len(body)).encode()), *more], body)


def _framed(reply: Reply, scope: Scope) -> Reply:
    """Streamlit's empty page with our frame in it; any other answer as it is."""
    if reply.status != 200 or not reply.kind.startswith(PAGE):
        return reply
    name = scope["path"].rstrip("/").rpartition("/")[2]
    body = framed(reply.body.decode(), _language(scope), charted=name in CHARTED)
    return _with_body(reply, body.encode(), [(b"vary", b"accept-language")])


@lru_cache(maxsize=8)
def framed(page: str, language: Language, *, charted: bool) -> str:
    """The page with the frame, the name and the scripts that it will need; as it is if it has no place for them."""
    if _IN_HEAD not in page or _IN_BODY not in page:
        return page
    say = Shell(language)
    words = {"title": say.title, "tagline": say.tagline, "opening": say.opening}
    frame = FRAME
    for name, text in words.items():
        frame = frame.replace(f"{{{name}}}", html.escape(text))
    links = "".join(
        f'<link rel="modulepreload" crossorigin href="./static/js/{one}">\n' for one in scripts(page, charted=charted)
    )
    # The frame needs none of it, and a sheet on its way would hold the first paint back.
    page = page.replace('<link rel="stylesheet" crossorigin', f"<link {LATER} crossorigin", 1)
    page = page.replace("<title>Streamlit</title>", f"<title>{html.escape(say.title)}</title>", 1)
    page = page.replace('<html lang="en">', f'<html lang="{language}">', 1)
    return page.replace(_IN_HEAD, links + _IN_HEAD, 1).replace(_IN_BODY, _IN_BODY + frame, 1)


def scripts(page: str, *, charted: bool) -> list[str]:
    """The files of what is needed, and of what those import, that the page does not name yet."""
    found: dict[str, None] = {}
    waiting = [path.name for name in (*NEEDED, *([CHARTS] if charted else [])) for path in SCRIPTS.glob(f"{name}.*.js")]
    while waiting:
        one = waiting.pop()
        if one not in found and one not in page:
            found[one] = None
            waiting += _imports(SCRIPTS / one)
    return [*found]


def _imports(script: Path) -> Iterator[str]:
    try:
        yield from _IMPORTED.findall(script.read_text("utf-8"))
    except OSError:
        return


def _language(scope: Scope) -> Language:
    """As the page itself will choose it: as the address says, else as the browser does."""
    asked = parse_qs(scope["query_string"].decode("latin-1")).get("lang", [""])[0]
    for one in LANGUAGES:
        if one == asked:
            return one
    return "zh" if Headers(scope=scope).get("accept-language", "").lower().startswith("zh") else "en"
