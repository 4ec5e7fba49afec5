"""How the cells of a table's columns were read, which is how those of later requests are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workers.tabular.options import IngestOptions
from workers.tabular.types import MISSING_TOKENS, DateOrder

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class CellRules:
    """Of one column; `missing` are the texts that stand for a missing cell.

    `dates` is the order of day and month. `is_text` says that numbers and truth values stood as
    text among typed values, in JSON or Parquet, with the mark `decimal`: requests may hold them so.
    """

    missing: frozenset[str] = frozenset(MISSING_TOKENS)
    dates: DateOrder | None = None
    is_text: bool = False
    decimal: str = "."


USUAL = CellRules()


def cell_rules(reading: Mapping[str, Any]) -> dict[str, CellRules]:
    """The rules of the columns that were not read as usual."""
    options = IngestOptions.from_plain(reading)
    return {
        name: CellRules(
            missing=frozenset(options.wish(name).missing_tokens),
            dates=options.wish(name).dates,
            is_text=name in options.texts,
            decimal=options.parse.decimal or ".",
        )
        for name in (*options.schema, *options.texts)
    }
