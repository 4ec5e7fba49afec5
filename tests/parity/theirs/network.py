"""A network of PyTorch's functions, from the plain specification and the tensors of a case."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from tests.parity import masks
from tests.parity.theirs.functions import ACTIVATIONS

BUFFERS = ("mean", "variance")


class TheirNetwork:
    """The layers in their order; `parameters` and `buffers` by the engine's names."""

    def __init__(self, options: dict[str, Any], tensors: dict[str, Any]) -> None:
        self._spec = options["network"]
        self._embedded = {column: index for column, (index, _) in options["categories"].items()}
        self._seed = options["seed"]
        self._members = options["network"]["members"]
        self.parameters = {
            name: nn.Parameter(torch.tensor(array))
            for name, array in tensors.items()
            if not name.endswith(BUFFERS)
        }
        self.buffers = {
            name: torch.tensor(array) for name, array in tensors.items() if name.endswith(BUFFERS)
        }
        self._training = True
        self._batch = 0

    def weights(self) -> list[Any]:
        """What a decay acts on; biases, norms and slopes are not."""
        return [tensor for name, tensor in self.parameters.items() if name.endswith(".weight")]

    def others(self) -> list[Any]:
        """The other parameters."""
        return [tensor for name, tensor in self.parameters.items() if not name.endswith(".weight")]

    def tensors(self) -> dict[str, Any]:
        """Parameters and buffers as they are now, copied."""
        both = self.parameters | self.buffers
        return {name: np.array(tensor.detach().numpy()) for name, tensor in both.items()}

    def penalty(self) -> Any:
        """L1 sum |W| + l2/2 sum W^2 over the weights that have one, or None."""
        terms = [
            spec["l1"] * weight.abs().sum() + spec["l2"] / 2 * (weight**2).sum()
            for spec, weight in self._dense_weights()
            if spec["l1"] > 0 or spec["l2"] > 0
        ]
        return sum(terms) if terms else None

    def bound(self) -> None:
        """Scale each unit's incoming weights down to `max_norm`."""
        for spec, weight in self._dense_weights():
            if spec["max_norm"] is not None:
                with torch.no_grad():
                    norms = torch.linalg.vector_norm(weight, dim=-2, keepdim=True)
                    weight *= torch.clamp(spec["max_norm"] / norms, max=1.0)

    def forward(self, X: Any, batch: int) -> Any:
        """Scores (B, K) of the batch-th batch in training, from 1; batch 0 is prediction.

        Several members have the rows one behind the other, (members B, K).
        """
        self._training, self._batch = batch > 0, batch
        a = inputs = self._embed(X).repeat(self._members, 1)
        counts: Counter[str] = Counter()
        taken = []
        for spec in self._spec["layers"]:
            taken.append(a)
            kind = spec["type"]
            if kind == "residual":
                a = a + taken[-1 - spec["span"]]
            else:
                a = _LAYERS[kind](self, spec, a, counts[_GROUPS[kind]])
                counts[_GROUPS[kind]] += 1
        z = self._output(a, f"layers.{counts['layers']}")
        return z + inputs @ self.parameters["skip.weight"] if self._spec["skip"] else z

    def _embed(self, X: Any) -> Any:
        if not self._embedded and self._spec["numeric_embeddings"] is None:
            return X
        columns = set(self._embedded.values())
        others = [index for index in range(X.shape[1]) if index not in columns]
        vectors = [
            functional.embedding(
                X[:, self._embedded[spec["column"]]].long(),
                self.parameters[f"embeddings.{spec['column']}.weight"],
            )
            for spec in self._spec["embeddings"]
        ]
        waves = [] if self._spec["numeric_embeddings"] is None else [self._waves(X[:, others])]
        return torch.cat([X[:, others], *vectors, *waves], dim=1)

    def _waves(self, X: Any) -> Any:
        turns = X[:, :, None] * self.parameters["numeric_embeddings.frequency"]
        waves = torch.cos(2.0 * torch.pi * turns + self.parameters["numeric_embeddings.phase"])
        mixed = torch.einsum("bfh,fhd->bfd", waves, self.parameters["numeric_embeddings.weight"])
        return (mixed + self.parameters["numeric_embeddings.bias"]).flatten(1)

    def _output(self, a: Any, name: str) -> Any:
        if self._members == 1:
            return self._linear(a, name)
        z = torch.einsum("kbi,kio->kbo", self._apart(a), self.parameters[f"{name}.weight"])
        return (z + self._row(f"{name}.bias")).flatten(0, 1)

    def _apart(self, a: Any) -> Any:
        return a.reshape(self._members, -1, a.shape[1])

    def _row(self, name: str) -> Any:
        return self.parameters[name][:, None] if name in self.parameters else 0.0

    def _linear(self, a: Any, name: str) -> Any:
        bias = self.parameters.get(f"{name}.bias")
        if f"{name}.in_scale" in self.parameters:
            scaled = self._apart(a) * self._row(f"{name}.in_scale")
            sums = scaled @ self.parameters[f"{name}.weight"] * self._row(f"{name}.out_scale")
            return (sums + self._row(f"{name}.bias")).flatten(0, 1)
        return functional.linear(a, self.parameters[f"{name}.weight"].T, bias)

    def _activation(self, activation: str, a: Any, name: str) -> Any:
        if activation == "prelu":
            return functional.prelu(a, self.parameters[f"{name}.slope"])
        return ACTIVATIONS[activation](a)

    def dense(self, spec: Any, a: Any, index: int) -> Any:
        """A = f(X W + b)."""
        name = f"layers.{index}"
        return self._activation(spec["activation"], self._linear(a, name), name)

    def activation(self, spec: Any, a: Any, index: int) -> Any:
        """An activation on its own."""
        return self._activation(spec["activation"], a, f"activations.{index}")

    def dropout(self, spec: Any, a: Any, index: int) -> Any:
        """With the mask that the engine's definition gives, computed on this side."""
        if not self._training:
            return a
        shape = (a.shape[0], a.shape[1])
        kept = masks.kept(self._seed, index, self._batch, spec["rate"], shape)
        return a * torch.tensor(kept) / (1.0 - spec["rate"])

    def batch_norm(self, spec: Any, a: Any, index: int) -> Any:
        """PyTorch's momentum weighs the new value."""
        name = f"norms.{index}"
        scale, shift = self.parameters[f"{name}.scale"], self.parameters[f"{name}.shift"]
        if self._training and len(a) == 1:
            return (a - a) * scale + shift  # PyTorch refuses a batch of one row: its variance is 0
        return functional.batch_norm(
            a,
            self.buffers[f"{name}.mean"],
            self.buffers[f"{name}.variance"],
            scale,
            shift,
            self._training,
            1.0 - spec["momentum"],
            spec["epsilon"],
        )

    def layer_norm(self, spec: Any, a: Any, index: int) -> Any:
        """Each row by itself."""
        scale = self.parameters[f"norms.{index}.scale"]
        shift = self.parameters[f"norms.{index}.shift"]
        return functional.layer_norm(a, (a.shape[1],), scale, shift, spec["epsilon"])

    def scale(self, spec: Any, a: Any, index: int) -> Any:
        """Each column by itself."""
        return a * (spec["factor"] * self.parameters[f"scales.{index}.scale"])

    def _dense_weights(self) -> list[tuple[Any, Any]]:
        specs = [spec for spec in self._spec["layers"] if spec["type"] == "dense"]
        if self._spec["output"] is not None:
            specs.append(self._spec["output"])
        return [
            (spec, self.parameters[f"layers.{index}.weight"]) for index, spec in enumerate(specs)
        ]


_GROUPS = {
    "dense": "layers",
    "activation": "activations",
    "dropout": "dropouts",
    "batch_norm": "norms",
    "layer_norm": "norms",
    "scale": "scales",
}
_LAYERS: dict[str, Any] = {kind: getattr(TheirNetwork, kind) for kind in _GROUPS}
