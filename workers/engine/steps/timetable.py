"""The numbers of every step of a run, learning rate and coefficients, a block at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workers.engine import optimizers, schedules

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workers.engine.kernels.contract import Coefficients
    from workers.engine.spec import TrainingSpec

BLOCK = 256
"""Steps computed together. Blocks begin at multiples of it, wherever a run is resumed: a vectorised
power may round otherwise at another place of its array."""


class Timetable:
    """What each step n of a run, from 1, is told; a function of n and the plateau's factor."""

    _NEVER = -(1 << 62)

    def __init__(self, spec: TrainingSpec, steps_per_epoch: int, block_length: int = BLOCK) -> None:
        self.block_length = block_length
        self._spec = spec
        self._steps_per_epoch = steps_per_epoch
        self._total = spec.epochs * steps_per_epoch
        self._plateau_factor = 1.0
        self._first = self._NEVER
        self._rates: list[float] = []
        self._coefficients: list[Coefficients] = []

    def enter(self, plateau_factor: float) -> None:
        """Begin an epoch with what reduce_on_plateau has come to."""
        if plateau_factor != self._plateau_factor:
            self._plateau_factor = plateau_factor
            self._first = self._NEVER

    def rate(self, n: int) -> float:
        """The learning rate of step n."""
        place = self._place(n)
        return self._rates[place]

    def coefficients(self, n: int) -> Coefficients:
        """The coefficients of step n, Python floats."""
        place = self._place(n)
        return self._coefficients[place]

    def block(self, index: int) -> tuple[NDArray[np.float64], Coefficients]:
        """Rates and coefficients of the block_length steps from index x block_length + 1 on."""
        steps = np.arange(1, self.block_length + 1, dtype=np.int64) + index * self.block_length
        steps = np.minimum(steps, self._total)
        optimizer = self._spec.optimizer
        rates = schedules.rates(
            self._spec.schedule,
            optimizer.learning_rate,
            steps,
            self._steps_per_epoch,
            self._total,
            self._plateau_factor,
        )
        return rates, optimizers.coefficients(optimizer, steps, rates)

    def _place(self, n: int) -> int:
        place = n - self._first
        if 0 <= place < self.block_length:
            return place
        index, place = divmod(n - 1, self.block_length)
        rates, coefficients = self.block(index)
        self._rates = rates.tolist()
        self._coefficients = list(zip(*(c.tolist() for c in coefficients), strict=True))
        self._first = index * self.block_length + 1
        return place
