"""What is asked of the service, as data."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel
from pydantic_core import to_json

IDEMPOTENCY_KEY = "Idempotency-Key"
_REPEATABLE_METHODS = frozenset(("GET", "HEAD", "PUT", "DELETE"))


@dataclass(frozen=True, kw_only=True)
class Form:
    """A multipart body: text fields, then one file, opened anew for every attempt."""

    fields: Mapping[str, str]
    filename: str
    file: Path | bytes


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request; `is_pure` marks a POST that may be repeated because it creates nothing."""

    method: str
    path: str
    params: Mapping[str, str | int | None] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    form: Form | None = None
    is_pure: bool = False

    @property
    def is_repeatable(self) -> bool:
        """Whether asking again does no more than asking once."""
        return self.is_pure or self.method in _REPEATABLE_METHODS or IDEMPOTENCY_KEY in self.headers


def get(path: str, **params: str | int | None) -> Request:
    """Return a GET; parameters that are None are left out."""
    return Request(method="GET", path=path, params=params)


def delete(path: str) -> Request:
    """Return a DELETE."""
    return Request(method="DELETE", path=path)


def create(path: str, body: Any, idempotency_key: str | None) -> Request:
    """Return a POST that makes one thing, however often it is repeated."""
    return Request(
        method="POST",
        path=path,
        content=encode(body),
        headers={"Content-Type": "application/json"} | keyed(idempotency_key),
    )


def ask(path: str, body: Any = None) -> Request:
    """Return a POST that creates nothing."""
    if body is None:
        return Request(method="POST", path=path, is_pure=True)
    return Request(
        method="POST",
        path=path,
        content=encode(body),
        headers={"Content-Type": "application/json"},
        is_pure=True,
    )


def keyed(idempotency_key: str | None) -> dict[str, str]:
    """Return the header that makes a create repeatable; a key of our own unless one is given."""
    return {IDEMPOTENCY_KEY: idempotency_key or secrets.token_hex(16)}


def encode(body: Any) -> bytes:
    """Return JSON; of a wire model only what was set, so that the service decides the rest."""
    if isinstance(body, BaseModel):
        return body.model_dump_json(exclude_unset=True).encode()
    return to_json(body)


def segment(value: str) -> str:
    """Return an id or a model reference as one segment of a path."""
    return quote(value, safe=":@")
