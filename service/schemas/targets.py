"""What is to be learned, on the wire: one column, or several numeric ones at once."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Len
from pydantic import Discriminator, Field, Tag

MAX_TARGETS = 100

ColumnName = Annotated[str, Field(min_length=1, max_length=1000)]


def _choose(value: object) -> str:
    return "<columns>" if isinstance(value, list) else "<column>"


TargetColumns = Annotated[
    Annotated[ColumnName, Tag("<column>")]
    | Annotated[list[ColumnName], Len(1, MAX_TARGETS), Tag("<columns>")],
    Discriminator(_choose),
]
"""The name of a column, or a list of names: a regression of all of them together."""
