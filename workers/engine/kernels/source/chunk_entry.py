"""The chunk of steps as a function of three addresses, as `chunk.call` packs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workers.engine.kernels.program import (
    N_COEFFICIENTS,
    N_COLUMNS,
    Members,
    Program,
    Rows,
    Scratch,
)
from workers.engine.kernels.source.jit import cube, inlined, matrix, memory_at, vector
from workers.engine.kernels.source.run import run_steps

if TYPE_CHECKING:
    from collections.abc import Callable

_WHOLE = np.int64(0)
_WORD = np.uint64(0)
_NUMBER = np.float64(0.0)


def chunk(zero: Any) -> dict[str, Callable[..., Any]]:
    """The chunk, in the precision of `zero`."""

    def run(whole: Any, numbers: Any, addresses: Any) -> None:
        n, x = memory_at(whole, _WHOLE), memory_at(numbers, _NUMBER)
        at = memory_at(addresses, _WHOLE)
        program = _program(n, x, at)
        run_steps(
            program,
            _rows(n, at, zero),
            _members(n, at, zero),
            Scratch(
                gradient=vector(memory_at(at[15], zero), 0, n[18]),
                memory=memory_at(at[16], zero),
            ),
            (n[24], n[25], n[26]),
        )

    return {"run_steps": run}


@inlined
def _program(n: Any, x: Any, at: Any) -> Any:
    return Program(
        layers=matrix(memory_at(at[0], _WHOLE), 0, n[0], N_COLUMNS),
        penalties=matrix(memory_at(at[1], _NUMBER), 0, n[0], 2),
        skip=n[1],
        narrow_skip=n[10],
        loss=n[2],
        smoothing=x[0],
        optimizer=n[3],
        betas=(x[1], x[2]),
        clip_value=x[3],
        clip_norm=x[4],
        n_decayed=n[4],
        batch_size=n[5],
        batch=n[6],
        targets=n[7],
        weights=n[8],
        share=n[9],
        spare=n[11],
    )


@inlined
def _rows(n: Any, at: Any, zero: Any) -> Any:
    return Rows(
        X=matrix(memory_at(at[2], zero), 0, n[12], n[13]),
        targets=matrix(memory_at(at[3], zero), 0, n[12], n[14]),
        labels=vector(memory_at(at[4], _WHOLE), 0, n[15]),
        weights=vector(memory_at(at[5], zero), 0, n[16]),
    )


@inlined
def _members(n: Any, at: Any, zero: Any) -> Any:
    members = n[17]
    return Members(
        parameters=matrix(memory_at(at[6], zero), 0, members, n[18]),
        first_slot=matrix(memory_at(at[7], zero), 0, members, n[19]),
        second_slot=matrix(memory_at(at[8], zero), 0, members, n[20]),
        orders=matrix(memory_at(at[9], _WHOLE), 0, members, n[21]),
        seeds=vector(memory_at(at[10], _WORD), 0, members),
        dropout_rates=matrix(memory_at(at[11], _NUMBER), 0, members, n[22]),
        coefficients=cube(memory_at(at[12], _NUMBER), members, n[23], N_COEFFICIENTS),
        loss_sums=vector(memory_at(at[13], _NUMBER), 0, members),
        counts=vector(memory_at(at[14], _WHOLE), 0, members),
    )
