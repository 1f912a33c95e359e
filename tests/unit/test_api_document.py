"""The OpenAPI document: it is the committed one, complete, and its examples are what the types say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from undertone.api import shapes
from undertone.api.app import bare
from undertone.api.document import openapi, text
from undertone.api.examples import EXAMPLES
from undertone.api.problems import TYPES, ApiError, encode

FILE = Path(__file__).parents[2] / "docs" / "openapi.json"
PATHS = {
    "/v1/trends",
    "/v1/topics",
    "/v1/entities",
    "/v1/stories",
    "/v1/stories/{position}",
    "/v1/alerts",
    "/v1/alerts/stream",
    "/v1/alerts/{alert_id}",
    "/v1/health",
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi(bare())


def test_the_committed_document_has_not_drifted_from_the_code() -> None:
    assert FILE.read_text(encoding="utf-8") == text(bare()), "run: make schemas"


def test_every_path_is_read_only_and_tells_what_it_answers(document: dict[str, Any]) -> None:
    assert document["paths"].keys() == PATHS
    for path, methods in document["paths"].items():
        assert methods.keys() == {"get"}
        asked = methods["get"]
        assert asked["summary"]
        assert asked["description"]
        assert {"200", "401", "403", "422", "429", "503"} <= asked["responses"].keys()
        assert bool(asked.get("security")) is (path != "/v1/health")
        for status, answer in asked["responses"].items():
            if status >= "400":
                assert answer["content"].keys() == {"application/problem+json"}


def test_every_reference_of_the_document_leads_somewhere(document: dict[str, Any]) -> None:
    wanted = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert wanted >= {"Alert", "Evidence", "Problem", "Trends"}
    assert wanted <= document["components"]["schemas"].keys()


@pytest.mark.parametrize("shape", EXAMPLES, ids=lambda shape: shape.__name__)
def test_an_example_is_what_its_type_says(shape: type[msgspec.Struct]) -> None:
    made = msgspec.convert(EXAMPLES[shape], shape)
    assert json.loads(msgspec.json.encode(made)) == EXAMPLES[shape]


@pytest.mark.parametrize("kind", TYPES)
def test_a_problem_says_what_is_wrong_under_a_stable_name(kind: str) -> None:
    error = ApiError(kind, "ask again", retry_after_s=3)
    body = msgspec.json.decode(encode(error, "r1"), type=shapes.Problem)
    assert (body.type, body.status, body.detail) == (f"urn:undertone:problem:{kind}", error.status, "ask again")
    assert (body.request, error.headers["Retry-After"]) == ("r1", "3")
