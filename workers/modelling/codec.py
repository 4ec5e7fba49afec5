"""Models, checkpoints and weights as bytes: safetensors, with plain data in the metadata.

Nothing is executed by reading. The same content gives the same bytes: the metadata is one entry of
JSON with sorted keys.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors
import safetensors.numpy

from workers.engine.spec import (
    ActivationSpec,
    BatchNormSpec,
    DenseSpec,
    DropoutSpec,
    EmbeddingSpec,
    Layer,
    LayerNormSpec,
    NetworkSpec,
    NumericEmbeddingSpec,
    OutputSpec,
    ResidualSpec,
    ScaleSpec,
)
from workers.engine.tensors import Layout
from workers.engine.training import TrainingState
from workers.modelling.fitted import FittedModel
from workers.modelling.plan import build_network, categories_of, n_outputs, number_places
from workers.modelling.targets import ClassTarget, target_from_plain, target_to_plain
from workers.modelling.tensor_file import tensor_file
from workers.tabular.preprocessing import Preprocessing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from workers.engine.network import Network
    from workers.engine.tensors import Array

FORMAT = {"model": 2, "state": 3}
"""The number of the layout below, by kind, with which everything of one network is written."""

ENSEMBLE_FORMAT = {"model": 3, "state": 4}
"""That of an ensemble: each member's tensors behind `members.<k>.`, its scalars in a list."""

READABLE = {"model": (1, 2, 3), "state": (2, 3, 4)}
"""The formats that are read, by kind. Format 1 had dense layers and one target alone; a state of
it lacks what training keeps by now, and the training starts over. A state of format 2 did not name
the tensors in its vectors."""

_KEY = "slope"
_TENSORS = "tensors"
_MEMBERS = "members"
_FOLDS = "folds"


class CodecError(Exception):
    """Bytes that are not what they should be, or of another format number."""


def weights_to_bytes(network: Network, parameters: Array) -> bytes:
    """The tensors of parameters alone, by the network's names: layers.0.weight and so on.

    Those of an ensemble (M, P) have its member's number in front: members.0.layers.0.weight.
    """
    return tensor_file(named(network.layout, parameters), None)


def model_to_bytes(fitted: FittedModel) -> bytes:
    """A model with everything that predicting needs."""
    content: dict[str, Any] = {
        "target_name": fitted.target_name,
        "task": fitted.task,
        "network": asdict(fitted.network_spec),
        "preprocessing": fitted.preprocessing.to_plain(),
        "target": target_to_plain(fitted.target),
        "reading": fitted.reading,
        "unread": fitted.unread,
    }
    tensors = named(fitted.network.layout, fitted.parameters)
    if fitted.parameters.ndim == 1:
        return tensor_file(tensors, _metadata("model", content))
    content[_MEMBERS] = len(fitted.parameters)
    return tensor_file(tensors, _metadata("model", content, ENSEMBLE_FORMAT))


def model_from_bytes(data: bytes) -> FittedModel:
    """The model that `model_to_bytes` wrote; its predictions are the same bits. CodecError."""
    tensors, content = _unpack(data, "model")
    try:
        return _model(tensors, content)
    except _WRONG_CONTENT as error:
        raise CodecError(f"not a model: {error!r}") from error


def states_to_bytes(
    states: Sequence[TrainingState], layout: Layout, folds: Sequence[Mapping[str, Any]] = ()
) -> bytes:
    """The states of all members, to go on from with the same bits; and where their tensors lie.

    `folds` is what was found, as plain data, in those that are behind the run.
    """
    content: dict[str, Any] = {_TENSORS: list(layout.shapes.items())}
    if folds:
        content[_FOLDS] = list(folds)
    if len(states) == 1:
        content |= states[0].scalars()
        return tensor_file(states[0].arrays(), _metadata("state", content))
    content[_MEMBERS] = [state.scalars() for state in states]
    arrays = {
        f"{_prefix(k)}{name}": array
        for k, state in enumerate(states)
        for name, array in state.arrays().items()
    }
    return tensor_file(arrays, _metadata("state", content, ENSEMBLE_FORMAT))


def states_from_bytes(data: bytes) -> tuple[TrainingState, ...]:
    """The states that `states_to_bytes` wrote. CodecError."""
    return _states(*_unpack(data, "state"))


def folds_from_state(data: bytes) -> list[dict[str, Any]]:
    """The folds in a state; none in one of a version that had no folds. CodecError."""
    folds: list[dict[str, Any]] = _unpack(data, "state")[1].get(_FOLDS, [])
    return folds


def weights_from_state(data: bytes) -> bytes:
    """The weights in a state that `state_to_bytes` wrote, as `weights_to_bytes` writes them.

    They are those by which training would judge it; after a whole epoch, the ones it was judged by.
    CodecError, also for a state of format 2, which does not name its tensors.
    """
    arrays, content = _unpack(data, "state")
    judged = stacked([state.judged for state in _states(arrays, content)])
    try:
        layout = Layout({name: tuple(shape) for name, shape in content[_TENSORS]})
        return tensor_file(named(layout, judged), None)
    except _WRONG_CONTENT as error:
        raise CodecError(f"does not name its tensors: {error!r}") from error


_WRONG_CONTENT = (AttributeError, KeyError, TypeError, ValueError)


_LAYERS: tuple[type[Layer], ...] = (
    DenseSpec,
    ActivationSpec,
    DropoutSpec,
    BatchNormSpec,
    LayerNormSpec,
    ResidualSpec,
    ScaleSpec,
)
_LAYER_OF = {layer.type: layer for layer in _LAYERS}


def stacked(vectors: Sequence[Array]) -> Array:
    """Parameters of all members: (P,) of one, (M, P) of an ensemble."""
    return vectors[0] if len(vectors) == 1 else np.stack(vectors)


def named(layout: Layout, parameters: Array) -> dict[str, NDArray[Any]]:
    """Views of parameters (P,), or (M, P) of an ensemble, by the names of their tensors."""
    if parameters.ndim == 1:
        return dict(layout.views(np.ascontiguousarray(parameters)))
    return {
        f"{_prefix(k)}{name}": view
        for k, member in enumerate(parameters)
        for name, view in layout.views(np.ascontiguousarray(member)).items()
    }


def shapes_of(layout: Layout, members: int) -> dict[str, tuple[int, ...]]:
    """The shapes of a model's tensors, by the names of `named`."""
    if members == 1:
        return dict(layout.shapes)
    return {
        f"{_prefix(k)}{name}": shape
        for k in range(members)
        for name, shape in layout.shapes.items()
    }


def _prefix(member: int) -> str:
    return f"{_MEMBERS}.{member}."


def _of_member(arrays: Mapping[str, NDArray[Any]], member: int) -> dict[str, NDArray[Any]]:
    prefix = _prefix(member)
    return {n.removeprefix(prefix): array for n, array in arrays.items() if n.startswith(prefix)}


def _states(
    arrays: dict[str, NDArray[Any]], content: Mapping[str, Any]
) -> tuple[TrainingState, ...]:
    if _MEMBERS not in content:
        return (_state(arrays, content),)
    return tuple(_state(_of_member(arrays, k), own) for k, own in enumerate(content[_MEMBERS]))


def _state(arrays: dict[str, NDArray[Any]], content: Mapping[str, Any]) -> TrainingState:
    try:
        _check_alike(arrays)
        return TrainingState.from_parts(arrays, content)
    except _WRONG_CONTENT as error:
        raise CodecError(f"not a training state: {error!r}") from error


def _check_alike(arrays: Mapping[str, NDArray[Any]]) -> None:
    """Raise ValueError unless all vectors of parameters have one shape and type."""
    vectors = [array for name, array in arrays.items() if not name.startswith("slots.")]
    if len({(vector.shape, vector.dtype) for vector in vectors}) != 1:
        raise ValueError("vectors of parameters differ")


def _model(tensors: dict[str, NDArray[Any]], content: Mapping[str, Any]) -> FittedModel:
    preprocessing = Preprocessing.from_plain(content["preprocessing"])
    target = target_from_plain(content["target"])
    classes = len(target.labels) if isinstance(target, ClassTarget) else None
    targets = 1 if isinstance(target, ClassTarget) else len(target.centers)
    spec = _network_spec(content["network"])
    network = build_network(
        spec,
        n_inputs=len(preprocessing.outputs),
        n_outputs=n_outputs(spec, targets, classes),
        categories=categories_of(preprocessing),
        numbers=number_places(preprocessing),
    )
    name = content["target_name"]
    return FittedModel(
        target_name=name if isinstance(name, str) else tuple(name),
        task=content["task"],
        network_spec=spec,
        network=network,
        parameters=stacked(
            [_flat(network, _of_member(tensors, k)) for k in range(content[_MEMBERS])]
            if _MEMBERS in content
            else [_flat(network, tensors)]
        ),
        preprocessing=preprocessing,
        target=target,
        reading=content["reading"],
        # Models of earlier versions did not know what stood beside their features.
        unread=tuple(content.get("unread", ())),
    )


def _flat(network: Network, tensors: dict[str, NDArray[Any]]) -> Array:
    """The tensors as one vector (P,); ValueError unless they are exactly the network's."""
    found = {name: tensor.shape for name, tensor in tensors.items()}
    dtypes = {tensor.dtype for tensor in tensors.values()}
    if found != network.layout.shapes or len(dtypes) != 1:
        raise ValueError("the tensors are not the network's")
    flat: Array = np.empty(network.n_parameters, dtypes.pop())
    for name, view in network.layout.views(flat).items():
        view[...] = tensors[name]
    return flat


def _network_spec(plain: Mapping[str, Any]) -> NetworkSpec:
    """The specification that `asdict` took apart; a field that it lacks has its default."""
    waves = plain.get("numeric_embeddings")
    parts = {
        "numeric_embeddings": None if waves is None else NumericEmbeddingSpec(**waves),
        "layers": tuple(_LAYER_OF[layer["type"]](**layer) for layer in plain["layers"]),
        "output": OutputSpec(**plain["output"]),
        "embeddings": tuple(
            EmbeddingSpec(**embedding) for embedding in plain.get("embeddings", ())
        ),
    }
    return NetworkSpec(**{**plain, **parts})


def _metadata(
    kind: str, content: Mapping[str, Any], formats: Mapping[str, int] = FORMAT
) -> dict[str, str]:
    plain = {"format": formats[kind], "kind": kind, "content": content}
    return {_KEY: json.dumps(plain, sort_keys=True, separators=(",", ":"))}


def _unpack(data: bytes, kind: str) -> tuple[dict[str, NDArray[Any]], Mapping[str, Any]]:
    try:
        tensors = safetensors.numpy.load(data)
        # The header is JSON behind its own length in 8 bytes; the library reads the tensors alone.
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        plain = json.loads(header["__metadata__"][_KEY])
        written = (plain["format"], plain["kind"])
        content = plain["content"]
    except (safetensors.SafetensorError, *_WRONG_CONTENT) as error:
        raise CodecError(f"not readable: {error!r}") from error
    if written[1] != kind or written[0] not in READABLE[kind]:
        expected = f"expected {kind} of format {FORMAT[kind]}"
        raise CodecError(f"{written[1]} of format {written[0]}, {expected}")
    return {name: tensor.copy() for name, tensor in tensors.items()}, content
