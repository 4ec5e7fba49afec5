"""Provenance on the wire: what a run's weights come from."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from service.schemas.runs import Parent, RunSpec
from service.schemas.wire import UtcTime, Wire


class DatasetDigests(Wire):
    """A table by the bytes that were uploaded, and by those that are kept of it."""

    id: str
    sha256: str
    stored_sha256: str | None = Field(description="Null once the table is deleted.")


class Attempt(Wire):
    """One worker's time with a run; what older versions did not write down is null."""

    attempt: int
    fence: int
    worker: str | None = Field(description="A name of the worker that tells nothing of its host.")
    service_version: str | None
    started_at: UtcTime
    ended_at: UtcTime | None
    ended_by: str | None = Field(description="Why the run moved on.")


class ReplayResult(Wire):
    """A run that repeats this one."""

    run_id: str
    identical: bool | None


class Provenance(Wire):
    """Everything that decided a run's weights, and who computed them."""

    run_id: str
    spec: RunSpec
    spec_sha256: str = Field(
        description="Of the specification as JSON in UTF-8, keys in order and without blanks."
    )
    dataset: DatasetDigests
    seed: int
    weights_sha256: str | None
    engine_version: str | None
    numerics: dict[str, Any] | None = Field(
        description="Two runs of one specification with equal numerics have equal bits."
    )
    reproducible: bool
    attempts: list[Attempt]
    parents: list[Parent] = Field(description="What it goes on from, the nearest first.")
    replay_of: str | None
    replays: list[ReplayResult]
