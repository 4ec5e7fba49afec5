"""Filling the cache: `python -m workers.engine.kernels.warm`, at set-up and in an image's build.

Compiles every kernel for every precision; for this processor, or with --all for every level that
an image may meet. What is compiled for another processor is kept, never run.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from workers.engine.kernels import cache
from workers.engine.kernels.chunk import run
from workers.engine.kernels.compiled import descent, objectives, pointwise
from workers.engine.kernels.processor import targets
from workers.engine.kernels.program import Members, Program, Rows, Scratch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workers.engine.backend import DType


def warm() -> None:
    """Load every kernel into this process, compiling what the cache does not have.

    To be called before a process says that it is ready, so that no run waits for a compiler.
    """
    for precision in (np.float32, np.float64):
        for kernel, arguments in _calls(np.dtype(precision)):
            kernel.compile(tuple(numba.typeof(argument) for argument in arguments))
    folder = cache.folder()
    if folder is not None and not cache.is_complete(folder, numba.config.CPU_NAME):
        cache.mark_complete(folder, numba.config.CPU_NAME)


def _calls(dtype: DType) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Every kernel that Python calls, with arguments of the types that it is called with."""
    flat, table = np.empty(0, dtype), np.empty((0, 0), dtype)
    labels = np.empty(0, np.int64)
    number = 0.0
    yield pointwise.activate, (0, flat, flat)
    yield pointwise.deactivate, (0, flat, flat, flat)
    yield objectives.set_shares, (flat, flat)
    yield objectives.mean_squared_error, (table, table, flat, table)
    yield objectives.binary_cross_entropy, (table, table, number, flat, table, table)
    yield objectives.softmax_cross_entropy, (table, labels, number, flat, table, table)
    yield descent.decay, (flat, number)
    yield descent.descend, (flat, flat, number)
    yield descent.descend_with_momentum, (flat, flat, flat, number, number, True)
    yield descent.adam, (flat, flat, flat, flat, (number, number), number, number)
    yield run.run_steps, _chunk_arguments(dtype)


def _chunk_arguments(dtype: DType) -> tuple[Any, ...]:
    flat, table = np.empty(0, dtype), np.empty((0, 0), dtype)
    counts, numbers = np.empty((0, 0), np.int64), np.empty((0, 0))
    program = Program(
        layers=counts,
        penalties=numbers,
        skip=0,
        loss=0,
        smoothing=0.0,
        optimizer=0,
        betas=(0.0, 0.0),
        clip_value=0.0,
        clip_norm=0.0,
        n_decayed=0,
        batch_size=0,
        batch=0,
        targets=0,
        weights=0,
        share=0,
        terms=0,
        sums=0,
    )
    members = Members(
        parameters=table,
        first_slot=table,
        second_slot=table,
        orders=counts,
        seeds=np.empty(0, np.uint64),
        dropout_rates=numbers,
        coefficients=np.empty((0, 0, 0)),
        loss_sums=np.empty(0),
        counts=counts.reshape(-1),
    )
    rows = Rows(X=table, targets=table, labels=counts.reshape(-1), weights=flat)
    scratch = Scratch(gradient=flat, memory=flat, labels=counts.reshape(-1))
    return program, rows, members, scratch, (0, 0)


def main() -> None:
    """Warm the cache of this environment, and drop what other versions left there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="for every level of such processors")
    if not parser.parse_args().all:
        warm()
        _drop_others()
        return
    for target in targets(platform.machine()):
        environ = {"NUMBA_CPU_NAME": target.cpu, "NUMBA_CPU_FEATURES": target.features}
        command = (sys.executable, "-m", __spec__.name)
        subprocess.run(command, env={**os.environ, **environ}, check=True)  # noqa: S603 - ourselves


def _drop_others() -> None:
    folder = cache.folder()
    if folder is not None:
        for other in folder.parent.glob(f"{cache.PREFIX}*"):
            if other != folder:
                shutil.rmtree(other)


if __name__ == "__main__":
    main()
