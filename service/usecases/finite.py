"""Plain data without NaN and infinities, which neither JSON nor the wire knows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any


def finite(value: Any) -> Any:
    """Return plain data with null for every number that is not finite."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, int | str):
        return value
    # A dict first: to ask an abstract class takes longer than all the rest.
    if isinstance(value, dict | Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [finite(item) for item in value]
    return value
