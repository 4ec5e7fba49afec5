"""The compiled chunk with its arguments packed once: whole numbers, numbers, addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workers.engine.kernels.native.library import kernel

if TYPE_CHECKING:
    from workers.engine.kernels.program import Members, Program, Rows, Scratch


class ChunkCall:
    """A call on arrays that stay where they are; they may change between the calls.

    All of them C-contiguous and in the precision of the run, whole numbers int64, all else
    float64: nothing is checked on the other side.
    """

    def __init__(self, program: Program, rows: Rows, members: Members, scratch: Scratch) -> None:
        arrays = (program.layers, program.penalties, *rows, *members, *scratch)
        for array in arrays:
            if not array.flags.c_contiguous:
                raise ValueError("a compiled chunk needs contiguous arrays")
        self._arrays = arrays
        self._addresses = np.array([array.ctypes.data for array in arrays], np.int64)
        self._numbers = np.array(
            [program.smoothing, *program.betas, program.clip_value, program.clip_norm]
        )
        self._whole = np.array(
            [*_of_program(program), *_of_rows(rows), *_of_members(members), 0, 0, 0], np.int64
        )
        self._run = kernel("run_steps", scratch.gradient.dtype)
        self._shuffle = kernel("shuffle", scratch.gradient.dtype)
        self._orders = *members.orders.shape, members.orders.ctypes.data, members.seeds.ctypes.data
        self._packed = tuple(
            vector.ctypes.data for vector in (self._whole, self._numbers, self._addresses)
        )

    def shuffle(self, purpose: int, epoch: int) -> None:
        """Fill `members.orders` with those of an epoch, from 0, as `rng.Shuffler` gives them."""
        self._shuffle(*self._orders, purpose, epoch)

    def __call__(self, batch: int, steps_before: int, row: int) -> None:
        """Do `members.counts` steps: from this batch of the epoch, after so many steps in all.

        row is that of the first step's coefficients.
        """
        self._whole[-3:] = batch, steps_before, row
        self._run(*self._packed)


def _of_program(program: Program) -> tuple[int, ...]:
    return (
        len(program.layers),
        program.skip,
        program.loss,
        program.optimizer,
        program.n_decayed,
        program.batch_size,
        program.batch,
        program.targets,
        program.weights,
        program.share,
        program.narrow_skip,
        program.spare,
    )


def _of_rows(rows: Rows) -> tuple[int, ...]:
    return (*rows.X.shape, rows.targets.shape[1], rows.labels.size, rows.weights.size)


def _of_members(members: Members) -> tuple[int, ...]:
    return (
        *members.parameters.shape,
        members.first_slot.shape[1],
        members.second_slot.shape[1],
        members.orders.shape[1],
        members.dropout_rates.shape[1],
        members.coefficients.shape[1],
    )
