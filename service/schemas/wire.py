"""What every message on the wire has in common."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer

T = TypeVar("T")


def _to_text(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _to_utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


UtcTime = Annotated[
    AwareDatetime,
    AfterValidator(_to_utc),
    PlainSerializer(_to_text, return_type=str, when_used="json"),
]
"""RFC 3339 in UTC with milliseconds."""

Name = Annotated[str, Field(min_length=1, max_length=200)]
Label = Annotated[str, Field(max_length=256)]


class Wire(BaseModel):
    """Refuses unknown fields and coercions; immutable once read."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Page(Wire, Generic[T]):
    """One page of a list, newest first; `next` is the next page's `after`, null at the end."""

    data: list[T]
    next: str | None = None


class ProblemItem(Wire):
    """One error of a request: a JSON pointer, a code, words, and the limit where there is one."""

    pointer: str
    code: str
    detail: str
    limit: int | float | str | None = None


class ProblemDetails(Wire):
    """An error answer (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[ProblemItem] = []
    request_id: str
