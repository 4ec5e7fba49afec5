from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from tests.workers.modelling.tables import PENGUINS, Trained, ingested, trained
from workers.engine.spec import AdamSpec, Optimizer, SgdSpec
from workers.engine.training import TrainingState, train
from workers.modelling.codec import (
    CodecError,
    model_from_bytes,
    model_to_bytes,
    state_from_bytes,
    state_to_bytes,
    weights_to_bytes,
)
from workers.modelling.estimator import prepare
from workers.modelling.plan import ModelWish
from workers.modelling.recipes import resolve

DATA = ingested(PENGUINS)


@pytest.fixture(scope="module")
def end() -> Trained:
    return trained(DATA, ModelWish(target="species", training={"epochs": 3}))


def repacked(data: bytes, change: Any) -> bytes:
    """The same file with `change(tensors, metadata)` made to it."""
    tensors = safetensors.numpy.load(data)
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    metadata = json.loads(header["__metadata__"]["slope"])
    change(tensors, metadata)
    return safetensors.numpy.save(tensors, {"slope": json.dumps(metadata)})


def test_weights_are_named_and_shaped_as_the_contract_says(end: Trained) -> None:
    network, parameters = end.prepared.network, end.model.parameters
    tensors = safetensors.numpy.load(weights_to_bytes(network, parameters))
    width = network.n_inputs
    assert {name: tensor.shape for name, tensor in tensors.items()} == {
        "layers.0.weight": (width, 32),
        "layers.0.bias": (32,),
        "layers.1.weight": (32, 32),
        "layers.1.bias": (32,),
        "layers.2.weight": (32, 3),
        "layers.2.bias": (3,),
    }
    views = network.layout.views(parameters)
    assert all(np.array_equal(tensors[name], view) for name, view in views.items())


def test_weights_of_a_strided_vector_are_written_in_order(end: Trained) -> None:
    network, parameters = end.prepared.network, end.model.parameters
    strided = np.repeat(parameters, 2)[::2]
    assert not strided.flags.c_contiguous
    assert weights_to_bytes(network, strided) == weights_to_bytes(network, parameters)


def test_the_same_content_is_the_same_bytes(end: Trained) -> None:
    again = trained(DATA, ModelWish(target="species", training={"epochs": 3}))
    assert model_to_bytes(again.model) == model_to_bytes(end.model)
    assert state_to_bytes(again.state) == state_to_bytes(end.state)


@pytest.mark.parametrize("optimizer", [AdamSpec(), SgdSpec(momentum=0.9, nesterov=True)])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_training_goes_on_from_its_bytes_with_the_same_bits(
    optimizer: Optimizer, precision: str
) -> None:
    wished = {"epochs": 6, "optimizer": optimizer, "precision": precision}
    plan = resolve(ModelWish(target="species", training=wished), DATA.profile)
    prepared = prepare(DATA.table, plan)
    state = TrainingState.initial(prepared.network, plan.training, plan.seed)
    written = [state_to_bytes(state)]
    for _ in train(prepared.network, state, prepared.data, plan.training, plan.seed):
        written.append(state_to_bytes(state))
    for bytes_ in written[:-1]:
        resumed = state_from_bytes(bytes_)
        for _ in train(prepared.network, resumed, prepared.data, plan.training, plan.seed):
            pass
        assert state_to_bytes(resumed) == written[-1]


def test_a_diverged_state_is_kept_with_where_it_left_the_numbers() -> None:
    wished = {"optimizer": SgdSpec(learning_rate=10.0, momentum=0.99), "epochs": 200}
    state = trained(DATA, ModelWish(target="body_mass_g", training=wished)).state
    assert state.stop_reason == "diverged"
    read = state_from_bytes(state_to_bytes(state))
    assert (read.stop_reason, read.divergence) == ("diverged", state.divergence)


@pytest.mark.parametrize("cut", [0, 4, 8, 100, -1])
def test_bytes_that_were_cut_are_refused(end: Trained, cut: int) -> None:
    for read, data in (
        (model_from_bytes, model_to_bytes(end.model)),
        (state_from_bytes, state_to_bytes(end.state)),
    ):
        with pytest.raises(CodecError):
            read(data[:cut])


def test_bytes_of_another_kind_or_format_are_refused(end: Trained) -> None:
    model, state = model_to_bytes(end.model), state_to_bytes(end.state)
    for read, data in ((model_from_bytes, state), (state_from_bytes, model)):
        with pytest.raises(CodecError, match="expected"):
            read(data)
    newer = repacked(model, lambda _, metadata: metadata.update(format=2))
    with pytest.raises(CodecError, match="format 2"):
        model_from_bytes(newer)
    with pytest.raises(CodecError, match="not readable"):
        model_from_bytes(weights_to_bytes(end.prepared.network, end.model.parameters))


def test_tensors_that_are_not_the_networks_are_refused(end: Trained) -> None:
    def transposed(tensors: dict[str, Any], _: Any) -> None:
        tensors["layers.0.weight"] = tensors["layers.0.weight"].T.copy()

    def missing(tensors: dict[str, Any], _: Any) -> None:
        del tensors["layers.2.bias"]

    def another(tensors: dict[str, Any], _: Any) -> None:
        tensors["layers.3.bias"] = tensors["layers.2.bias"]

    def mixed(tensors: dict[str, Any], _: Any) -> None:
        tensors["layers.0.bias"] = tensors["layers.0.bias"].astype(np.float64)

    def unlike_the_features(_: Any, metadata: dict[str, Any]) -> None:
        metadata["content"]["preprocessing"]["encoders"].pop()

    for change in (transposed, missing, another, mixed, unlike_the_features):
        with pytest.raises(CodecError):
            model_from_bytes(repacked(model_to_bytes(end.model), change))


def test_content_that_lacks_a_field_is_refused(end: Trained) -> None:
    for name in ("target_name", "task", "network", "preprocessing", "target"):

        def without(_: Any, metadata: dict[str, Any], name: str = name) -> None:
            del metadata["content"][name]

        with pytest.raises(CodecError):
            model_from_bytes(repacked(model_to_bytes(end.model), without))


def test_a_state_of_unlike_vectors_is_refused(end: Trained) -> None:
    def shorter(tensors: dict[str, Any], _: Any) -> None:
        tensors["parameters"] = tensors["parameters"][:-1].copy()

    with pytest.raises(CodecError):
        state_from_bytes(repacked(state_to_bytes(end.state), shorter))


def test_what_is_read_is_ones_own_to_change(end: Trained) -> None:
    data = state_to_bytes(end.state)
    state = state_from_bytes(data)
    before = deepcopy(state.parameters)
    state.parameters += 1.0
    assert state_from_bytes(data).parameters.tobytes() == before.tobytes()
