"""What chats and mailboxes are sent through apprise: in each service's own form, escaped, within its limit."""

from __future__ import annotations

import email
import email.policy
import html
import json
import ssl
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any, ClassVar

import pytest
import trustme

from stream.receivers.channel import NotDeliveredError
from stream.receivers.chat import MOST_HUNG, ChatChannel
from tests.alerts import evidence, outgoing
from tests.listener import Listener, status
from tests.servers import wait_until
from undertone.alert_store import Outgoing
from undertone.errors import InputError

# Apprise looks for a module that Python 3.11 and 3.12 have and mean to drop.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

LINK = "https://alerts.example.org/ack?alert=00112233aabbccdd&to=desk&until=1767225700&sig=AAAAAAAAAAAAAAAAAAAAAA"
MARKUP = 'Acme <at user_id="all">all</at> <!channel> *bold* _it_ [x](https://evil.example) <b>b</b> & `c` @desk'


@pytest.fixture
def listener() -> Iterator[Listener]:
    found = Listener(status(200, b'{"ok":true,"errcode":0,"code":0,"result":{"message_id":1}}'))
    yield found
    found.close()


def chat(url: str, **options: Any) -> ChatChannel:
    values: dict[str, Any] = {"timeout_s": 5.0, "acknowledge": lambda _: LINK} | options
    channel = ChatChannel("desk", url, **values)
    channel._service.request_rate_per_sec = 0  # a pause between two calls, which each service asks for
    return channel


def marked() -> Outgoing:
    return outgoing(evidence=(evidence(0, MARKUP, url=None),))


def test_a_service_is_sent_title_text_and_link(listener: Listener) -> None:
    assert chat(f"json://127.0.0.1:{listener.port}/hook").deliver(outgoing()) == "ok"
    (call,) = listener.calls
    assert call.json["title"] == "WARNING: ACME · Earnings · news: negative-surge"
    assert call.json["message"].endswith(f"Acknowledge: {LINK}")


def test_what_a_service_refuses_is_tried_again(listener: Listener) -> None:
    listener.answers = [status(500), status(302, Location=listener.url + "/elsewhere")]
    channel = chat(f"json://127.0.0.1:{listener.port}/hook")
    for _ in range(2):
        with pytest.raises(NotDeliveredError, match="did not take it"):
            channel.deliver(outgoing())
    assert channel.deliver(outgoing()) == "ok"
    assert [call.path for call in listener.calls] == ["/hook"] * 3  # the redirect was not followed


def test_a_service_that_drips_is_left_at_the_deadline_and_not_asked_without_end(listener: Listener) -> None:
    listener.usual = listener.drip
    channel = chat(f"json://127.0.0.1:{listener.port}/hook", timeout_s=0.5)
    channel._deadline_s = 0.3
    for _ in range(MOST_HUNG):
        with pytest.raises(NotDeliveredError, match="no answer"):
            channel.deliver(outgoing())
    with pytest.raises(NotDeliveredError, match="still wait"):
        channel.deliver(outgoing())
    assert len(listener.calls) == MOST_HUNG
    listener.usual = status(200)
    listener.released.set()
    wait_until(lambda: not any(one.is_alive() for one in channel._hung), 20, "the attempts to end")
    assert channel.deliver(outgoing()) == "ok"


@pytest.mark.parametrize("url", ["slack://", "nothing://x", "tgram://short", "json://"])
def test_an_address_that_apprise_does_not_know_is_refused_without_being_told(url: str) -> None:
    with pytest.raises(InputError) as caught:
        chat(url)
    assert "'desk'" in str(caught.value)
    assert url not in str(caught.value)


def payload(listener: Listener, url: str, attribute: str, path: str, out: Outgoing) -> Any:
    """What a service is posted, with its address led to the listener."""
    channel = chat(url)
    assert hasattr(channel._service, attribute)
    setattr(channel._service, attribute, listener.url + path)
    assert channel.deliver(out) == "ok"
    return listener.calls[-1].json


def test_slack_is_sent_text_with_its_three_characters_escaped(listener: Listener) -> None:
    listener.usual = status(200, b"ok")
    url = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/"
    sent = payload(listener, url, "webhook_url", "/services", marked())
    (part,) = sent["attachments"]
    assert sent["mrkdwn"] is False
    assert "&lt;!channel&gt; *bold*" in part["text"]
    assert "<" not in part["text"]
    assert html.escape(LINK, quote=False) in part["text"]


def test_feishu_is_sent_text_that_calls_nobody(listener: Listener) -> None:
    sent = payload(listener, "feishu://abcdefabcdef1234", "notify_url", "/hook", marked())
    assert sent["msg_type"] == "text"
    assert "<at" not in sent["content"]["text"]
    assert "*bold*" in sent["content"]["text"]
    assert LINK in sent["content"]["text"]


def test_wecom_is_sent_plain_text_within_its_2048_bytes(listener: Listener) -> None:
    long = outgoing(reason="股票大跌" * 400, evidence=tuple(evidence(n, "利润预警" * 60) for n in range(9)))
    sent = payload(listener, "wecombot://BOTKEY", "api_url", "/send", long)
    assert sent["msgtype"] == "text"
    assert len(sent["text"]["content"].encode()) <= 2048
    assert LINK in sent["text"]["content"]


def test_dingtalk_is_sent_plain_text(listener: Listener) -> None:
    sent = payload(listener, "dingtalk://abcdefabcdef", "notify_url", "/robot", marked())
    assert sent["msgtype"] == "text"
    assert "*bold* _it_" in sent["text"]["content"]
    assert LINK in sent["text"]["content"]


def test_telegram_is_sent_html_in_which_the_feed_is_escaped(listener: Listener) -> None:
    sent = payload(listener, "tgram://123456789:abcdefg_hijklmnop/12315544/", "notify_url", "/bot", marked())
    assert sent["parse_mode"] == "HTML"
    assert "&lt;b&gt;b&lt;/b&gt;" in sent["text"]
    assert "<at" not in sent["text"]
    assert "@desk" not in sent["text"]  # it would call a person of that name
    assert html.escape(LINK, quote=False) in sent["text"]


def test_teams_is_sent_a_card_in_which_the_feed_is_escaped(
    listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    listener.server.socket = context.wrap_socket(listener.server.socket, server_side=True)

    assert chat(f"workflows://localhost:{listener.port}/WorkflowID/Signature/").deliver(marked()) == "ok"
    texts = [block.get("text", "") for block in listener.calls[0].json["attachments"][0]["content"]["body"]]
    (text,) = [one for one in texts if "bold" in one]
    assert r"\*bold\* \_it\_ \[x\]" in text
    assert len(text) <= 1000


def test_a_mail_has_the_title_as_its_subject_and_the_feed_escaped() -> None:
    with ThreadingTCPServer(("127.0.0.1", 0), MailServer) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        url = f"mailto://127.0.0.1:{server.server_address[1]}?mode=insecure&from=u@example.org&to=desk@example.org"
        assert chat(url).deliver(marked()) == "ok"
        server.shutdown()
    message = email.message_from_bytes(MailServer.taken[0], policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert message["Subject"] == "WARNING: ACME · Earnings · news: negative-surge"
    body = message.get_body(("html", "plain"))
    assert body is not None
    text = body.get_content()
    assert "alerts.example.org/ack" in text
    if body.get_content_type() == "text/html":
        assert "<b>b</b>" not in text
        assert "&lt;b&gt;b&lt;/b&gt;" in text
    else:
        assert "<b>b</b>" in text


class MailServer(StreamRequestHandler):
    """Takes mail by SMTP (RFC 5321), as far as a client needs it that trusts the answers."""

    taken: ClassVar[list[bytes]] = []

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                self.taken.append(b"".join(iter(self.rfile.readline, b".\r\n")))
            self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
            if verb == b"QUIT":
                return


def test_a_json_body_is_what_the_service_was_posted(listener: Listener) -> None:
    chat(f"json://127.0.0.1:{listener.port}/hook").deliver(marked())
    assert json.loads(listener.calls[0].body)["message"].count(MARKUP) == 1
