"""Many networks in one that share most of their weights: TabM (Gorishniy et al. 2024).

The rows of a batch (B, I) are repeated for each of K members, (K B, I), one member's rows behind
the other's; what works row by row need not know of it. A dense layer has scales of its inputs r
(K, I) and of its sums s (K, O) and biases b (K, O) for each member, A = f(((X r) W) s + b) with one
W (I, O) for all; the output layer has weights (K, I, O) of their own. The first r starts as random
signs, by which members differ, every other scale at 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from workers.engine.layers import activation, initializers
from workers.engine.layers.layer import Role, Tensor, Workplace
from workers.engine.layers.products import RowProduct, product_for, transposed
from workers.engine.spec import PRELU_SLOPE, Activation, Initializer

if TYPE_CHECKING:
    import numpy as np

    from workers.engine.tensors import Array, Views


@dataclass(frozen=True)
class MemberDense:
    """What a hidden dense layer of several members is; a PReLU's slopes are common to all."""

    type: ClassVar[str] = "dense"
    name: str
    n_inputs: int
    n_outputs: int
    members: int
    activation: Activation
    initializer: Initializer
    has_bias: bool
    initial_value: float
    has_random_signs: bool

    def tensors(self) -> tuple[Tensor, ...]:
        """Weight (I, O), in_scale (K, I), out_scale (K, O), bias (K, O), a PReLU's slope (O,)."""
        per_output = (self.members, self.n_outputs)
        found = [
            Tensor(f"{self.name}.weight", (self.n_inputs, self.n_outputs), Role.WEIGHT),
            Tensor(f"{self.name}.in_scale", (self.members, self.n_inputs), Role.OTHER),
            Tensor(f"{self.name}.out_scale", per_output, Role.OTHER),
        ]
        if self.has_bias:
            found.append(Tensor(f"{self.name}.bias", per_output, Role.OTHER))
        if self.activation == "prelu":
            found.append(Tensor(f"{self.name}.slope", (self.n_outputs,), Role.OTHER))
        return tuple(found)

    def initialize(self, tensors: Views, rng: np.random.Generator) -> None:
        """Weights as those of one network; scales are 1, the first of all +1 or -1."""
        weight = tensors[f"{self.name}.weight"]
        weight[...] = initializers.draw(self.initializer, weight.shape, rng, self.initial_value)
        scale = tensors[f"{self.name}.in_scale"]
        scale[...] = 1.0
        if self.has_random_signs:
            scale -= 2.0 * rng.integers(0, 2, scale.shape)
        tensors[f"{self.name}.out_scale"][...] = 1.0
        if self.has_bias:
            tensors[f"{self.name}.bias"][...] = 0.0
        if self.activation == "prelu":
            tensors[f"{self.name}.slope"][...] = PRELU_SLOPE

    def on_batch(self, place: Workplace) -> MemberDenseOnBatch:
        """The layer at work."""
        return MemberDenseOnBatch(self, place)


class MemberDenseOnBatch:
    """A hidden dense layer of several members at work."""

    def __init__(self, layer: MemberDense, place: Workplace) -> None:
        self._xp = place.memory.xp
        self._product = product_for(place)
        self._scaled = place.array(layer.n_inputs)
        self._sums = place.array(layer.n_outputs)
        self._a = place.array(layer.n_outputs)
        W = place.tensors[f"{layer.name}.weight"]
        self._weighted_sums = RowProduct(self._product, place.product_rows, W, self._sums)
        self._copies = place.copies
        self._r = _column(place.tensors[f"{layer.name}.in_scale"])
        self._s = _column(place.tensors[f"{layer.name}.out_scale"])
        bias = place.tensors.get(f"{layer.name}.bias")
        self._b = None if bias is None else _column(bias)
        self._activation = activation.kernel_for(layer, place)
        self._of_members = {
            name: by_member(array, place.copies)
            for name, array in (("scaled", self._scaled), ("sums", self._sums), ("a", self._a))
        }
        if place.gradients is not None:
            self.da = place.array(layer.n_outputs)
            self._d_scaled = place.array(layer.n_inputs)
            self._of_members["da"] = by_member(self.da, place.copies)
            self._of_members["d_scaled"] = by_member(self._d_scaled, place.copies)
            self._W_by_unit = transposed(W)
            self._dW = place.gradients[f"{layer.name}.weight"]
            self._dr = place.gradients[f"{layer.name}.in_scale"]
            self._ds = place.gradients[f"{layer.name}.out_scale"]
            self._db = place.gradients.get(f"{layer.name}.bias")
            self._ones = place.memory.ones((place.rows.total // place.copies,))

    def forward(self, X: Array, batch: int) -> Array:  # noqa: ARG002 - nothing random here
        """X (K B, I) to A = f(((X r) W) s + b) (K B, O), valid until the next call."""
        xp, views = self._xp, self._of_members
        xp.multiply(by_member(X, self._copies), self._r, out=views["scaled"])
        self._weighted_sums(self._scaled)
        xp.multiply(views["sums"], self._s, out=views["a"])
        if self._b is not None:
            xp.add(views["a"], self._b, out=views["a"])
        self._activation.forward(self._a)
        return self._a

    def backward(self, X: Array, dX: Array | None) -> None:
        """With U = (X r) W: ds = sum of dZ U, dU = dZ s, dW = (X r)^T dU, dr = sum of X dU W^T.

        Sums are over the rows of each member.
        """
        xp, views = self._xp, self._of_members
        dz = self.da
        self._activation.backward(self._a, dz)
        if self._db is not None:
            xp.matmul(self._ones, views["da"], out=self._db)
        # Nobody needs the sums or the scaled inputs again once their gradients are there.
        xp.multiply(self._sums, dz, out=self._sums)
        xp.matmul(self._ones, views["sums"], out=self._ds)
        xp.multiply(views["da"], self._s, out=views["da"])
        self._product(transposed(self._scaled), dz, out=self._dW)
        self._product(dz, self._W_by_unit, out=self._d_scaled)
        xp.multiply(X, self._d_scaled, out=self._scaled)
        xp.matmul(self._ones, views["scaled"], out=self._dr)
        if dX is not None:
            xp.multiply(views["d_scaled"], self._r, out=by_member(dX, self._copies))


@dataclass(frozen=True)
class MemberOutput:
    """What the output layer of several members is: one of its own for each, all linear."""

    type: ClassVar[str] = "dense"
    activation: ClassVar[Activation] = "identity"
    name: str
    n_inputs: int
    n_outputs: int
    members: int
    initializer: Initializer
    has_bias: bool
    initial_value: float

    def tensors(self) -> tuple[Tensor, ...]:
        """Return weight (K, I, O), and bias (K, O) if there is one."""
        shape = (self.members, self.n_inputs, self.n_outputs)
        found = [Tensor(f"{self.name}.weight", shape, Role.WEIGHT)]
        if self.has_bias:
            found.append(Tensor(f"{self.name}.bias", (self.members, self.n_outputs), Role.OTHER))
        return tuple(found)

    def initialize(self, tensors: Views, rng: np.random.Generator) -> None:
        """Write weights drawn for each member; biases start at 0."""
        for weight in tensors[f"{self.name}.weight"]:
            weight[...] = initializers.draw(self.initializer, weight.shape, rng, self.initial_value)
        if self.has_bias:
            tensors[f"{self.name}.bias"][...] = 0.0

    def on_batch(self, place: Workplace) -> MemberOutputOnBatch:
        """The layer at work."""
        return MemberOutputOnBatch(self, place)


class MemberOutputOnBatch:
    """The output layer of several members at work."""

    def __init__(self, layer: MemberOutput, place: Workplace) -> None:
        self._xp = place.memory.xp
        self._copies = place.copies
        self._a = place.array(layer.n_outputs)
        self._z = by_member(self._a, place.copies)
        W = place.tensors[f"{layer.name}.weight"]
        self._weighted_sums = RowProduct(self._xp.matmul, place.product_rows, W, self._z)
        bias = place.tensors.get(f"{layer.name}.bias")
        self._b = None if bias is None else _column(bias)
        if place.gradients is not None:
            self.da = place.array(layer.n_outputs)
            self._dz = by_member(self.da, place.copies)
            self._W_by_unit = transposed(W)
            self._dW = place.gradients[f"{layer.name}.weight"]
            self._db = place.gradients.get(f"{layer.name}.bias")
            self._ones = place.memory.ones((place.rows.total // place.copies,))

    def forward(self, X: Array, batch: int) -> Array:  # noqa: ARG002 - nothing random here
        """X (K B, I) to the scores of each member (K B, O), valid until the next call."""
        self._weighted_sums(by_member(X, self._copies))
        if self._b is not None:
            self._xp.add(self._z, self._b, out=self._z)
        return self._a

    def backward(self, X: Array, dX: Array | None) -> None:
        """For each member dW = X^T dZ, db = the column sums of dZ, dX = dZ W^T."""
        matmul = self._xp.matmul
        matmul(transposed(by_member(X, self._copies)), self._dz, out=self._dW)
        if self._db is not None:
            matmul(self._ones, self._dz, out=self._db)
        if dX is not None:
            matmul(self._dz, self._W_by_unit, out=by_member(dX, self._copies))


class Repetition:
    """Gives every member the rows of a batch; `da` is where the first layer leaves dL/dA."""

    def __init__(self, n_inputs: int, place: Workplace) -> None:
        """`place` is that of the layers behind it, with all copies."""
        self._xp = place.memory.xp
        self._a = place.array(n_inputs)
        self._members = by_member(self._a, place.copies)
        if place.learning:
            self.da = place.array(n_inputs)
            da = by_member(self.da, place.copies)
            self._da = [da[..., member, :, :] for member in range(place.copies)]

    def forward(self, X: Array) -> Array:
        """X (B, I) to (K B, I), valid until the next call."""
        self._xp.copyto(self._members, X[..., None, :, :])
        return self._a

    def backward(self, dX: Array) -> None:
        """Leave the sum over the members of dA."""
        first, *others = self._da
        self._xp.copyto(dX, first)
        for da in others:
            self._xp.add(dX, da, out=dX)


def by_member(rows: Array, members: int) -> Array:
    """A view (..., K, B, I) of the rows (..., K B, I)."""
    return rows.reshape((*rows.shape[:-2], members, -1, rows.shape[-1]))


def _column(per_member: Array) -> Array:
    """(..., K, O) as the one row of (..., K, 1, O)."""
    return per_member[..., None, :]
