"""Settings: read once at the door, from the environment, a ``.env`` file or flags, into one frozen object.

Nothing else in Undertone reads the environment. A rules file names variables that hold the secrets of its receivers:
:func:`variable` gives their values.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Annotated, Any, Literal

from dotenv import dotenv_values
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from undertone.errors import SettingsError

PREFIX = "UNDERTONE_"


def _worker_name() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"


class Settings(BaseSettings):
    """Every setting of every program. The environment variable is ``UNDERTONE_`` and the name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    # Where the servers are.
    bootstrap_servers: str = Field("127.0.0.1:9092", description="Kafka brokers, host:port, comma separated")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    sasl_username: str | None = None
    sasl_password: str | None = Field(None, repr=False)
    ssl_cafile: Path | None = None
    ssl_certfile: Path | None = None
    ssl_keyfile: Path | None = None
    redis_url: str = Field("redis://127.0.0.1:6379/0", description="redis:// or rediss:// or unix://")

    # The model.
    model: str = Field(
        "default",
        description="'default' (the registry's champion, or the shipped one without a registry), 'fast', 'trivial', "
        "a version of the registry, or a model folder",
    )
    registry: str | None = Field(None, description="folder or fsspec URL of the model registry")
    reload_s: Annotated[float, Field(gt=0, le=3_600)] = Field(5.0, description="seconds between looks at the registry")
    threads: Annotated[int, Field(ge=1, le=256)] = 1
    device: Literal["auto", "cpu", "gpu"] = Field(
        "auto", description="what scores: 'auto' is a GPU where one can be used, else the CPU"
    )
    precision: Literal["auto", "fp32", "fp16", "bf16"] = Field("auto", description="on a GPU; 'auto' is fp16")

    # The stream.
    group: str = "undertone"
    streams: Annotated[tuple[Literal["news", "comments"], ...], NoDecode] = ("news", "comments")
    partitions: Annotated[int, Field(ge=1, le=1024)] = 4
    worker: str = Field(default_factory=_worker_name, description="name of this worker in health data")
    chunk_records: Annotated[int, Field(ge=1, le=10_000)] = 256
    take_chunks: Annotated[int, Field(ge=1, le=64)] = 8
    take_within_s: Annotated[float, Field(gt=0, le=5)] = 0.02
    queue_batches: Annotated[int, Field(ge=1, le=64)] = 4
    session_timeout_s: Annotated[float, Field(ge=3, le=300)] = 6.0
    max_text_bytes: Annotated[int, Field(ge=256, le=1_048_576)] = 16_384
    allowed_lateness_s: Annotated[int, Field(ge=0, le=7 * 86_400)] = 3_600
    future_tolerance_s: Annotated[int, Field(ge=0, le=86_400)] = 300
    story_window_s: Annotated[int, Field(ge=60, le=7 * 86_400)] = 86_400
    idle_partition_s: Annotated[float, Field(gt=0, le=3_600)] = 10.0
    publish_scored: bool = True
    entities_file: Path | None = Field(None, description="CSV that extends the shipped company list")
    health_host: str = "127.0.0.1"
    health_port: Annotated[int, Field(ge=0, le=65_535)] = Field(8081, description="0 picks a free port")

    # Labels: who is trusted, and how much of them one may be; see undertone.labels.limits.
    label_reviewers: Annotated[tuple[str, ...], NoDecode] = Field((), description="names, comma separated")
    label_person_day: Annotated[int, Field(ge=0)] = 2_000
    label_source_day: Annotated[int, Field(ge=0)] = 5_000
    label_person_share: Annotated[float, Field(ge=0, le=1)] = 0.3
    label_source_share: Annotated[float, Field(ge=0, le=1)] = 1.0

    # Alerts.
    rules: Path | None = Field(None, description="rules file; without one, the rules that ship. See docs/alerts.md")
    webhook_url: str | None = Field(None, description="Alertmanager v4 webhook that alerts are sent to")
    webhook_timeout_s: Annotated[float, Field(gt=0, le=60)] = 5.0
    public_url: Annotated[str, Field(pattern="^https?://[^ ?#]+$")] | None = Field(
        None, description="where people reach the watch's endpoints, for acknowledge links: https://alerts.example.org"
    )
    link_secret: Annotated[str, Field(min_length=16)] | None = Field(
        None, repr=False, description="signs acknowledge links; without it and public_url there are none"
    )
    link_hours: Annotated[int, Field(ge=1, le=24 * 30)] = Field(72, description="hours until a link expires")
    watch_host: str = "127.0.0.1"
    watch_port: Annotated[int, Field(ge=0, le=65_535)] = Field(8082, description="of the links; 0 picks a free port")
    watch_health_port: Annotated[int, Field(ge=0, le=65_535)] = Field(
        8083, description="of the watch's health and metrics, on UNDERTONE_HEALTH_HOST; 0 picks a free port"
    )

    # The read API; see docs/api.md.
    api_host: str = Field("127.0.0.1", description="any but a loopback address needs a token to exist")
    api_port: Annotated[int, Field(ge=0, le=65_535)] = Field(8600, description="0 picks a free port")
    api_token_file: Path | None = Field(
        None, description="file with a token of `undertone api token make`, made known when the API starts"
    )
    api_certfile: Path | None = Field(None, description="with api_keyfile: serve TLS")
    api_keyfile: Path | None = None
    api_origins: Annotated[tuple[str, ...], NoDecode] = Field((), description="origins whose pages may read, or *")
    api_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="addresses of proxies whose X-Forwarded-For is believed"
    )
    api_per_minute: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        600, description="what a token may spend; most requests cost 1 or 2"
    )
    api_burst: Annotated[int, Field(ge=10, le=100_000)] = Field(120, description="what a token may spend at once")
    api_streams: Annotated[int, Field(ge=1, le=10_000)] = Field(100, description="clients of the alert stream at once")

    # Programs.
    data: Path = Field(Path(".undertone"), description="folder of the embedded servers and the logs")
    dashboard_port: Annotated[int, Field(ge=0, le=65_535)] = 8501
    dashboard_host: str = Field("127.0.0.1", description="address that the page listens on")
    dashboard_roles: Path | None = Field(
        None, description="roles file (TOML) of the people who may sign in; without one nobody signs in"
    )
    dashboard_open: bool = Field(
        False, description="without sign-in, let others look (not act): something else guards the port"
    )
    prices: Path | None = Field(None, description="prices by symbol and time (CSV, JSON lines, Parquet) to overlay")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_json: bool = False

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**{name: value for name, value in values.items() if value is not None})
        except ValidationError as error:
            raise SettingsError(_explain(error)) from error

    @field_validator("streams", "label_reviewers", "api_origins", "api_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value

    def environment(self) -> dict[str, str]:
        """These settings as environment variables, so that a child process reads the same ones."""
        written: dict[str, str] = {}
        for name, value in self.model_dump(exclude={"worker"}, exclude_none=True).items():
            text = ",".join(value) if isinstance(value, tuple) else str(value)
            written[PREFIX + name.upper()] = text
        return written


def variable(name: str) -> str | None:
    """The value of any variable of the environment, or else of the ``.env`` file; None if it is in neither."""
    found = os.environ.get(name)
    return dotenv_values(".env").get(name) if found is None else found


def _explain(error: ValidationError) -> str:
    """One line for each wrong setting: the variable, the value given, what is valid."""
    lines = []
    for problem in error.errors():
        name = PREFIX + str(problem["loc"][0]).upper()
        valid = problem["msg"].removeprefix("Input should be ")
        lines.append(f"{name}={problem['input']!r} cannot be used: valid is {valid}.")
    return "\n".join(lines)
