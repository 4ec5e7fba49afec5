from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from tests.workers.modelling.tables import PENGUINS, Trained, ingested, trained
from workers.engine.spec import (
    ActivationSpec,
    AdamSpec,
    BatchNormSpec,
    DenseSpec,
    DropoutSpec,
    EmbeddingSpec,
    LayerNormSpec,
    NetworkSpec,
    NumericEmbeddingSpec,
    Optimizer,
    OutputSpec,
    ResidualSpec,
    ScaleSpec,
    SgdSpec,
)
from workers.engine.training import TrainingState, train
from workers.modelling.codec import (
    CodecError,
    model_from_bytes,
    model_to_bytes,
    states_from_bytes,
    states_to_bytes,
    weights_from_state,
    weights_to_bytes,
)
from workers.modelling.estimator import prepare
from workers.modelling.plan import ModelWish
from workers.modelling.recipes import resolve

DATA = ingested(PENGUINS)
FORMAT_1 = Path(__file__).parent / "format_1"
EVERYTHING = NetworkSpec(
    layers=(
        DenseSpec(units=6, activation="prelu", bias=False, l1=0.1, max_norm=2.0),
        BatchNormSpec(momentum=0.8),
        ActivationSpec(activation="gelu"),
        DropoutSpec(rate=0.25),
        ResidualSpec(span=3),
        LayerNormSpec(epsilon=1e-4),
        ScaleSpec(factor=8.0),
        DenseSpec(units=4, activation="tanh", initializer="constant", initial_value=0.5),
    ),
    output=OutputSpec(bias=False, l2=0.5),
    skip=True,
    embeddings=(
        EmbeddingSpec(column="island", dimension=3),
        EmbeddingSpec(column="sex", dimension=2),
    ),
    numeric_embeddings=NumericEmbeddingSpec(frequencies=3, dimension=2),
    members=2,
)


@pytest.fixture(scope="module")
def end() -> Trained:
    return trained(DATA, ModelWish(target="species", network="mlp", training={"epochs": 3}))


def repacked(data: bytes, change: Any) -> bytes:
    """The same file with `change(tensors, metadata)` made to it."""
    tensors = safetensors.numpy.load(data)
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    metadata = json.loads(header["__metadata__"]["slope"])
    change(tensors, metadata)
    return safetensors.numpy.save(tensors, {"slope": json.dumps(metadata)})


def state_bytes(end: Trained) -> bytes:
    return states_to_bytes([end.state], end.prepared.network.layout)


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
    again = trained(DATA, ModelWish(target="species", network="mlp", training={"epochs": 3}))
    assert model_to_bytes(again.model) == model_to_bytes(end.model)
    assert state_bytes(again) == state_bytes(end)


@pytest.mark.parametrize("optimizer", [AdamSpec(), SgdSpec(momentum=0.9, nesterov=True)])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_training_goes_on_from_its_bytes_with_the_same_bits(
    optimizer: Optimizer, precision: str
) -> None:
    wished = {"epochs": 6, "optimizer": optimizer, "precision": precision}
    plan = resolve(ModelWish(target="species", training=wished), DATA.profile)
    prepared = prepare(DATA.table, plan)
    state = TrainingState.initial(prepared.network, plan.training, plan.seed)
    layout = prepared.network.layout
    written = [states_to_bytes([state], layout)]
    for _ in train(prepared.network, state, prepared.data, plan.training, plan.seed):
        written.append(states_to_bytes([state], layout))
    for bytes_ in written[:-1]:
        [resumed] = states_from_bytes(bytes_)
        for _ in train(prepared.network, resumed, prepared.data, plan.training, plan.seed):
            pass
        assert states_to_bytes([resumed], layout) == written[-1]


def test_a_diverged_state_is_kept_with_where_it_left_the_numbers() -> None:
    wished = {"optimizer": SgdSpec(learning_rate=10.0, momentum=0.99), "epochs": 200}
    end = trained(DATA, ModelWish(target="body_mass_g", training=wished))
    assert end.state.stop_reason == "diverged"
    [read] = states_from_bytes(state_bytes(end))
    assert (read.stop_reason, read.divergence) == ("diverged", end.state.divergence)


@pytest.mark.parametrize("cut", [0, 4, 8, 100, -1])
def test_bytes_that_were_cut_are_refused(end: Trained, cut: int) -> None:
    for read, data in (
        (model_from_bytes, model_to_bytes(end.model)),
        (states_from_bytes, state_bytes(end)),
    ):
        with pytest.raises(CodecError):
            read(data[:cut])


def test_bytes_of_another_kind_or_format_are_refused(end: Trained) -> None:
    model, state = model_to_bytes(end.model), state_bytes(end)
    for read, data in ((model_from_bytes, state), (states_from_bytes, model)):
        with pytest.raises(CodecError, match="expected"):
            read(data)
    newer = repacked(model, lambda _, metadata: metadata.update(format=4))
    with pytest.raises(CodecError, match="format 4"):
        model_from_bytes(newer)
    older = repacked(state, lambda _, metadata: metadata.update(format=1))
    with pytest.raises(CodecError, match="format 1"):
        states_from_bytes(older)
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
        states_from_bytes(repacked(state_bytes(end), shorter))


@pytest.mark.parametrize("ema_decay", [None, 0.9])
def test_the_weights_in_a_state_are_those_it_is_judged_by(ema_decay: float | None) -> None:
    wished = {"epochs": 2, "batch_size": 16, "ema_decay": ema_decay, "early_stopping": None}
    end = trained(DATA, ModelWish(target="species", training=wished))
    weights = weights_to_bytes(
        end.prepared.network, end.state.final_parameters(end.prepared.plan.training)
    )
    assert weights_from_state(state_bytes(end)) == weights


def test_a_state_of_format_2_goes_on_but_does_not_name_its_tensors(end: Trained) -> None:
    def older(_: Any, metadata: dict[str, Any]) -> None:
        metadata["format"] = 2
        del metadata["content"]["tensors"]

    data = repacked(state_bytes(end), older)
    assert state_bytes(end) == states_to_bytes(states_from_bytes(data), end.prepared.network.layout)
    with pytest.raises(CodecError, match="name its tensors"):
        weights_from_state(data)


def test_what_is_read_is_ones_own_to_change(end: Trained) -> None:
    data = state_bytes(end)
    [state] = states_from_bytes(data)
    before = deepcopy(state.parameters)
    state.parameters += 1.0
    assert states_from_bytes(data)[0].parameters.tobytes() == before.tobytes()


@pytest.mark.parametrize("target", ["species", ("body_mass_g", "bill_depth_mm")])
def test_a_network_of_every_kind_of_layer_is_read_as_it_was_written(target: Any) -> None:
    wish = ModelWish(target=target, network=EVERYTHING, training={"epochs": 2})
    model = trained(DATA, wish).model
    written = model_to_bytes(model)
    read = model_from_bytes(written)
    assert model_to_bytes(read) == written
    assert (read.network_spec, read.network) == (model.network_spec, model.network)
    assert (read.target_name, read.target) == (model.target_name, model.target)
    names = [feature.name for feature in model.features]
    rows = [*DATA.table.select(names).to_pylist()[:20], dict.fromkeys(names)]
    ours, theirs = model.predict_rows(rows), read.predict_rows(rows)
    assert ours.warnings == theirs.warnings
    for one, other in ((ours.values, theirs.values), (ours.probabilities, theirs.probabilities)):
        assert (one is None) == (other is None)
        assert one is None or other is None or one.tobytes() == other.tobytes()


@pytest.mark.parametrize("name", ["numbers", "classes"])
def test_models_of_format_1_still_predict(name: str) -> None:
    answers = json.loads((FORMAT_1 / "answers.json").read_text())
    model = model_from_bytes((FORMAT_1 / f"{name}.safetensors").read_bytes())
    predictions = model.predict_rows(answers["rows"])
    found = predictions.values if predictions.classes is None else predictions.probabilities
    assert found is not None
    # Bits are promised per kind of processor; the file was written on another day and machine.
    np.testing.assert_allclose(found, answers[name]["predictions"], rtol=1e-5)
    warnings = [[w.row, w.column, w.code, w.used] for w in predictions.warnings]
    assert warnings == answers[name]["warnings"]
    again = model_from_bytes(model_to_bytes(model))
    assert again.predict_rows(answers["rows"]).warnings == predictions.warnings
