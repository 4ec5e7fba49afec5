"""Networks with their numbers and rows, drawn for a case: shapes, parameters, inputs, targets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from tests.parity import specs
from tests.parity.cases.functions import row_weights, targets
from workers.engine.network import Category, Network
from workers.engine.spec import DenseSpec, Loss, MseSpec, NetworkSpec, ResidualSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.parity.case import Arrays, Case
    from tests.parity.draws import Draws
    from workers.engine.spec import Layer, OutputActivation

LEVELS = (4, 3)
"""The embedded columns stand before the others, with so many levels each."""


@dataclass(frozen=True)
class Problem:
    """What is to be learned, and by which network; widths are for seed 0, others draw theirs."""

    network: NetworkSpec
    loss: Loss = MseSpec()  # noqa: RUF009 - a frozen value
    activation: str = "identity"
    n_inputs: int = 3
    n_outputs: int = 3
    rows: int = 9
    weighted: bool = False
    validation: int = 0

    def options(self) -> dict[str, Any]:
        """Everything but the numbers, as plain data."""
        columns = [embedding.column for embedding in self.network.embeddings]
        return {
            "network": specs.to_plain(self.network),
            "loss": specs.to_plain(self.loss),
            "activation": self.activation,
            "n_inputs": self.n_inputs + len(columns),
            "n_outputs": self.n_outputs,
            "categories": {column: [index, LEVELS[index]] for index, column in enumerate(columns)},
        }

    def inputs(self, draws: Draws) -> Arrays:
        """Rows, targets, weights, and every tensor of the network by name."""
        arrays = self._rows(draws, self.rows, "")
        if self.validation:
            arrays |= self._rows(draws, self.validation, "_validation")
        network = network_of(self.options())
        # An exponential of an exponential leaves the numbers behind, but for small weights.
        hidden = [getattr(layer, "activation", None) for layer in self.network.layers]
        gain = 0.1 if "exponential" in (*hidden, self.activation) else 1.0
        for name in sorted(network.layout.names):
            shape = network.layout.shapes[name]
            arrays[name] = _tensor(draws, name, shape, gain)
        return arrays

    def with_widths(self, draws: Draws, widths: tuple[int, int] = (4, 16)) -> Problem:
        """With other widths of all layers, the same throughout where a residual needs it.

        A norm of two or three columns says next to nothing but a sign: its gradient is rounding.
        """
        layers = _with_widths(self.network.layers, draws, widths)
        return replace(
            self,
            network=replace(self.network, layers=layers),
            n_inputs=widths[0] + int(draws.integers(widths[1] - widths[0] + 1, ())),
            n_outputs=(2 if self.activation == "softmax" else 1) + int(draws.integers(5, ())),
        )

    def _rows(self, draws: Draws, rows: int, suffix: str) -> Arrays:
        codes = [
            draws.integers(LEVELS[index], (rows, 1)).astype(np.float64)
            for index in range(len(self.network.embeddings))
        ]
        shape = (rows, self.n_outputs)
        arrays: Arrays = {
            f"X{suffix}": np.hstack([*codes, draws.normal((rows, self.n_inputs))]),
            f"y{suffix}": targets(draws, self.loss, self.activation, shape),
        }
        if self.weighted:
            arrays[f"weights{suffix}"] = row_weights(draws, rows)
        return arrays


def network_of(options: dict[str, Any]) -> Network:
    """The network that the options of a case describe."""
    return Network(
        specs.network(options["network"]),
        n_inputs=options["n_inputs"],
        n_outputs=options["n_outputs"],
        output_activation=cast("OutputActivation", options["activation"]),
        categories={
            column: Category(index=index, levels=levels)
            for column, (index, levels) in options["categories"].items()
        },
    )


def tensors_of(case: Case) -> Arrays:
    """The tensors among the inputs of a case: their names have a dot."""
    return {name: array for name, array in case.inputs.items() if "." in name}


def _tensor(draws: Draws, name: str, shape: tuple[int, ...], gain: float) -> NDArray[Any]:
    kind = name.rpartition(".")[2]
    if kind == "weight":
        return draws.normal(shape, gain * shape[-2] ** -0.5)
    spread = {"mean": 0.0, "variance": 0.0, "frequency": 0.4, "phase": 1.0}.get(kind, 0.1)
    ones = dict.fromkeys(("scale", "variance", "in_scale", "out_scale"), 1.0)
    middle = (ones | {"slope": 0.25}).get(kind, 0.0)
    return middle + draws.normal(shape, spread)


def _with_widths(
    layers: tuple[Layer, ...], draws: Draws, widths: tuple[int, int]
) -> tuple[Layer, ...]:
    def width() -> int:
        return widths[0] + int(draws.integers(widths[1] - widths[0] + 1, ()))

    same = width() if any(isinstance(layer, ResidualSpec) for layer in layers) else None
    return tuple(
        replace(layer, units=same or width()) if isinstance(layer, DenseSpec) else layer
        for layer in layers
    )
