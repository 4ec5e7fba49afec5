"""A network and its training as the tables of a compiled chunk, as far as a chunk covers them."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from workers.engine.kernels import program as tables
from workers.engine.kernels.program import Program, is_narrow
from workers.engine.layers.dense import Dense
from workers.engine.layers.dropout import Dropout
from workers.engine.spec import (
    AdamSpec,
    AdamWSpec,
    BinaryCrossEntropySpec,
    MseSpec,
    SgdSpec,
    SoftmaxCrossEntropySpec,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workers.engine.network import Network
    from workers.engine.spec import Optimizer, TrainingSpec
    from workers.engine.tensors import Labels, Layout, Shape

_LOSSES = {
    MseSpec: tables.MSE,
    BinaryCrossEntropySpec: tables.BINARY_CROSS_ENTROPY,
    SoftmaxCrossEntropySpec: tables.SOFTMAX_CROSS_ENTROPY,
}
_OUTPUTS = {
    BinaryCrossEntropySpec: {"sigmoid"},
    SoftmaxCrossEntropySpec: {"softmax"},
    MseSpec: set(tables.ACTIVATION_CODES),
}
_ALIGNMENT = 16
"""Places in the memory are multiples of so many elements: the width of a vector register."""


def covers(network: Network, spec: TrainingSpec) -> bool:
    """Whether a chunk can do the steps of this training; what it cannot runs step by step."""
    return (
        _covers_layers(network)
        and type(spec.loss) in _LOSSES
        and network.output_activation in _OUTPUTS[type(spec.loss)]
        and isinstance(spec.optimizer, SgdSpec | AdamSpec | AdamWSpec)
        and spec.accumulate == 1
        and spec.ema_decay is None
    )


def _covers_layers(network: Network) -> bool:
    layers = network.layers
    return (
        network.embeddings is None
        and all(isinstance(layer, Dense | Dropout) for layer in layers)
        and not any(
            isinstance(first, Dropout) and isinstance(second, Dropout)
            for first, second in pairwise(layers)
        )
        and all(
            layer.activation in tables.ACTIVATION_CODES
            for layer in layers
            if isinstance(layer, Dense)
        )
        and all(one.max_norm is None for one in network.regularized)
    )


class Plan(NamedTuple):
    """The program, how much memory it works in, and the rates of its dropout layers (D,)."""

    program: Program
    memory_size: int
    dropout_rates: NDArray[np.float64]


def plan(network: Network, spec: TrainingSpec, batch_size: int) -> Plan:
    """The tables for a training that is covered."""
    memory = _Memory()
    dropouts: list[float] = []
    layers = _layers(network, spec, batch_size, memory, dropouts)
    starts = _starts(network.layout)
    optimizer, betas = _optimizer(spec.optimizer)
    scores = network.n_outputs
    program = Program(
        layers=layers,
        penalties=_penalties(network, len(layers)),
        skip=-1 if network.skip is None else starts["skip.weight"],
        narrow_skip=is_narrow(batch_size, network.n_inputs, scores),
        loss=_LOSSES[type(spec.loss)],
        smoothing=float(getattr(spec.loss, "label_smoothing", 0.0)),
        optimizer=optimizer,
        betas=betas,
        clip_value=math.inf if spec.clip_value is None else spec.clip_value,
        clip_norm=math.inf if spec.clip_norm is None else spec.clip_norm,
        n_decayed=network.n_decayed,
        batch_size=batch_size,
        batch=memory.take((batch_size, network.n_inputs)),
        targets=memory.take((scores, batch_size)),
        weights=memory.take((batch_size,)),
        share=memory.take((batch_size,)),
        spare=memory.take((_spare(network, layers, batch_size),)),
    )
    return Plan(program, memory.size, np.array(dropouts))


def _spare(network: Network, layers: Labels, rows: int) -> int:
    """The most elements that a narrow layer's products have transposed at a time."""
    last = layers[-1]
    sizes = [
        line[tables.N_INPUTS] * line[tables.N_OUTPUTS] for line in layers if line[tables.NARROW]
    ]
    if last[tables.NARROW]:
        sizes.append(rows * last[tables.N_INPUTS])
    if network.skip is not None and is_narrow(rows, network.n_inputs, network.n_outputs):
        sizes.append(network.n_inputs * max(rows, network.n_outputs))
    return int(max(sizes, default=0))


class _Memory:
    """Places one behind the other."""

    def __init__(self) -> None:
        self.size = 0

    def take(self, shape: Shape) -> int:
        """The place of the next array of this shape."""
        start = self.size
        self.size += -(-math.prod(shape) // _ALIGNMENT) * _ALIGNMENT
        return start


def _layers(
    network: Network, spec: TrainingSpec, rows: int, memory: _Memory, dropouts: list[float]
) -> Labels:
    """The table of dense layers, a dropout belonging to the dense layer behind it."""
    starts = _starts(network.layout)
    table = []
    is_dropped = False
    for layer in network.layers:
        if isinstance(layer, Dropout):
            dropouts.append(layer.rate)
            is_dropped = True
            continue
        if not isinstance(layer, Dense):
            raise TypeError(f"no compiled chunk has a {layer.type} layer")
        line = np.full(tables.N_COLUMNS, -1, np.int64)
        line[tables.N_INPUTS], line[tables.N_OUTPUTS] = layer.n_inputs, layer.n_outputs
        line[tables.NARROW] = is_narrow(rows, layer.n_inputs, layer.n_outputs)
        line[tables.ACTIVATION] = tables.ACTIVATION_CODES[layer.activation]
        line[tables.WEIGHT] = starts[f"{layer.name}.weight"]
        line[tables.BIAS] = starts.get(f"{layer.name}.bias", -1)
        if is_dropped:
            line[tables.DROPOUT] = len(dropouts) - 1
            line[tables.DROPPED] = memory.take((rows, layer.n_inputs))
            line[tables.MASK] = memory.take((rows, layer.n_inputs))
        table.append(line)
        is_dropped = False
    if isinstance(spec.loss, MseSpec):
        table[-1][tables.ACTIVATION] = tables.ACTIVATION_CODES[network.output_activation]
    for line in table:
        units = (rows, int(line[tables.N_OUTPUTS]))
        line[tables.OUTPUT], line[tables.ERROR] = memory.take(units), memory.take(units)
        keeps_slope = int(line[tables.ACTIVATION]) in tables.KEEPS_SLOPE
        line[tables.SLOPE] = memory.take(units) if keeps_slope else 0
    return np.stack(table)


def _starts(layout: Layout) -> dict[str, int]:
    """Where each tensor begins in the flat vector."""
    starts, end = {}, 0
    for name, shape in layout.shapes.items():
        starts[name] = end
        end += math.prod(shape)
    return starts


def _penalties(network: Network, n_layers: int) -> NDArray[np.float64]:
    """l1 and l2 of each dense layer's weights."""
    found = {one.tensor: (one.l1, one.l2) for one in network.regularized}
    return np.array([found.get(f"layers.{index}.weight", (0.0, 0.0)) for index in range(n_layers)])


def _optimizer(spec: Optimizer) -> tuple[int, tuple[float, float]]:
    match spec:
        case AdamSpec() | AdamWSpec():
            return tables.ADAM, (spec.beta1, spec.beta2)
        case SgdSpec(momentum=momentum, nesterov=nesterov) if momentum > 0.0:
            return tables.NESTEROV if nesterov else tables.MOMENTUM, (momentum, 0.0)
        case _:
            return tables.SGD, (0.0, 0.0)
