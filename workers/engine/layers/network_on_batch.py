"""Forward and backward pass through all layers, on memory taken once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.engine.layers.members import Repetition
from workers.engine.layers.residual import Residual, ResidualOnBatch

if TYPE_CHECKING:
    from workers.engine.layers.embeddings import Embeddings
    from workers.engine.layers.layer import Layer, LayerOnBatch, Workplace
    from workers.engine.layers.skip import Skip
    from workers.engine.tensors import Array


class NetworkOnBatch:
    """The network at work on batches of one size."""

    def __init__(
        self,
        embeddings: Embeddings | None,
        layers: tuple[Layer, ...],
        skip: Skip | None,
        place: Workplace,
        members: int = 1,
    ) -> None:
        self._names = tuple(layer.name for layer in layers)
        self._embeddings = None if embeddings is None else embeddings.on_batch(place)
        self._repetition = None
        if members > 1:
            rows = place.rows._replace(total=members * place.rows.total)
            place = place._replace(rows=rows, copies=members)
            self._repetition = Repetition(layers[0].n_inputs, place)
        self._layers: list[LayerOnBatch] = [layer.on_batch(place) for layer in layers]
        self._skip = None if skip is None else skip.on_batch(place)
        self._residuals: dict[int, tuple[ResidualOnBatch, int]] = {}
        for index, (layer, at_work) in enumerate(zip(layers, self._layers, strict=True)):
            if isinstance(layer, Residual) and isinstance(at_work, ResidualOnBatch):
                self._residuals[index] = at_work, layer.source
        self._inputs: list[Array] = []
        self._logits: Array | None = None
        if place.learning:
            self._plan_backward(layers)

    def _plan_backward(self, layers: tuple[Layer, ...]) -> None:
        """Where each layer leaves dL/dX: where the one before expects dL/dA."""
        first = self._embeddings
        self._first = 0
        if first is None:
            # What comes before the first tensors has nothing to learn.
            self._first = next(i for i, layer in enumerate(layers) if layer.tensors())
        # What stands right before the first layer, where somebody before it learns.
        nearest = first if first is None or self._repetition is None else self._repetition
        before = [
            None if nearest is None else nearest.da,
            *(layer.da for layer in self._layers[:-1]),
        ]
        self._gradients = [
            da if first is not None or index > self._first else None
            for index, da in enumerate(before)
        ]
        self._taps: list[list[ResidualOnBatch]] = [[] for _ in layers]
        for residual, source in self._residuals.values():
            self._taps[source].append(residual)

    def forward(self, X: Array, batch: int = 0) -> Array:
        """X (B, I) to logits (B, O), or (K B, O) of K members, valid until the next call.

        batch counts the batches of the run from 1: the masks of dropout are a function of it.
        """
        inputs, residuals = self._inputs, self._residuals
        inputs.clear()
        if self._embeddings is not None:
            X = self._embeddings.forward(X)
        if self._repetition is not None:
            X = self._repetition.forward(X)
        for index, layer in enumerate(self._layers):
            inputs.append(X)
            if index in residuals:
                residual, source = residuals[index]
                residual.connect(inputs[source])
            X = layer.forward(X, batch)
        if self._skip is not None:
            self._skip.add_to(X, inputs[0])
        self._logits = X
        return X

    @property
    def d_logits(self) -> Array:
        """Where the loss leaves its gradient, shaped as the logits, before `backward`."""
        return self._layers[-1].da

    @property
    def layers(self) -> tuple[LayerOnBatch, ...]:
        """The layers at work, first to last."""
        return tuple(self._layers)

    @property
    def inputs(self) -> tuple[Array, ...]:
        """What went into each layer in the last `forward`; first what the embeddings made of X."""
        return tuple(self._inputs)

    def results(self) -> list[tuple[str, Array]]:
        """What came out of each layer in the last `forward`, first to last, by its name."""
        if self._logits is None:
            return []
        return list(zip(self._names, [*self._inputs[1:], self._logits], strict=True))

    def backward(self) -> None:
        """Pass the error back through the batch of the last `forward`: fills the gradient."""
        inputs, gradients = self._inputs, self._gradients
        d_logits = self.d_logits
        for index in range(len(self._layers) - 1, self._first - 1, -1):
            dX = gradients[index]
            self._layers[index].backward(inputs[index], dX)
            if dX is not None:
                for residual in self._taps[index]:
                    residual.add_to(dX)
        if self._skip is not None:
            self._skip.backward(inputs[0], d_logits, gradients[0])
        if self._embeddings is not None:
            if self._repetition is not None:
                self._repetition.backward(self._embeddings.da)
            self._embeddings.backward()
