from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.workers.modelling.tables import Ingested, csv_of, ingested
from workers.modelling.estimator import prepare
from workers.modelling.plan import ModelPlan, ModelWish
from workers.modelling.recipes import resolve
from workers.modelling.targets import ClassTarget, NumberTarget
from workers.tabular.errors import TableError

if TYPE_CHECKING:
    from workers.engine.spec import Precision

N = 60
NUMBERS = ingested(
    csv_of("x,y", ((i, None if i % 12 == 5 else f"{np.sqrt(i):.3f}") for i in range(N)))
)


def plan_for(data: Ingested, **wish: Any) -> ModelPlan:
    return resolve(ModelWish(target="y", **wish), data.profile)


def classes(labels: list[object]) -> tuple[Ingested, ModelPlan]:
    data = ingested(csv_of("x,y", ((i, label) for i, label in enumerate(labels))))
    return data, plan_for(data)


def test_rows_without_a_target_are_in_no_part() -> None:
    prepared = prepare(NUMBERS.table, plan_for(NUMBERS, split={"test": 0.1}))
    split = prepared.split
    parts = np.concatenate((split.train, split.validation, split.test))
    assert sorted(parts) == [i for i in range(N) if i % 12 != 5]
    assert [w.code for w in prepared.warnings] == ["missing_target"]


def test_inputs_and_truth_belong_to_the_same_row() -> None:
    prepared = prepare(NUMBERS.table, plan_for(NUMBERS, split={"test": 0.1}, preprocessing="none"))
    assert prepared.validation is not None
    assert prepared.test is not None
    for X, truth in (
        (prepared.data.X, prepared.training_truth),
        (prepared.validation.X, prepared.validation.truth),
        (prepared.test.X, prepared.test.truth),
    ):
        np.testing.assert_allclose(np.sqrt(X[:, :1]), truth, atol=5e-4)
    assert prepared.data.X[:, 0].tolist() == prepared.split.train.tolist()


def test_the_target_is_standardised_by_its_training_rows() -> None:
    prepared = prepare(NUMBERS.table, plan_for(NUMBERS, training={"precision": "float64"}))
    truth = prepared.training_truth
    assert isinstance(prepared.target, NumberTarget)
    np.testing.assert_array_equal(
        prepared.data.y, (truth - truth.mean()) / truth.std(), strict=True
    )
    np.testing.assert_allclose(prepared.target.decode(prepared.data.y), truth, rtol=1e-14)


def test_without_preprocessing_the_target_is_learned_as_it_is() -> None:
    plan = plan_for(NUMBERS, preprocessing="none", training={"precision": "float64"})
    prepared = prepare(NUMBERS.table, plan)
    assert prepared.data.y.tolist() == prepared.training_truth.tolist()


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_arrays_are_in_the_precision_of_the_run(precision: Precision) -> None:
    data = prepare(NUMBERS.table, plan_for(NUMBERS, training={"precision": precision})).data
    arrays = (data.X, data.y, data.X_validation, data.y_validation)
    assert {str(array.dtype) for array in arrays if array is not None} == {precision}
    assert data.X.flags.c_contiguous


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["b", "a", "c"], ("a", "b", "c")),
        ([10, 9, 2], ("2", "9", "10")),
        (["true", "false"], ("false", "true")),
        ([1.0, 0.0], ("0", "1")),
    ],
)
def test_labels_keep_their_spelling_in_sorted_order(
    labels: list[object], expected: tuple[str, ...]
) -> None:
    data, plan = classes(labels * 15)
    prepared = prepare(data.table, plan)
    assert prepared.target == ClassTarget(expected)


def test_two_classes_train_one_output_and_more_a_score_each() -> None:
    data, plan = classes(["no", "yes", "yes"] * 10)
    prepared = prepare(data.table, plan)
    assert prepared.network.n_outputs == 1
    assert prepared.data.y[:, 0].tolist() == prepared.training_truth.tolist()
    data, plan = classes(["a", "b", "c"] * 10)
    prepared = prepare(data.table, plan)
    assert prepared.network.n_outputs == 3
    assert prepared.data.y.tolist() == prepared.training_truth.tolist()


def test_classes_without_a_training_row_are_warned_of() -> None:
    data = ingested(csv_of("x,y", ((i, "new" if i > 27 else "old") for i in range(30))))
    prepared = prepare(data.table, plan_for(data, split={"method": "ordered"}))
    assert [w.code for w in prepared.warnings] == ["untrained_classes"]


def test_rows_of_one_class_that_judge_are_warned_of() -> None:
    data = ingested(csv_of("x,y", ((i, "ab"[i > 9]) for i in range(40))))
    prepared = prepare(data.table, plan_for(data, split={"method": "ordered", "test": 0.1}))
    found = [w.detail.split(" of one")[0] for w in prepared.warnings]
    assert found == ["All validation rows are", "All test rows are"]
    drawn = prepare(data.table, plan_for(data, split={"test": 0.1}))
    assert not drawn.warnings


def test_another_table_than_the_planned_one_is_refused() -> None:
    data, plan = classes(["a", "b", "c"] * 10)
    table = data.table
    for changed, code in (
        (replace(plan, features=("z",)), "unknown_column"),
        (replace(plan, classes=4), "target_classes"),
        (replace(plan, split=replace(plan.split, validation=0.99)), "no_training_rows"),
    ):
        with pytest.raises(TableError) as caught:
            prepare(table, changed)
        assert caught.value.code == code


def test_numbers_too_large_for_the_precision_are_refused_by_column() -> None:
    data = ingested(csv_of("a,x,y", ((i % 7, f"{i}e300", i * 0.3) for i in range(N))))
    assert np.isfinite(prepare(data.table, plan_for(data)).data.X).all()
    exact = plan_for(data, preprocessing="none", training={"precision": "float64"})
    raw = replace(exact, training=replace(exact.training, precision="float32"))
    with pytest.raises(TableError) as caught:
        prepare(data.table, raw)
    assert (caught.value.code, caught.value.column) == ("too_large_number", "x")
    assert np.isfinite(prepare(data.table, exact).data.X).all()
