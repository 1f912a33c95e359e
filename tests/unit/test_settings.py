"""Settings: read once, frozen, and clear about what is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from undertone.errors import SettingsError
from undertone.settings import PREFIX, Settings


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings from outside: neither the environment's nor a file's."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_defaults_are_the_documented_ones() -> None:
    settings = Settings()
    assert settings.bootstrap_servers == "127.0.0.1:9092"
    assert settings.streams == ("news", "comments")
    assert settings.allowed_lateness_s == 3_600


def test_variable_in_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERTONE_PARTITIONS", "12")
    monkeypatch.setenv("UNDERTONE_STREAMS", "news")
    monkeypatch.setenv("UNDERTONE_PUBLISH_SCORED", "false")
    settings = Settings()
    assert (settings.partitions, settings.streams, settings.publish_scored) == (12, ("news",), False)


def test_env_file_is_read_and_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("UNDERTONE_PARTITIONS=7\nUNDERTONE_GROUP=filed\nOTHER=1\n")
    monkeypatch.setenv("UNDERTONE_GROUP", "environment")
    settings = Settings()
    assert (settings.partitions, settings.group) == (7, "environment")


def test_flag_that_was_given_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERTONE_PARTITIONS", "12")
    assert Settings(partitions=3).partitions == 3


def test_flag_that_was_not_given_leaves_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERTONE_PARTITIONS", "12")
    assert Settings(partitions=None).partitions == 12


@pytest.mark.parametrize("written", ["news,comments", " news , comments ,"])
def test_streams_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("UNDERTONE_STREAMS", written)
    assert Settings().streams == ("news", "comments")


@pytest.mark.parametrize(
    ("variable", "value", "valid"),
    [
        ("PARTITIONS", "many", "a valid integer"),
        ("PARTITIONS", "0", "greater than or equal to 1"),
        ("TAKE_WITHIN_S", "-1", "greater than 0"),
        ("SECURITY_PROTOCOL", "TLS", "'PLAINTEXT', 'SSL', 'SASL_PLAINTEXT' or 'SASL_SSL'"),
        ("STREAMS", "news,tweets", "'news' or 'comments'"),
        ("PUBLISH_SCORED", "perhaps", "a valid boolean"),
        ("LOG_LEVEL", "LOUD", "'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("HEALTH_PORT", "70000", "less than or equal to 65535"),
    ],
)
def test_wrong_setting_is_named_with_its_value_and_what_is_valid(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, valid: str
) -> None:
    monkeypatch.setenv(PREFIX + variable, value)
    with pytest.raises(SettingsError) as caught:
        Settings()
    (line,) = str(caught.value).splitlines()
    assert line.startswith(PREFIX + variable)
    assert value.rsplit(",", maxsplit=1)[-1] in line
    assert valid in line


def test_every_wrong_setting_has_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERTONE_PARTITIONS", "many")
    monkeypatch.setenv("UNDERTONE_THREADS", "0")
    with pytest.raises(SettingsError) as caught:
        Settings()
    named = {line.split("=")[0] for line in str(caught.value).splitlines()}
    assert named == {"UNDERTONE_PARTITIONS", "UNDERTONE_THREADS"}


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().partitions = 3


def test_child_reads_the_same_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    parent = Settings(
        streams=("comments",),
        partitions=9,
        data=tmp_path,
        publish_scored=False,
        take_within_s=0.5,
        sasl_password="secret",
    )
    for name, value in parent.environment().items():
        monkeypatch.setenv(name, value)
    assert Settings(worker=parent.worker) == parent


def test_password_is_not_shown() -> None:
    assert "secret" not in repr(Settings(sasl_password="secret"))
