from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from tests.workers.modelling.tables import PENGUINS, ingested, trained
from workers.modelling.estimator import FittedModel, NonFiniteOutputError, PredictionInputError
from workers.modelling.plan import ModelWish

DATA = ingested(PENGUINS)
SHORT: dict[str, Any] = {"epochs": 3}
ROW: dict[str, Any] = {
    "island": "Dream",
    "bill_length_mm": 45.0,
    "bill_depth_mm": 17,
    "flipper_length_mm": 200,
    "body_mass_g": 4000,
    "sex": "male",
    "year": 2008,
}


@pytest.fixture(scope="module")
def model() -> FittedModel:
    return trained(DATA, ModelWish(target="species", training=SHORT)).model


def test_features_and_classes_are_in_the_order_of_inputs_and_probabilities(
    model: FittedModel,
) -> None:
    assert [feature.name for feature in model.features] == list(ROW)
    assert {feature.type for feature in model.features} == {"numeric", "categorical"}
    assert model.classes == ("Adelie", "Chinstrap", "Gentoo")


def test_the_label_is_the_most_probable_class(model: FittedModel) -> None:
    rows = DATA.table.select(list(ROW)).to_pylist()
    predictions = model.predict_rows(rows)
    assert predictions.probabilities is not None
    np.testing.assert_allclose(predictions.probabilities.sum(axis=1), 1.0, atol=1e-6)
    best = predictions.probabilities.argmax(axis=1)
    assert predictions.labels == tuple((model.classes or ())[k] for k in best)


def test_of_two_classes_the_probabilities_sum_to_one() -> None:
    model = trained(DATA, ModelWish(target="sex", training=SHORT)).model
    row = {k: v for k, v in ROW.items() if k != "sex"} | {"species": "Adelie"}
    predictions = model.predict_rows([row])
    assert predictions.classes == ("female", "male")
    assert predictions.probabilities is not None
    assert predictions.probabilities.sum() == 1.0


def test_a_strange_row_is_predicted_with_warnings(model: FittedModel) -> None:
    strange = dict.fromkeys(ROW) | {"island": "Atlantis", "bill_length_mm": 1e6}
    predictions = model.predict_rows([ROW, strange])
    assert {(w.row, w.column, w.code) for w in predictions.warnings} == {
        (1, "island", "unseen_category"),
        (1, "bill_length_mm", "out_of_range"),
        (1, "bill_depth_mm", "imputed"),
        (1, "flipper_length_mm", "imputed"),
        (1, "body_mass_g", "imputed"),
        (1, "year", "imputed"),
    }


def test_what_cannot_be_read_is_refused(model: FittedModel) -> None:
    with pytest.raises(PredictionInputError):
        model.predict_rows([ROW | {"bill length": 40.0}])
    with pytest.raises(PredictionInputError):
        model.predict_inputs([[1, 2]])
    with pytest.raises(PredictionInputError):
        model.predict_columns({"island": ["Dream"]})


@pytest.mark.parametrize("target", ["species", "body_mass_g"])
def test_an_answer_that_is_not_finite_is_refused_by_its_row(target: str) -> None:
    model = trained(DATA, ModelWish(target=target, training=SHORT, network="linear")).model
    row = {k: v for k, v in (ROW | {"species": "Adelie"}).items() if k != target}
    with pytest.raises(NonFiniteOutputError) as caught:
        model.predict_rows([row, row, row | {"bill_length_mm": 1e308}])
    assert caught.value.row == 2


def test_no_row_has_no_answer(model: FittedModel) -> None:
    predictions = model.predict_rows([])
    assert predictions.labels == ()
    assert predictions.probabilities is not None
    assert predictions.probabilities.shape == (0, 3)


def test_many_threads_get_the_answers_of_one(model: FittedModel) -> None:
    rows = DATA.table.select(list(ROW)).to_pylist()

    def bits(start: int) -> bytes:
        probabilities = model.predict_rows(rows[start : start + 40]).probabilities
        assert probabilities is not None
        return probabilities.tobytes()

    starts = list(range(0, 300, 7)) * 5
    expected = [bits(start) for start in starts]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(bits, starts)) == expected


def test_a_model_keeps_its_parameters_when_training_goes_on() -> None:
    end = trained(DATA, ModelWish(target="species", training=SHORT))
    before = end.model.predict_rows([ROW]).probabilities
    end.state.final_parameters(end.prepared.plan.training)[:] = 0.0
    after = end.model.predict_rows([ROW]).probabilities
    assert before is not None
    assert after is not None
    assert before.tobytes() == after.tobytes()
