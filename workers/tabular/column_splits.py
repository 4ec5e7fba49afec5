"""Splits that a column spells out: each of its cells says where the row belongs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from workers.tabular.splits import Split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.tabular.splits import Rows

Part = Literal["train", "validation", "test"]

PARTS: tuple[Part, ...] = ("train", "validation", "test")

_WORDS: dict[str, Part] = {
    "train": "train",
    "validation": "validation",
    "val": "validation",
    "valid": "validation",
    "test": "test",
}


def part_named(cell: str) -> Part | None:
    """The part that a cell means, in whatever case and with blanks around it; None for others."""
    return _WORDS.get(cell.strip().lower())


def split_by_parts(levels: Sequence[Part], places: Rows) -> Split:
    """The split of n rows by the place (n,) in `levels` of what each row's cell means.

    Raises ValueError where no row trains.
    """
    number = np.array([PARTS.index(part) for part in levels], np.intp)
    parts = number[places]
    split = Split(*(np.flatnonzero(parts == place) for place in range(len(PARTS))))
    if not len(split.train):
        raise ValueError("the column leaves no row for training")
    return split
