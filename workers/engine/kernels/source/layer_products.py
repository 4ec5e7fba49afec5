"""The products of a layer, by tiles of our own where it is narrow, else by a BLAS.

`narrow` is the layer's, whatever the rows of a batch: which way is taken is known from the shapes
of a training. `spare` is flat memory in which a factor or a result lies transposed meanwhile; it
is used where the layer is narrow.
"""

from __future__ import annotations

from typing import Any

from workers.engine.kernels.source.jit import inlined, line, matrix
from workers.engine.kernels.source.products import multiply
from workers.engine.kernels.source.registers import load, store, width
from workers.engine.kernels.source.tiles import multiply_small
from workers.engine.kernels.source.transposing import transpose


@inlined
def combine(narrow: Any, a: Any, weight: Any, bias: Any, z: Any) -> None:
    """Z (B, O) = A W + b of A (B, I), W (I, O) and b (1, O), or (0, O) for none."""
    if narrow:
        multiply_small(a, False, weight, z, bias)
        return
    multiply(a, False, weight, False, z, False)
    if bias.shape[0] > 0:
        for r in range(z.shape[0]):
            for j in range(0, z.shape[1], width(z)):
                store(line(z, r), j, load(line(z, r), j) + load(line(bias, 0), j))


@inlined
def correlate(narrow: Any, a: Any, dz: Any, gradient: Any) -> None:
    """The gradient (I, O) = A' dZ of the weights."""
    if narrow:
        multiply_small(a, True, dz, gradient, _none(gradient))
    else:
        multiply(a, True, dz, False, gradient, False)


@inlined
def pass_back(narrow: Any, dz: Any, weight: Any, da: Any, spare: Any) -> None:
    """DA (B, I) = dZ W'."""
    if narrow:
        across = matrix(spare, 0, weight.shape[1], weight.shape[0])
        transpose(weight, across)
        multiply_small(dz, False, across, da, _none(da))
    else:
        multiply(dz, False, weight, True, da, False)


@inlined
def add_scores(narrow: Any, a: Any, weight: Any, z: Any, spare: Any) -> None:
    """Z (K, B) += W' A' of A (B, I) and W (I, K)."""
    if narrow:
        across = matrix(spare, 0, a.shape[1], a.shape[0])
        transpose(a, across)
        multiply_small(weight, True, across, z, z)
    else:
        multiply(weight, True, a, True, z, True)


@inlined
def correlate_scores(narrow: Any, a: Any, dz: Any, gradient: Any, spare: Any) -> None:
    """The gradient (I, K) = A' dZ' of the weights, for dZ (K, B)."""
    if narrow:
        across = matrix(spare, 0, gradient.shape[1], gradient.shape[0])
        multiply_small(dz, False, a, across, _none(across))
        transpose(across, gradient)
    else:
        multiply(a, True, dz, True, gradient, False)


@inlined
def pass_back_scores(narrow: Any, dz: Any, weight: Any, da: Any, spare: Any) -> None:
    """DA (B, I) = dZ' W' for dZ (K, B)."""
    if narrow:
        across = matrix(spare, 0, weight.shape[1], weight.shape[0])
        transpose(weight, across)
        multiply_small(dz, True, across, da, _none(da))
    else:
        multiply(dz, True, weight, True, da, False)


@inlined
def _none(out: Any) -> Any:
    """No row to begin the sums with."""
    return matrix(out, 0, 0, out.shape[1])
