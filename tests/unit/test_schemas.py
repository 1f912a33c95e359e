"""The published JSON Schemas say what the types say, and what the decoder does."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from undertone import schemas
from undertone.errors import Rejected
from undertone.messages import Message, decode


def test_the_files_have_not_drifted_from_the_types() -> None:
    assert schemas.drifted() == []


def test_drift_is_seen_and_written_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schemas, "FOLDER", tmp_path)
    assert schemas.drifted() == [*schemas.TYPES]
    assert schemas.write() == [*schemas.TYPES]
    assert schemas.drifted() == []
    (tmp_path / "alert.json").write_text("{}")
    assert schemas.write() == ["alert"]


@pytest.mark.parametrize("name", schemas.TYPES)
def test_each_is_a_valid_schema_whose_references_resolve(name: str) -> None:
    made = schemas.schema(name)
    jsonschema.Draft202012Validator.check_schema(made)
    wanted = {word for word in json.dumps(made).split('"') if word.startswith("#/$defs/")}
    assert {ref.rpartition("/")[2] for ref in wanted} <= made.get("$defs", {}).keys()


def test_a_message_that_is_encoded_satisfies_its_schema() -> None:
    message = Message(id="1", published_at=datetime(2020, 1, 1, tzinfo=UTC), source="s", text="t", entities=("A",))
    jsonschema.validate(json.loads(message.encode()), schemas.schema("message"))


@pytest.mark.parametrize(
    "change", [{"id": None}, {"id": ""}, {"id": 7}, {"text": None}, {"source": []}, {"entities": ["a"] * 65}]
)
def test_schema_and_decoder_refuse_the_same(change: dict[str, Any]) -> None:
    shape = {"id": "1", "published_at": "2020-01-01T00:00:00Z", "source": "s", "text": "t"} | change
    shape = {key: value for key, value in shape.items() if value is not None}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(shape, schemas.schema("message"))
    with pytest.raises(Rejected):
        decode(json.dumps(shape).encode())
