"""Settings from the environment: one name each, checked once, at the start of a process."""

from __future__ import annotations

import hashlib
import ipaddress
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

if TYPE_CHECKING:
    from collections.abc import Mapping

# sun_path holds 108 bytes with its closing NUL (unix(7)); a longer path cannot be bound.
_MAX_SOCKET_PATH = 107

# Read by the client and the command line alone, but often exported in the same shell.
CLIENT_NAMES = frozenset(("SLOPE_URL", "SLOPE_API_KEY"))

S = TypeVar("S", bound=BaseModel)

RUNS_RUNNING = 4
"""Trainings at once of a project whose operator set no number of its own."""

MIB = 2**20
GIB = 2**30


class SettingsError(Exception):
    """A setting that cannot be used: its name and what is wrong, in one line."""


class Limits(BaseModel):
    """Every limit that guards a route; reported by `GET /v1/limits`."""

    model_config = ConfigDict(frozen=True)

    json_bytes: int = Field(8 * MIB, description="Size of a JSON body.")
    json_depth: int = Field(32, description="Nesting of a JSON body.")
    json_keys: int = Field(10_000, description="Keys of one JSON object.")
    json_string_bytes: int = Field(64 * 1024, description="Length of one JSON string.")
    upload_bytes: int = Field(2 * GIB, description="Size of an uploaded table.")
    dataset_rows: int = Field(10_000_000, description="Rows of a table.")
    dataset_columns: int = Field(10_000, description="Columns of a table.")
    dataset_cells: int = Field(50_000_000, description="Cells of a table.")
    rows_cells: int = Field(100_000, description="Cells of one window of rows.")
    csv_line_bytes: int = Field(MIB, description="Length of one line of a CSV file.")
    csv_field_bytes: int = Field(64 * 1024, description="Length of one field of a CSV file.")
    parser_cpu_seconds: int = Field(60, description="Processor time for reading an upload.")
    parser_memory_bytes: int = Field(4 * GIB, description="Memory for reading an upload.")
    model_parameters: int = Field(20_000_000, description="Parameters of a network.")
    run_memory_bytes: int = Field(2 * GIB, description="Estimated memory of a run.")
    run_steps: int = Field(10_000_000, description="Optimiser steps of a run.")
    run_seconds: int = Field(21_600, description="Time from creation after which a run fails.")
    runs_queued: int = Field(200, description="Runs of a project that wait.")
    runs_running: Annotated[int, Field(ge=1)] = Field(
        RUNS_RUNNING,
        description="Runs of a project that train at once, where it has no number of its own.",
    )
    predict_rows: int = Field(10_000, description="Rows of one prediction request.")
    predict_cells: int = Field(2_000_000, description="Cells of one prediction request.")
    trace_parameters: int = Field(1_000_000, description="Parameters of a network that is traced.")
    trace_cells: int = Field(5_000_000, description="Cells of a table that a trace reads.")
    requests_per_second: int = Field(50, description="Requests of one key, on average.")
    request_burst: int = Field(100, description="Requests of one key at once.")
    failed_auth_per_minute: int = Field(20, description="Refused keys from one address.")
    uploads_at_once: int = Field(2, description="Uploads of one key at once.")
    requests_at_once: int = Field(200, description="Requests that one process answers at once.")
    event_streams: int = Field(500, description="Streams of events that one process holds open.")
    event_streams_per_key: int = Field(250, description="Those of one key.")
    page_size: int = Field(500, description="Rows of one page of a list.")
    request_receipt_seconds: float = Field(10.0, description="Time to send a request.")
    upload_receipt_seconds: float = Field(300.0, description="Time to send an upload.")
    answer_stall_seconds: float = Field(
        60.0, description="Time for which a receiver may take nothing of its answer."
    )
    storage_bytes: int = Field(5 * GIB, description="Stored bytes of a project.")


class Settings(BaseModel):
    """What an operator can set."""

    model_config = ConfigDict(frozen=True)

    host: str = Field("127.0.0.1", description="Address the API listens on.")
    port: Annotated[int, Field(ge=0, le=65_535)] = Field(
        8000, description="Port the API listens on."
    )
    state_dir: Path = Field(
        Path("./var"), description="Folder of the database, broker socket, logs and first key."
    )
    database_url: SecretStr | None = Field(
        None, description="PostgreSQL in production; SQLite in the state folder when unset."
    )
    redis_url: SecretStr | None = Field(
        None, description="Redis in production; a broker of our own in the state folder when unset."
    )
    auth: Literal["keys", "off"] = Field(
        "keys", description="'off' serves without keys, on loopback in embedded mode only."
    )
    worker_processes: Annotated[int, Field(ge=1, le=1024)] | None = Field(
        None, description="Trainings at once on this machine; the number of cores when unset."
    )
    device: Literal["cpu", "cuda"] = Field(
        "cpu", description="What a worker computes on; `cuda` needs requirements-gpu.txt."
    )
    api_processes: Annotated[int, Field(ge=1, le=64)] = Field(
        1, description="Processes that serve the API on one port."
    )
    lease_seconds: Annotated[float, Field(gt=0.0, le=3600.0)] = Field(
        15.0, description="A run whose worker is silent for so long goes to another."
    )
    shutdown_seconds: Annotated[float, Field(ge=0.0, le=3600.0)] = Field(
        2.0, description="Time for a worker to checkpoint after SIGTERM."
    )
    log_format: Literal["console", "json"] = Field("console", description="How logs are written.")

    @property
    def is_embedded(self) -> bool:
        """Whether everything runs on this machine, without a server installed."""
        return self.database_url is None and self.redis_url is None

    @property
    def resolved_database_url(self) -> str:
        """SQLAlchemy's URL of the database."""
        if self.database_url is not None:
            url = self.database_url.get_secret_value()
            scheme, _, rest = url.partition("://")
            return f"postgresql+psycopg://{rest}" if scheme in _POSTGRES_SCHEMES else url
        return f"sqlite:///{self.embedded_database}"

    @property
    def embedded_database(self) -> Path:
        """The file of the database that needs no server."""
        return self.state_dir.resolve() / "slope.db"

    @property
    def resolved_redis_url(self) -> str:
        """Kombu's URL of the broker."""
        if self.redis_url is not None:
            return self.redis_url.get_secret_value()
        return f"redis+socket://{self.broker_socket}"

    @property
    def broker_socket(self) -> Path:
        """The embedded broker's socket: in the state folder, or where its path is short enough."""
        path = self.state_dir.resolve() / "run" / "broker.sock"
        # Every process must find the same place without being told; the supervisor makes the
        # folder with mode 0700 and refuses one that belongs to somebody else.
        name = f"slope-{hashlib.sha256(os.fsencode(path)).hexdigest()[:16]}"
        # TMPDIR itself can be too deep a folder.
        folders = (Path(tempfile.gettempdir()), Path("/tmp"))  # noqa: S108 - not a known name
        places = [path, *(folder / name / "broker.sock" for folder in folders)]
        return next(p for p in places if len(os.fsencode(p)) <= _MAX_SOCKET_PATH)

    @property
    def n_worker_processes(self) -> int:
        """Trainings at once on this machine."""
        return self.worker_processes or len(os.sched_getaffinity(0))

    @model_validator(mode="after")
    def _auth_off_stays_at_home(self) -> Settings:
        if self.auth == "off" and not (self.is_embedded and _is_loopback(self.host)):
            raise ValueError(
                "SLOPE_AUTH=off is served on loopback in embedded mode only; "
                "unset it, or SLOPE_HOST, SLOPE_DATABASE_URL and SLOPE_REDIS_URL"
            )
        return self


_POSTGRES_SCHEMES = frozenset(("postgresql", "postgres", "postgresql+psycopg"))


def load_settings(environ: Mapping[str, str]) -> tuple[Settings, Limits]:
    """Read and check every `SLOPE_*` variable.

    Raises:
        SettingsError: a value that cannot be used, or a misspelt name, which would otherwise
            be ignored without a word.
    """
    known = CLIENT_NAMES | {
        f"{prefix}{name}".upper()
        for cls, prefix in ((Settings, "SLOPE_"), (Limits, "SLOPE_LIMIT_"))
        for name in cls.model_fields
    }
    for name in environ:
        if name.startswith("SLOPE_") and name not in known:
            raise SettingsError(f"{name} is not a setting; the README lists them")
    return _read(Settings, "SLOPE_", environ), _read(Limits, "SLOPE_LIMIT_", environ)


def _read(cls: type[S], prefix: str, environ: Mapping[str, str]) -> S:
    names = {f"{prefix}{name}".upper(): name for name in cls.model_fields}
    values = {names[key]: value for key, value in environ.items() if key in names and value != ""}
    try:
        return cls.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = f"{prefix}{first['loc'][0]}: ".upper() if first["loc"] else ""
        raise SettingsError(where + first["msg"].removeprefix("Value error, ")) from None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
