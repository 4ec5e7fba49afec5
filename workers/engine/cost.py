"""What a training will cost: memory, operations, time; estimated before anything is allocated."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from workers.engine import optimizers
from workers.engine.backend import dtype_of
from workers.engine.batches import STRETCH_BYTES
from workers.engine.network import Network
from workers.engine.spec import (
    AdamSpec,
    DenseSpec,
    MseSpec,
    NetworkSpec,
    TrainingSpec,
)
from workers.engine.training import TrainingData, TrainingState, train

VECTORS = 3
"""Parameters, gradient, and the parameters with which the epoch began."""

_WORK_PER_UNIT = 60
_WORK_PER_PARAMETER = {"sgd": 30, "adam": 100}
"""Elementwise work, in operations of a matrix product that take as long: for each unit and row
(bias, activation, both ways) and for each parameter and step. Measured; they are memory's price."""


@dataclass(frozen=True)
class Cost:
    """Data and all that training allocates, in bytes; a multiply-add is two operations."""

    memory_bytes: int
    flops_per_epoch: int


def estimate(network: Network, spec: TrainingSpec, n_rows: int) -> Cost:
    """The cost of training on n_rows rows; validation is not counted."""
    itemsize = dtype_of(spec.precision).itemsize
    vectors = VECTORS + len(optimizers.slot_names(spec.optimizer))
    if spec.early_stopping is not None and spec.early_stopping.restore_best:
        vectors += 1
    row = itemsize * (network.n_inputs + network.n_outputs)
    batch_size = min(spec.batch_size, n_rows)
    # Per layer and row: the activation, its gradient, and what the kernel keeps beside them.
    per_row = 4 * itemsize * sum(layer.n_outputs for layer in network.layers)
    stretch = min(row * n_rows, max(STRETCH_BYTES, row * batch_size))
    order = np.dtype(np.intp).itemsize * n_rows if spec.shuffle else 0
    memory = row * n_rows + order + stretch
    memory += vectors * itemsize * network.n_parameters
    memory += per_row * (batch_size + n_rows % batch_size)
    return Cost(memory_bytes=memory, flops_per_epoch=_flops_per_row(network) * n_rows)


def seconds_per_epoch(network: Network, spec: TrainingSpec, n_rows: int) -> float:
    """The time of an epoch on this machine, without validation."""
    speed = _speed()
    steps = -(-n_rows // spec.batch_size)
    units = sum(layer.n_outputs for layer in network.layers)
    work = estimate(network, spec, n_rows).flops_per_epoch
    work += n_rows * units * _WORK_PER_UNIT
    work += steps * network.n_parameters * _WORK_PER_PARAMETER[spec.optimizer.type]
    if spec.precision == "float64":
        work *= 2
    return work / speed.flops_per_s + steps * (len(network.layers) + 1) * speed.call_s


def measured_speed() -> float:
    """Operations (float32) per second of training at a middling size, measured once per process."""
    return _speed().flops_per_s


@dataclass(frozen=True)
class _Speed:
    flops_per_s: float
    call_s: float


@lru_cache(maxsize=1)
def _speed() -> _Speed:
    tiny, middling = _stack(4, (16,)), _stack(256, (256, 128))
    call_s = _step_s(tiny, rows=16) / (len(tiny.layers) + 1)
    step_s = _step_s(middling, rows=128) - call_s * (len(middling.layers) + 1)
    elementwise = 128 * (256 + 128 + 2) * _WORK_PER_UNIT
    elementwise += middling.n_parameters * _WORK_PER_PARAMETER["adam"]
    work = _flops_per_row(middling) * 128 + elementwise
    return _Speed(flops_per_s=work / step_s, call_s=call_s)


def _step_s(network: Network, rows: int) -> float:
    """Seconds of processor time per step, the best of some epochs of a few steps."""
    spec = TrainingSpec(epochs=8, batch_size=rows, loss=MseSpec(), optimizer=AdamSpec())
    steps = 4
    X = np.ones((steps * rows, network.n_inputs), np.float32)
    y = np.zeros((steps * rows, network.n_outputs), np.float32)
    state = TrainingState.initial(network, spec, seed=0)
    best, before = float("inf"), time.process_time()
    for _ in train(network, state, TrainingData(X, y), spec, seed=0):
        now = time.process_time()
        best, before = min(best, (now - before) / steps), now
    return best


def _stack(n_inputs: int, units: tuple[int, ...]) -> Network:
    spec = NetworkSpec(layers=tuple(DenseSpec(units=n) for n in units))
    return Network(spec, n_inputs=n_inputs, n_outputs=2, output_activation="identity")


def _flops_per_row(network: Network) -> int:
    """Three products per layer, forward, dW and dX, of 2 I O each; the first has no dX."""
    products = [2 * layer.n_inputs * layer.n_outputs for layer in network.layers]
    return 3 * sum(products) - products[0]
