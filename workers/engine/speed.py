"""How fast this machine trains: measured once by who has the kernels, told to who has not.

Elementwise work is priced in operations of a matrix product that take as long. These prices are
ratios that hold from one processor to the next; what differs is measured.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from workers.engine.cost import dense_layers, flops_per_row
from workers.engine.network import Network
from workers.engine.spec import (
    AdamSpec,
    DenseSpec,
    LbfgsSpec,
    MseSpec,
    NetworkSpec,
    TrainingSpec,
)
from workers.engine.steps import chunk_plan
from workers.engine.training import TrainingData, TrainingState, train

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workers.engine.kernels.contract import Kernels

_PER_ROW = 8_000
"""Gathering a row, and its loss."""

_PER_UNIT = 100
"""Bias and activation, both ways, for each output of a dense layer and row."""

_PER_LAYER_UNIT = {"dropout": 500, "batch_norm": 300, "layer_norm": 600}
"""The same for layers that do not multiply; _PER_UNIT for those not named."""

_PER_WAVE = 500
"""A cosine and a sine."""

_PER_PARAMETER = {"sgd": 70, "adam": 100, "adamw": 100, "adamax": 160, "lbfgs": 0}
_PER_PARAMETER_OTHERS = 220
"""An optimiser's step."""

_LINE_SEARCH = 1.5
"""Trial points of a step of L-BFGS, about."""

_TRIALS = 12


@dataclass(frozen=True)
class Speed:
    """What a machine takes, in seconds of processor time.

    flops_per_s: of float32 products in a training of middling size. step_s: for each layer of a
    step in a compiled chunk; call_s: the same op by op. epoch_s: of an epoch, whatever its rows.
    """

    flops_per_s: float
    step_s: float
    call_s: float
    epoch_s: float

    def to_plain(self) -> dict[str, float]:
        """As plain data."""
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: Mapping[str, float]) -> Speed | None:
        """The speed that `to_plain` wrote; None where another version wrote it."""
        names = {field.name for field in fields(cls)}
        return cls(**plain) if names == set(plain) else None


def seconds_per_epoch(
    network: Network, spec: TrainingSpec, n_rows: int, speed: Speed, n_validation: int = 0
) -> float:
    """The time of an epoch of n_rows rows, with the look at the rows for validation after it.

    Members of an ensemble share what a step op by op costs besides arithmetic.
    """
    batches = math.ceil(n_rows / spec.batch_size)
    is_covered = chunk_plan.covers(network, spec)
    per_step = spec.members * speed.step_s if is_covered else speed.call_s
    work = n_rows * _row_work(network) + _update_work(network, spec, batches)
    work += n_validation * (_row_work(network) - flops_per_row(network) * 2 // 3)
    if isinstance(spec.optimizer, LbfgsSpec):
        work *= _LINE_SEARCH
    if spec.precision == "float64":
        work *= 2
    calls_s = batches * (len(network.layers) + 1) * per_step
    ends_s = speed.epoch_s * (2 if n_validation else 1)
    return spec.members * (work / speed.flops_per_s + ends_s) + calls_s


def measure(kernels: Kernels) -> Speed:
    """Train for about a tenth of a second, three small networks with these kernels."""
    tiny, middling = _network(4, (16,)), _network(256, (256, 128))
    few = 16
    op_by_op = replace(kernels, chunk=None)
    work = 128 * _row_work(middling) + _PER_PARAMETER["adam"] * middling.n_trainable
    rough = _step_s(middling, 128, kernels)
    flops_per_s = work / rough
    own_s = few * _row_work(tiny) / flops_per_s
    calls = len(tiny.layers) + 1
    step_s, call_s = (
        max(0.0, _step_s(tiny, few, form) - own_s) / calls for form in (kernels, op_by_op)
    )
    epoch_s = max(0.0, _epoch_s(tiny, few, 1, kernels) - own_s - calls * step_s)
    return Speed(work / (rough - calls * step_s), step_s, call_s, epoch_s)


def _row_work(network: Network) -> int:
    units = _PER_UNIT * sum(dense.n_outputs for dense in dense_layers(network))
    others = [layer for layer in network.layers if layer.type != "dense"]
    units += sum(_PER_LAYER_UNIT.get(layer.type, _PER_UNIT) * layer.n_outputs for layer in others)
    work = _PER_ROW + flops_per_row(network) + network.members * units
    waves = None if network.embeddings is None else network.embeddings.numeric
    return work if waves is None else work + _PER_WAVE * waves.frequencies * len(waves.columns)


def _update_work(network: Network, spec: TrainingSpec, batches: int) -> float:
    price = _PER_PARAMETER.get(spec.optimizer.type, _PER_PARAMETER_OTHERS)
    steps = math.ceil(batches / spec.accumulate)
    accumulating = _PER_PARAMETER["sgd"] * batches if spec.accumulate > 1 else 0
    averaging = 0 if spec.ema_decay is None else _PER_PARAMETER["sgd"] * steps
    if isinstance(spec.optimizer, LbfgsSpec):
        price = 4 * spec.optimizer.history * _PER_PARAMETER["sgd"]
    return float(network.n_trainable * (price * steps + accumulating + averaging))


def _step_s(network: Network, rows: int, kernels: Kernels) -> float:
    """Of a step, without what an epoch takes besides."""
    one, many = (_epoch_s(network, rows, steps, kernels) for steps in (2, 10))
    return max(many - one, 0.1 * many) / 8


def _epoch_s(network: Network, rows: int, steps: int, kernels: Kernels) -> float:
    """Seconds of processor time of an epoch, the best of some."""
    spec = TrainingSpec(epochs=_TRIALS, batch_size=rows, loss=MseSpec(), optimizer=AdamSpec())
    X = np.ones((steps * rows, network.n_inputs), np.float32)
    y = np.zeros((steps * rows, network.n_outputs), np.float32)
    state = TrainingState.initial(network, spec, seed=0)
    best, before = math.inf, time.process_time()
    for progress in train(network, state, TrainingData(X, y), spec, 0, kernels=kernels):
        if progress.report is not None:
            now = time.process_time()
            best, before = min(best, now - before), now
    return best


def _network(n_inputs: int, units: tuple[int, ...]) -> Network:
    hidden = tuple(DenseSpec(units=n, activation="relu") for n in units)
    return Network(
        NetworkSpec(layers=hidden), n_inputs=n_inputs, n_outputs=2, output_activation="identity"
    )
