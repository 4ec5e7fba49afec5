"""The network: layers one behind the other, their tensors in one flat vector."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from workers.engine import rng
from workers.engine.layers.assembly import Assembly, LayerError
from workers.engine.layers.dropout import Dropout
from workers.engine.layers.embeddings import Category, EmbeddingError, embeddings_for
from workers.engine.layers.layer import Part, Role, Workplace
from workers.engine.layers.network_on_batch import NetworkOnBatch
from workers.engine.layers.skip import Skip
from workers.engine.spec import MAX_EMBEDDINGS, MAX_LAYERS, DenseSpec, OutputSpec
from workers.engine.tensors import Layout, Memory

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import numpy.typing as npt

    from workers.engine.kernels.contract import Kernels
    from workers.engine.layers.layer import Layer, Tensor
    from workers.engine.spec import Activation, NetworkSpec
    from workers.engine.tensors import Array, BatchRows

__all__ = [
    "Category",
    "EmbeddingError",
    "LayerError",
    "LayerSummary",
    "Network",
    "NetworkOnBatch",
    "Regularized",
]

_EMBEDDING_STREAMS = MAX_LAYERS + 1
"""The streams of initial numbers below are those of the dense layers."""

_WAVE_STREAM = _EMBEDDING_STREAMS + MAX_EMBEDDINGS


@dataclass(frozen=True)
class LayerSummary:
    """One line of a network's description; output_shape is without the batch."""

    name: str
    type: str
    output_shape: tuple[int, ...]
    parameters: int


class Regularized(NamedTuple):
    """A weight tensor (I, O) that its layer penalises or bounds: the fields of `DenseSpec`."""

    tensor: str
    l1: float
    l2: float
    max_norm: float | None


class Network:
    """Layers from n_inputs columns to n_outputs scores; a value, as a spec is.

    The last layer is linear: its results are the logits, and `output_activation` belongs to the
    loss in training and to the forward pass in prediction. Columns named in `spec.embeddings`
    hold codes, at the places that `categories` says; the layers see vectors instead, behind the
    other inputs. `members` share the weights as `NetworkSpec` says; stacked networks, each with
    all of its weights, are another matter.

    The flat vector (n_parameters,) holds the weights, on which alone penalties and decay act, then
    the other tensors that are trained, then those that are not: n_decayed <= n_trainable <=
    n_parameters. `layout` says where each tensor is, `trainable` the same for a gradient
    (n_trainable,).

    Raises LayerError and EmbeddingError where the specification does not fit together.
    """

    def __init__(
        self,
        spec: NetworkSpec,
        *,
        n_inputs: int,
        n_outputs: int,
        output_activation: Activation,
        categories: Mapping[str, Category] | None = None,
        numbers: Sequence[int] | None = None,
    ) -> None:
        """`numbers` are the places of the inputs with waves; None is all that have no codes."""
        self.n_inputs = n_inputs
        self.n_outputs = n_outputs
        self.members = spec.members
        self.output_activation = output_activation
        self.embeddings = embeddings_for(spec, n_inputs, categories or {}, numbers)
        width = n_inputs if self.embeddings is None else self.embeddings.n_outputs
        output = spec.output or OutputSpec()
        assembly = Assembly(width, spec.members)
        assembly.add(spec.layers)
        assembly.add_output(output, n_outputs, output_activation)
        self.layers: tuple[Layer, ...] = tuple(assembly.layers)
        self.skip = Skip(width, n_outputs) if spec.skip else None
        self._set_layout()
        self.regularized = tuple(_regularized(spec, output))

    def _set_layout(self) -> None:
        tensors = sorted(
            (tensor for part in self.parts() for tensor in part.tensors()),
            key=lambda tensor: tensor.role,
        )
        self.layout = _layout(tensors)
        self.trainable = _layout([t for t in tensors if t.role < Role.BUFFER])
        self.n_parameters = self.layout.size
        self.n_trainable = self.trainable.size
        self.n_decayed = _layout([t for t in tensors if t.role == Role.WEIGHT]).size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Network) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[object, ...]:
        return self.embeddings, self.layers, self.skip, self.output_activation

    def stacked(self, members: Sequence[Network]) -> Network:
        """The same network for stacked members, which may differ in the rates of their dropout."""
        stack = copy(self)
        stack.layers = tuple(
            replace(layer, rates=tuple(one.rate for one in of_members))
            if isinstance(layer, Dropout)
            else layer
            for layer, *of_members in zip(
                self.layers, *(one.layers for one in members), strict=True
            )
        )
        return stack

    def parts(self) -> tuple[Part, ...]:
        """Everything that may have tensors: embeddings, layers, output layer, skip."""
        embeddings = () if self.embeddings is None else self.embeddings.parts()
        skip = () if self.skip is None else (self.skip,)
        return (*embeddings, *self.layers, *skip)

    def summary(self) -> tuple[LayerSummary, ...]:
        """All parts, from the inputs to the outputs, with the sizes of all of their tensors."""
        return tuple(
            LayerSummary(
                name=part.name,
                type=part.type,
                output_shape=(part.n_outputs,),
                parameters=_layout(part.tensors()).size,
            )
            for part in self.parts()
        )

    def initial_parameters(self, seed: int, dtype: npt.DTypeLike) -> Array:
        """Fresh parameters (P,): each layer draws from its own stream of the seed."""
        flat = np.empty(self.n_parameters, dtype)
        tensors = self.layout.views(flat)
        if self.embeddings is not None:
            for index, table in enumerate(self.embeddings.tables, start=_EMBEDDING_STREAMS):
                table.initialize(tensors, _stream(seed, index))
            if self.embeddings.numeric is not None:
                self.embeddings.numeric.initialize(tensors, _stream(seed, _WAVE_STREAM))
        n_dense = 0
        for layer in self.layers:
            layer.initialize(tensors, _stream(seed, n_dense))
            n_dense += layer.type == "dense"
        if self.skip is not None:
            self.skip.initialize(tensors)
        return flat

    def on_batch(
        self,
        rows: BatchRows,
        parameters: Array,
        gradient: Array | None,
        kernels: Kernels,
        seeds: tuple[int, ...] = (0,),
    ) -> NetworkOnBatch:
        """The network at work on batches of one size, with the numbers of `parameters` (P,).

        Both vectors stay in use: the forward pass reads what `parameters` holds at that time (and
        moves running statistics along when learning), and the backward pass writes all of
        `gradient` (n_trainable,), None where nothing is learned. For K stacked members both have
        the axis (K,) in front, and `seeds`, of which dropout is a function, one for each. The
        scores of a network of several members are those of all rows for the first of them, then
        for the next (members B, O).
        """
        place = Workplace(
            rows=rows,
            tensors=self.layout.views(parameters),
            gradients=None if gradient is None else self.trainable.views(gradient),
            kernels=kernels,
            memory=Memory(kernels.xp, parameters.dtype),
            members=parameters.shape[:-1],
            seeds=seeds,
        )
        return NetworkOnBatch(self.embeddings, self.layers, self.skip, place, self.members)


def _stream(seed: int, index: int) -> np.random.Generator:
    return rng.generator(seed, rng.Purpose.INITIAL_PARAMETERS, index)


def _layout(tensors: Iterable[Tensor]) -> Layout:
    return Layout({tensor.name: tensor.shape for tensor in tensors})


def _regularized(spec: NetworkSpec, output: OutputSpec) -> Iterator[Regularized]:
    dense = [layer for layer in spec.layers if isinstance(layer, DenseSpec)]
    parts: list[DenseSpec | OutputSpec] = [*dense, output]
    for index, layer in enumerate(parts):
        if layer.l1 or layer.l2 or layer.max_norm is not None:
            yield Regularized(f"layers.{index}.weight", layer.l1, layer.l2, layer.max_norm)
