"""What a training will take, worked out before anything is allocated: memory and operations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workers.engine import batch_memory
from workers.engine.backend import dtype_of
from workers.engine.forward import PORTION, largest_portion
from workers.engine.optimizers.slots import slot_shapes
from workers.engine.spec import LbfgsSpec
from workers.engine.steps import chunk_plan
from workers.engine.steps.batches import STRETCH_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workers.engine.layers.layer import Layer
    from workers.engine.network import Network
    from workers.engine.spec import TrainingSpec

MAPPED_BYTES = 256 * 2**20
"""Inputs of more bytes lie in a file, of which memory holds what is being read."""

CHECKPOINT_COPIES = 1
"""Of a checkpoint while it is written: it is put together in one piece, from where it lies."""

_PROBE_BYTES = 16
"""For each parameter, while the forward pass tries how many rows it may take at once."""

_LINE_SEARCH_VECTORS = 4
"""Direction, trial parameters, trial gradient, and the best so far."""

_INDEX_BYTES = np.dtype(np.intp).itemsize


@dataclass(frozen=True)
class Cost:
    """Data and all that training allocates, in bytes; a multiply-add is two operations."""

    memory_bytes: int
    flops_per_epoch: int


def estimate(network: Network, spec: TrainingSpec, n_rows: int, n_validation: int = 0) -> Cost:
    """The cost of training on n_rows rows; operations are those of the products alone.

    Of the members of an ensemble each has all that but the data.
    """
    itemsize = dtype_of(spec.precision).itemsize
    kept = spec.members * _kept_numbers(network, spec)
    memory = itemsize * (kept + spec.members * sum(_working_numbers(network, spec)))
    memory += _data_bytes(network, spec, n_rows)
    memory += spec.members * _batch_bytes(network, spec, n_rows)
    passing = itemsize * CHECKPOINT_COPIES * kept
    if n_validation:
        memory += _validation_bytes(network, spec, n_validation)
    if n_validation >= PORTION:
        passing = max(passing, _PROBE_BYTES * network.n_parameters)
    memory += passing
    return Cost(memory_bytes=memory, flops_per_epoch=spec.members * flops_per_row(network) * n_rows)


def flops_per_row(network: Network) -> int:
    """Three products per dense layer, forward, dW and dX, of 2 I O each; the first has no dX.

    Each member takes them all, the first hidden layer's dX too: its scales learn by it.
    """
    products = [2 * dense.n_inputs * dense.n_outputs for dense in dense_layers(network)]
    has_all = network.members > 1 and len(products) > 1
    left_out = 0 if has_all else products[0]
    if network.skip is not None:
        products.append(2 * network.skip.n_inputs * network.n_outputs)
    found = network.members * (3 * sum(products) - left_out)
    waves = None if network.embeddings is None else network.embeddings.numeric
    return found if waves is None else found + 3 * 2 * waves.frequencies * waves.n_outputs


def dense_layers(network: Network) -> list[Layer]:
    """Those that multiply, the output layer last."""
    return [layer for layer in network.layers if layer.type == "dense"]


def _kept_numbers(network: Network, spec: TrainingSpec) -> int:
    """Elements of a training's state, which a checkpoint holds."""
    stopping = spec.early_stopping
    vectors = 2  # the parameters, and those by which the last epoch was judged
    vectors += stopping is not None and stopping.restore_best
    vectors += spec.ema_decay is not None
    shapes = slot_shapes(spec.optimizer, network.n_trainable).values()
    return vectors * network.n_parameters + sum(int(np.prod(shape)) for shape in shapes)


def _working_numbers(network: Network, spec: TrainingSpec) -> Iterator[int]:
    """Elements of what a step needs besides: gradients."""
    yield network.n_trainable
    if spec.accumulate > 1:
        yield network.n_trainable
    if isinstance(spec.optimizer, LbfgsSpec):
        yield _LINE_SEARCH_VECTORS * network.n_trainable


def _data_bytes(network: Network, spec: TrainingSpec, n_rows: int) -> int:
    """The table, and the order in which an epoch takes its rows."""
    itemsize = dtype_of(spec.precision).itemsize
    inputs = itemsize * network.n_inputs * n_rows
    found = inputs if inputs <= MAPPED_BYTES else 0
    found += _target_bytes(network, spec) * n_rows
    if spec.class_weight is not None or spec.sample_weight is not None:
        found += itemsize * n_rows
    return found + (spec.members * _INDEX_BYTES * n_rows if spec.shuffle else 0)


def _validation_bytes(network: Network, spec: TrainingSpec, n_rows: int) -> int:
    """Rows, outputs of this epoch and the last, parameters, and one portion on its way."""
    itemsize = dtype_of(spec.precision).itemsize
    numbers = n_rows * (network.n_inputs + 3 * network.n_outputs) + network.n_parameters
    portion = batch_memory.forward_bytes(network, spec, min(n_rows, largest_portion(network)))
    return itemsize * numbers + _target_bytes(network, spec) * n_rows + portion


def _target_bytes(network: Network, spec: TrainingSpec) -> int:
    if spec.loss.type == "softmax_cross_entropy":
        return _INDEX_BYTES
    return dtype_of(spec.precision).itemsize * network.n_outputs


def _batch_bytes(network: Network, spec: TrainingSpec, n_rows: int) -> int:
    """Everything whose size follows the batch's."""
    itemsize = dtype_of(spec.precision).itemsize
    batch_size = min(spec.batch_size, n_rows)
    if chunk_plan.covers(network, spec):
        plan = chunk_plan.plan(network, spec, batch_size)
        copies = 1 + spec.shuffle  # one order per member, made of another
        return itemsize * plan.memory_size + (copies - 1) * _INDEX_BYTES * n_rows
    row = itemsize * network.n_inputs + _target_bytes(network, spec)
    stretch = min(row * n_rows, max(STRETCH_BYTES, row * batch_size))
    tail = n_rows % batch_size
    sizes = (batch_size, tail) if tail else (batch_size,)
    return stretch + sum(batch_memory.pass_bytes(network, spec, size) for size in sizes)
