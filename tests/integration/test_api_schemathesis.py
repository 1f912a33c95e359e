"""Schemathesis asks the running API what its own document makes possible, valid and not, and believes no answer."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from redis import Redis

from tests.api_server import bearer, fired, publish, serving, story, tell
from tests.seed import HOSTILE, NOW_MS
from undertone.api.service import wall_ms
from undertone.embedded import EmbeddedValkey
from undertone.store import Store

EXAMPLES = 8
"""Of each path; what Schemathesis derives from the document's limits comes on top."""

PATIENCE_S = 600
"""A run takes some 15 s of a core, which a busy machine may not give at once."""
pytestmark = pytest.mark.timeout(PATIENCE_S)

# A range too large for its step is valid to the document and refused with 422. The stream ends when it is asked to.
CONFIG = """
[checks]
positive_data_acceptance.expected-statuses = ["2xx", "3xx", "401", "403", "404", "422", "429"]

[[operations]]
include-path = "/v1/alerts/stream"
parameters = { "query.seconds" = 0 }
"""


@pytest.fixture(scope="module")
def authorization(valkey: EmbeddedValkey) -> str:
    with Redis.from_url(valkey.url) as client:
        client.flushall()
    store = Store.open(valkey.url)
    store.write_labels(["Earnings"], "m1", NOW_MS)
    tell(store, *(story(n, NOW_MS - n * 1_000, text=text) for n, text in enumerate([*HOSTILE, "plain"])))
    tell(store, story(1_042, NOW_MS - 5_000, position="news-3:1042"))
    publish(store, *(fired(store, n, NOW_MS) for n in range(3)), fired(store, 9, NOW_MS, id="a1b2c3d4e5f60718"))
    store.redis.close()
    return bearer(valkey.url, now_ms=wall_ms())["Authorization"]


@pytest.fixture(scope="module")
def api(valkey: EmbeddedValkey, authorization: str) -> Iterator[httpx.Client]:
    with serving(valkey.url, api_burst=100_000, api_per_minute=1_000_000) as client:
        yield client


def schemathesis(folder: Path, document: str, api: httpx.Client, authorization: str, *options: str) -> tuple[int, str]:
    """Exit code and output of a run that asks the same each time."""
    (folder / "schemathesis.toml").write_text(CONFIG)
    (folder / "openapi.json").write_text(document)
    program = ["-m", "schemathesis.cli", "--config-file", "schemathesis.toml", "run", "openapi.json"]
    given = ["--url", str(api.base_url), "--header", f"Authorization: {authorization}", "--seed", "1"]
    given += ["--max-examples", str(EXAMPLES), "--suppress-health-check", "all", "--no-color"]
    done = subprocess.run(
        [sys.executable, *program, *given, *options],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    return done.returncode, done.stdout + done.stderr


def test_it_runs_clean(api: httpx.Client, authorization: str, tmp_path: Path) -> None:
    document = api.get("/v1/openapi.json").text
    code, said = schemathesis(tmp_path, document, api, authorization, "--phases", "examples,coverage,fuzzing")
    assert code == 0, said
    assert "Selected: 9/9" in said
    assert "Tested: 9" in said


def test_it_sees_an_answer_that_is_not_what_the_document_says(
    api: httpx.Client, authorization: str, tmp_path: Path
) -> None:
    wrong = json.loads(api.get("/v1/openapi.json").text)
    wrong["components"]["schemas"]["Topics"]["properties"]["model"] = {"type": "integer"}
    code, said = schemathesis(
        tmp_path, json.dumps(wrong), api, authorization, "--include-path", "/v1/topics", "--phases", "fuzzing"
    )
    assert code == 1
    assert "violates schema" in said
