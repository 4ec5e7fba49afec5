"""Opaque public identifiers: a prefix and a sortable ULID."""

from __future__ import annotations

import re
from typing import Literal

from ulid import ULID

Prefix = Literal["ds", "net", "run", "ckpt", "mdl", "evt", "key", "prj", "wrk"]

_SHAPE = re.compile(r"[a-z]{2,4}_[0-9a-hjkmnp-tv-z]{26}")


def new_id(prefix: Prefix) -> str:
    """Return a fresh id; ids made in a later millisecond sort later."""
    return f"{prefix}_{str(ULID()).lower()}"


def has_shape(value: str, prefix: Prefix) -> bool:
    """Tell whether a client's string could be an id of this kind, before any query."""
    return value.startswith(f"{prefix}_") and _SHAPE.fullmatch(value) is not None
