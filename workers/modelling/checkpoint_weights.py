"""The parameters in a checkpoint: weights of its network by name, or a training's state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import safetensors
import safetensors.numpy

from workers.modelling.codec import CodecError, state_from_bytes

if TYPE_CHECKING:
    from workers.engine.network import Network
    from workers.engine.tensors import Array


def parameters_of(checkpoint: bytes, network: Network) -> Array:
    """The parameters (P,) in float64. CodecError unless they are exactly the network's."""
    try:
        parameters = state_from_bytes(checkpoint).parameters
    except CodecError:
        return _by_name(checkpoint, network)
    if parameters.shape != (network.n_parameters,):
        raise CodecError("the parameters of another network")
    return parameters.astype(np.float64)


def _by_name(weights: bytes, network: Network) -> Array:
    try:
        tensors = safetensors.numpy.load(weights)
    except (safetensors.SafetensorError, ValueError) as error:
        raise CodecError(f"not readable: {error!r}") from error
    if {name: tensor.shape for name, tensor in tensors.items()} != network.layout.shapes:
        raise CodecError("the tensors of another network")
    flat: Array = np.empty(network.n_parameters)
    for name, view in network.layout.views(flat).items():
        view[...] = tensors[name]
    return flat
