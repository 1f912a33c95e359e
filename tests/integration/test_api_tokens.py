"""Who may read: tokens from their making to their end, rates, and what is said when Redis is away."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis
from typer.testing import CliRunner

import undertone
from tests.api_server import LONG_S, access_log, bearer, serving, story, tell
from tests.seed import NOW_MS
from tests.servers import wait_until
from undertone import keys
from undertone.api.admission import Desk, Rate
from undertone.api.problems import ApiError
from undertone.api.server import know_file, must_be_closed
from undertone.api.service import wall_ms
from undertone.api.tokens import TokenStore
from undertone.cli.application import app
from undertone.client import connect
from undertone.embedded import EmbeddedValkey
from undertone.errors import SettingsError
from undertone.messages import from_ms
from undertone.settings import Settings
from undertone.store import Store

SLOWLY = Rate(burst=20, a_minute=1)
PATIENCE: dict[str, Any] = {"api_burst": 1_000, "api_per_minute": 100_000}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def command(redis_url: str, *words: str) -> dict[str, object]:
    done = CliRunner().invoke(app, ["api", "token", *words, "--redis-url", redis_url, "--json"])
    assert done.exit_code == 0, done.output
    made: dict[str, object] = json.loads(done.stdout)
    return made


def status(client: httpx.Client, path: str, written: object) -> int:
    return client.get(path, headers={"Authorization": f"Bearer {written}"}).status_code


def test_a_token_in_a_file_is_known_when_the_server_starts(redis_url: str, tmp_path: Path) -> None:
    written = CliRunner().invoke(app, ["api", "token", "make"]).stdout
    (tmp_path / "grafana").write_text(written, encoding="utf-8")
    settings = Settings(redis_url=redis_url, api_token_file=tmp_path / "grafana", api_host="0.0.0.0")
    with pytest.raises(SettingsError, match="no token exists"):
        must_be_closed(settings)
    for _ in range(2):  # a server that starts again knows it already
        know_file(settings)
    assert must_be_closed(settings)
    with serving(redis_url, **PATIENCE) as client:
        assert status(client, "/v1/alerts", written.strip()) == 200
        assert client.get("/v1/alerts").status_code == 401
    [kept] = TokenStore(connect(redis_url)).list()
    assert kept.name == "grafana"


@pytest.mark.parametrize("text", ["", "a password", "ut_0123456789abcdef_short"])
def test_a_file_that_holds_no_token_is_refused(redis_url: str, tmp_path: Path, text: str) -> None:
    (tmp_path / "file").write_text(text, encoding="utf-8")
    for name in ("file", "missing"):
        with pytest.raises(SettingsError, match="UNDERTONE_API_TOKEN_FILE"):
            know_file(Settings(redis_url=redis_url, api_token_file=tmp_path / name))


def test_a_token_reads_what_its_scopes_say_until_it_is_revoked(redis_url: str) -> None:
    made = command(redis_url, "create", "desk", "--scope", "read:trends", "--days", "3")
    with serving(redis_url, **PATIENCE) as client:
        assert status(client, "/v1/topics", made["token"]) == 200
        narrow = client.get("/v1/alerts", headers={"Authorization": f"Bearer {made['token']}"})
        assert narrow.status_code == 403
        assert 'error="insufficient_scope", scope="read:alerts"' in narrow.headers["www-authenticate"]
        assert client.get("/v1/topics").status_code == 401
        assert client.get("/v1/topics").headers["www-authenticate"] == 'Bearer realm="undertone"'
        assert status(client, "/v1/topics", str(made["token"])[:-1] + "!") == 401
        wrong = str(made["token"])[:-4] + "AAAA"
        assert status(client, "/v1/topics", wrong) == 401
        assert client.get("/v1/health").status_code == 200
        assert command(redis_url, "list")["used_at"] is not None
        command(redis_url, "revoke", str(made["id"]))
        assert status(client, "/v1/topics", made["token"]) == 401
        # The last token is gone, and the door stays shut.
        assert client.get("/v1/topics").status_code == 401


def test_redis_never_holds_the_token_and_every_key_is_bounded_and_listed(redis_url: str) -> None:
    made = command(redis_url, "create", "desk")
    with serving(redis_url) as client:
        assert status(client, "/v1/topics", made["token"]) == 200
    secret = str(made["token"]).rpartition("_")[2]
    with Redis.from_url(redis_url) as client_of_redis:
        names = [bytes(name).decode() for name in client_of_redis.scan_iter("ut:{api}:*")]
        assert len(names) == 4
        for name in names:
            (pattern,) = [one for one in keys.PATTERNS if fnmatchcase(name, one.glob)]
            assert bytes(client_of_redis.type(name)).decode() == pattern.type
            assert 0 < int(client_of_redis.ttl(name)) <= pattern.ttl_s
            held = client_of_redis.hgetall(name) if pattern.type == "hash" else client_of_redis.zrange(name, 0, -1)
            assert secret not in f"{name} {held!r}"


def test_an_expired_token_is_no_token(redis_url: str) -> None:
    written, token = TokenStore(connect(redis_url)).create("brief", ["read:trends"], wall_ms(), 60)
    desk = Desk(connect(redis_url), Rate(100, 100), closed=True)
    expires_ms = round(token.expires_at.timestamp() * 1000)
    known = desk.admit("127.0.0.1", f"Bearer {written}", "read:trends", expires_ms - 1, {})
    assert desk.still(known, expires_ms - 1)
    assert not desk.still(known, expires_ms)
    with pytest.raises(ApiError, match="expired"):
        desk.admit("127.0.0.1", f"Bearer {written}", "read:trends", expires_ms, {})


def test_a_store_in_which_nothing_was_counted_gives_empty_answers(redis_url: str) -> None:
    with serving(redis_url) as client:
        assert client.get("/v1/health").json()["status"] == "empty"
        for path, rows in (
            ("trends", "buckets"),
            ("topics", "topics"),
            ("entities", "entities"),
            ("stories", "stories"),
        ):
            assert client.get(f"/v1/{path}").json()[rows] == []
        assert client.get("/v1/alerts").json()["alerts"] == []


def test_without_tokens_loopback_is_open_until_one_is_made(redis_url: str) -> None:
    with serving(redis_url, **PATIENCE) as client:
        assert client.get("/v1/topics").status_code == 200
        command(redis_url, "create", "desk")
        assert client.get("/v1/topics").status_code == 401


@pytest.mark.parametrize(
    "place",
    [{"api_host": "0.0.0.0"}, {"api_host": "::"}, {"api_host": "example.org"}, {"api_proxies": "127.0.0.1"}],
    ids=str,
)
def test_others_can_reach_it_only_where_a_token_exists(redis_url: str, place: dict[str, str]) -> None:
    settings = Settings(redis_url=redis_url, **place)
    with pytest.raises(SettingsError, match="undertone api token create"):
        must_be_closed(settings)
    assert not must_be_closed(Settings(redis_url=redis_url))
    command(redis_url, "create", "desk")
    assert must_be_closed(settings)
    assert must_be_closed(Settings(redis_url=redis_url))


def test_the_command_says_why_it_does_not_start(redis_url: str) -> None:
    done = CliRunner().invoke(app, ["api", "--host", "0.0.0.0", "--redis-url", redis_url])
    assert done.exit_code == 1
    assert "no token exists" in done.stderr
    assert CliRunner().invoke(app, ["api", "token", "revoke", "x", "--redis-url", redis_url]).exit_code == 1
    assert (
        CliRunner().invoke(app, ["api", "token", "create", "x", "--scope", "write", "--redis-url", redis_url]).exit_code
    )


def test_the_command_serves_until_it_is_told_to_stop_and_ends_its_streams(redis_url: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as output:
        words = ["api", "--port", "0", "--redis-url", redis_url]
        # In the folder of the test there is no checkout to import from.
        paths = {**os.environ, "PYTHONPATH": str(Path(undertone.__file__).parents[1])}
        server = subprocess.Popen(
            [sys.executable, "-m", "undertone.cli", *words], cwd=tmp_path, env=paths, stdout=output, stderr=output
        )
    try:
        place = wait_until(
            lambda: re.search(r"http://127\.0\.0\.1:\d+", log.read_text()), LONG_S, "it says where it is"
        )
        assert place is not None
        assert "no token exists" in log.read_text()
        with httpx.stream("GET", f"{place[0]}/v1/alerts/stream", timeout=LONG_S) as answer:
            assert answer.status_code == 200
            server.send_signal(signal.SIGTERM)
            assert "retry:" in answer.read().decode()
        assert server.wait(LONG_S) in (0, -signal.SIGTERM)
    finally:
        server.kill()
        server.wait()
    said = log.read_text()
    assert "Traceback" not in said
    (line,) = [json.loads(one) for one in said.splitlines() if one.startswith("{")]
    assert (line["path"], line["status"], line["token"]) == ("/v1/alerts/stream", 200, None)


def test_a_rate_holds_exactly_however_many_ask_at_once(redis_url: str) -> None:
    with serving(redis_url, api_burst=10, api_per_minute=1) as client, ThreadPoolExecutor(8) as pool:
        headers = bearer(redis_url, now_ms=wall_ms())
        answers = list(pool.map(lambda _: client.get("/v1/topics", headers=headers), range(30)))
    assert Counter(one.status_code for one in answers) == {200: 10, 429: 20}
    refused = next(one for one in answers if one.status_code == 429)
    assert 0 < int(refused.headers["retry-after"]) <= 60
    assert refused.headers["ratelimit-policy"] == '"token";q=10;w=600'
    assert refused.headers["ratelimit"].startswith('"token";r=0;t=')
    assert refused.json()["retry_after_s"] == int(refused.headers["retry-after"])
    assert min(int(one.headers["ratelimit"].split(";")[1][2:]) for one in answers if one.status_code == 200) == 0


def test_an_address_pays_for_tokens_that_it_tries_and_does_not_spend_anothers(redis_url: str) -> None:
    written, token = TokenStore(connect(redis_url)).create("desk", ["read:trends"], wall_ms(), 600)
    desk = Desk(connect(redis_url), SLOWLY, closed=True)
    kinds = Counter[str]()
    for _ in range(100):
        with pytest.raises(ApiError) as refusal:
            desk.admit("203.0.113.9", f"Bearer {written[:-4]}AAAA", "read:trends", wall_ms(), {})
        kinds[refusal.value.kind] += 1
    assert kinds == {"token": 80, "rate": 20}
    headers: dict[str, str] = {}
    assert desk.admit("203.0.113.10", f"Bearer {written}", "read:trends", wall_ms(), headers).token is not None
    assert headers["RateLimit"].startswith('"token";r=19;')
    assert token.used_at is None


def test_what_was_spent_comes_back(redis_url: str) -> None:
    desk = Desk(connect(redis_url), Rate(burst=1, a_minute=60), closed=False)

    def asks() -> bool:
        try:
            desk.admit("203.0.113.9", None, "read:trends", wall_ms(), {}, cost=4)
        except ApiError as refusal:
            return refusal.kind != "rate"
        return True

    assert asks()
    assert not asks()
    wait_until(asks, what="an address that waited is admitted")


def test_when_redis_is_away_it_says_how_old_the_data_is_and_it_comes_back(own_valkey: EmbeddedValkey) -> None:
    store = Store.open(own_valkey.url)
    tell(store, story(1, NOW_MS - 1_000))
    store.write_labels(["Earnings"], "m1", NOW_MS)
    with serving(own_valkey.url, **PATIENCE) as client:
        assert client.get("/v1/health").status_code == 200
        own_valkey.kill()
        for path in ("/v1/health", "/v1/trends", "/v1/stories", "/v1/alerts"):
            answer = client.get(path)
            assert answer.status_code == 503
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["retry-after"] == "5"
            assert answer.json()["type"] == "urn:undertone:problem:store"
            assert answer.json()["data_age_s"] > 0
            assert "Traceback" not in answer.text
        own_valkey.start()
        wait_until(lambda: client.get("/v1/trends").status_code == 200, what="it reads again")
        (bucket,) = client.get("/v1/trends", params={"to": from_ms(NOW_MS).isoformat()}).json()["buckets"]
        assert bucket["messages"]["negative"] == 1


def test_the_token_of_a_caller_is_in_the_log_by_id_and_its_secret_nowhere(
    redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    made = command(redis_url, "create", "desk")
    with serving(redis_url) as client, caplog.at_level("DEBUG"), access_log() as log:
        assert status(client, "/v1/topics", made["token"]) == 200
        wait_until(lambda: any(f"token:{made['id']}" in line for line in log))
    assert str(made["token"]).rpartition("_")[2] not in "\n".join([caplog.text, *log])
