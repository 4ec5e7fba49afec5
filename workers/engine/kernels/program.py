"""What a compiled chunk is given: the network and its training as tables of numbers.

Nothing of it is known when the chunk is compiled, so that one compilation serves every network.
Places are offsets: of tensors in the parameters (P,), of everything else in the memory (M,).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workers.engine.tensors import Array, Labels

IDENTITY, SIGMOID, TANH, RELU, LEAKY_RELU, ELU, SELU, GELU, SILU, MISH, SOFTPLUS = range(11)

ACTIVATION_CODES = {
    "identity": IDENTITY,
    "sigmoid": SIGMOID,
    "tanh": TANH,
    "relu": RELU,
    "leaky_relu": LEAKY_RELU,
    "elu": ELU,
    "selu": SELU,
    "gelu": GELU,
    "silu": SILU,
    "mish": MISH,
    "softplus": SOFTPLUS,
}
"""The functions that have compiled loops, in an order that the loops count on."""

KEEPS_SLOPE = frozenset((GELU, SILU, MISH, SOFTPLUS))
"""Where f'(z) is no function of f(z): it is kept beside the output."""

N_INPUTS, N_OUTPUTS, ACTIVATION, WEIGHT, BIAS, DROPOUT = range(6)
OUTPUT, SLOPE, ERROR, DROPPED, MASK, NARROW = range(6, 12)
N_COLUMNS = 12
"""Columns of the table of layers: what a layer is, with the places of its tensors, then its places
in the memory, then whether its products are our own (1) or a BLAS's (0). BIAS and DROPOUT (the
place of its rate) are -1 where there is none. What the output layer holds is (K, B)."""

MSE, BINARY_CROSS_ENTROPY, SOFTMAX_CROSS_ENTROPY = range(3)
SGD, MOMENTUM, NESTEROV, ADAM = range(4)

RATE, EPSILON, KEEP = range(3)
N_COEFFICIENTS = 3
"""Columns of a step's coefficients: KEEP is what a decoupled decay leaves of the weights."""


_NARROW = 256
_FEW_ROWS = 512
"""Up to so many inputs and units of a layer, and rows of a batch, no BLAS is faster."""


def is_narrow(rows: int, inputs: int, units: int) -> int:
    """Whether a layer's products are done by the chunk itself (1), or by a BLAS (0).

    Decided by the shapes of a training alone, so that a resumed run has the same bits.
    """
    return int(inputs <= _NARROW and units <= _NARROW and rows <= _FEW_ROWS)


class Program(NamedTuple):
    """A network and how it is trained.

    layers (L, 12) of the columns above, the output layer last; penalties (L, 2): l1 and l2.
    `skip` is the place of the weights from input to output, or -1. A limit that is not there is
    infinite. Then places in the memory, for B rows of I columns, K scores: X (B, I), targets
    (K, B), or (B,) labels as numbers, weights (B,), share (B,), and what is spare for a factor
    transposed.
    """

    layers: Labels
    penalties: NDArray[Any]
    skip: int
    narrow_skip: int
    loss: int
    smoothing: float
    optimizer: int
    betas: tuple[float, float]
    clip_value: float
    clip_norm: float
    n_decayed: int
    batch_size: int
    batch: int
    targets: int
    weights: int
    share: int
    spare: int


class Scratch(NamedTuple):
    """What a chunk works in: gradient (P,), memory (M,)."""

    gradient: Array
    memory: Array


class Rows(NamedTuple):
    """The table: X (N, I), targets (N, K) or labels (N,), weights (N,); some of them empty."""

    X: Array
    targets: Array
    labels: Labels
    weights: Array


class Members(NamedTuple):
    """K networks of one shape that train on the same rows, each on its own.

    parameters and slots (K, P), a slot that is not there (K, 0); orders (K, N) of the rows in the
    epoch, (K, 0) for the table's own; seeds (K,); dropout_rates (K, D); coefficients (K, S, 3) of
    some steps. loss_sums (K,) is added to; counts (K,): the steps to do, then those done.
    """

    parameters: Array
    first_slot: Array
    second_slot: Array
    orders: Labels
    seeds: NDArray[Any]
    dropout_rates: NDArray[Any]
    coefficients: Array
    loss_sums: Array
    counts: Labels
