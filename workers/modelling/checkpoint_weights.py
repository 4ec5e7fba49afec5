"""The parameters in a checkpoint: weights of its network by name, or a training's state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import safetensors
import safetensors.numpy

from workers.modelling.codec import CodecError, named, states_from_bytes

if TYPE_CHECKING:
    from workers.engine.network import Network
    from workers.engine.tensors import Array


def parameters_of(checkpoint: bytes, network: Network, members: int = 1) -> Array:
    """The parameters (M, P) of all members in float64.

    CodecError unless they are exactly those of so many such networks.
    """
    try:
        states = states_from_bytes(checkpoint)
    except CodecError:
        return _by_name(checkpoint, network, members)
    shapes = {state.parameters.shape for state in states}
    if len(states) != members or shapes != {(network.n_parameters,)}:
        raise CodecError("the parameters of other networks")
    return np.stack([state.parameters for state in states]).astype(np.float64)


def _by_name(weights: bytes, network: Network, members: int) -> Array:
    try:
        tensors = safetensors.numpy.load(weights)
    except (safetensors.SafetensorError, ValueError) as error:
        raise CodecError(f"not readable: {error!r}") from error
    found: Array = np.empty((members, network.n_parameters))
    views = named(network.layout, found if members > 1 else found[0])
    if {name: x.shape for name, x in tensors.items()} != {n: x.shape for n, x in views.items()}:
        raise CodecError("the tensors of other networks")
    for name, view in views.items():
        view[...] = tensors[name]
    return found
