"""The trainings with which the service is compared with its bare engine."""

from __future__ import annotations

from dataclasses import dataclass

N_CLASSES = 3
VALIDATION = 0.2


@dataclass(frozen=True)
class Training:
    """A table of numbers and a class, a fifth of it for validation; hidden widths with ReLU."""

    columns: int
    hidden: tuple[int, ...]
    rows: int
    batch_size: int


TRAININGS = {
    "small": Training(columns=30, hidden=(64, 32), rows=25_600, batch_size=128),
    "broad": Training(columns=256, hidden=(512, 256), rows=12_800, batch_size=256),
}
