from __future__ import annotations

import pytest

from tests.workers.modelling.tables import Ingested, codes_of, csv_of, ingested, problems_of
from workers.engine.spec import EarlyStoppingSpec
from workers.modelling.plan import ModelPlan, ModelWish
from workers.modelling.recipes import resolve


def numbers(n: int) -> Ingested:
    return ingested(csv_of("x,y", ((i * 0.7, i * i * 0.3) for i in range(n))))


def classes(*counts: int) -> Ingested:
    labels = [f"class {k}" for k, count in enumerate(counts) for _ in range(count)]
    return ingested(csv_of("x,y", ((i * 0.7, label) for i, label in enumerate(labels))))


def plan_of(data: Ingested, **split: object) -> ModelPlan:
    return resolve(ModelWish(target="y", split=split), data.profile)


def test_a_fifth_validates_drawn_in_proportion_to_the_classes() -> None:
    assert plan_of(classes(40, 20)).split.method == "stratified"
    split = plan_of(numbers(60)).split
    assert (split.method, split.validation, split.test) == ("random", 0.2, 0.0)


def test_what_the_user_set_stands() -> None:
    split = plan_of(classes(40, 20), validation=0.1, test=0.3, method="ordered").split
    assert (split.method, split.validation, split.test) == ("ordered", 0.1, 0.3)


def test_a_handful_of_rows_all_train_unless_asked_otherwise() -> None:
    plan = plan_of(numbers(9))
    assert plan.split.validation == 0.0
    assert plan.training.early_stopping is None
    assert [w.code for w in plan.warnings] == ["validation_dropped"]
    assert plan_of(numbers(9), validation=0.2).split.validation == 0.2


def test_classes_too_small_to_divide_are_drawn_at_random() -> None:
    plan = plan_of(classes(*[1] * 11, 2), validation=0.5)
    assert plan.split.method == "random"
    assert [w.code for w in plan.warnings] == ["small_classes"]


def test_classes_with_just_enough_rows_are_divided() -> None:
    assert plan_of(classes(*[2] * 6), validation=0.5).split.method == "stratified"


def test_a_stratified_split_that_cannot_be_made_is_refused() -> None:
    split = {"method": "stratified", "validation": 0.5}
    wish = ModelWish(target="y", split=split)
    mismatch = {"/split/method spec_dataset_mismatch"}
    assert codes_of(classes(*[1] * 11, 2), wish) == mismatch
    assert codes_of(numbers(50), wish) == mismatch
    assert codes_of(classes(10, 10), wish) == set()


def test_a_split_without_training_rows_is_refused() -> None:
    wish = ModelWish(target="y", split={"validation": 0.5, "test": 0.5})
    assert codes_of(numbers(20), wish) == {"/split no_training_rows"}


def test_stopping_by_validation_loss_needs_validation_rows() -> None:
    by_validation = ModelWish(
        target="y", split={"validation": 0.0}, training={"early_stopping": EarlyStoppingSpec()}
    )
    problem = "/training/early_stopping/monitor no_validation_rows"
    assert codes_of(numbers(20), by_validation) == {problem}
    by_training = ModelWish(
        target="y",
        split={"validation": 0.0},
        training={"early_stopping": EarlyStoppingSpec(monitor="train_loss")},
    )
    assert codes_of(numbers(20), by_training) == set()


def visits(*cells: object) -> Ingested:
    """Sixty rows whose column `by` has these cells, in turn."""
    rows = ((i * 0.7, i % 3, cells[i % len(cells)], i * 0.3) for i in range(60))
    return ingested(csv_of("x,z,by,y", rows))


@pytest.mark.parametrize("method", ["group", "column"])
def test_the_column_that_divides_the_rows_is_no_feature(method: str) -> None:
    data = visits("train", "val", "test")
    plan = plan_of(data, method=method, column="by")
    assert plan.features == ("x", "z")
    assert ("feature_dropped", "by") in [(w.code, w.column) for w in plan.warnings]
    wish = ModelWish(target="y", features=("x", "by"), split={"method": method, "column": "by"})
    assert codes_of(data, wish) == {"/features/1 feature_is_split"}


def test_a_column_decides_over_the_fractions_and_says_so() -> None:
    plan = plan_of(visits("train", "val", "train"), method="column", column="by", validation=0.1)
    assert (plan.split.validation, plan.split.test) == (1 / 3, 0.0)
    [warning] = [w for w in plan.warnings if w.code == "no_effect"]
    assert warning.detail == "The column decides which rows are for validation: 0.333 of all."


def test_a_column_that_keeps_none_for_validation_stops_nothing_early() -> None:
    plan = plan_of(visits("train", "test"), method="column", column="by")
    assert plan.split.validation == 0.0
    assert plan.training.early_stopping is None


@pytest.mark.parametrize(
    ("cells", "split", "problem", "limit"),
    [
        ("ab", {"method": "group"}, "missing", None),
        ("ab", {"method": "column"}, "missing", None),
        ("ab", {"method": "random", "column": "by"}, "spec_dataset_mismatch", None),
        ("ab", {"column": "by"}, "spec_dataset_mismatch", None),
        ("ab", {"method": "group", "column": "nobody"}, "unknown_column", None),
        ("ab", {"method": "group", "column": "y"}, "split_is_target", None),
        (("a", "b", None), {"method": "group", "column": "by"}, "missing_group", 0),
        ("ab", {"method": "group", "column": "by", "test": 0.1}, "too_few_groups", 2),
        (("train", None), {"method": "column", "column": "by"}, "missing_part", 0),
        (("train", "dev"), {"method": "column", "column": "by"}, "unknown_part", None),
        (("val", "test"), {"method": "column", "column": "by"}, "no_training_rows", None),
        ((0, 1, 2), {"method": "column", "column": "by"}, "split_column_type", None),
    ],
)
def test_a_column_that_cannot_divide_the_rows_is_refused(
    cells: tuple[object, ...], split: dict[str, object], problem: str, limit: int | None
) -> None:
    [found] = problems_of(visits(*cells), ModelWish(target="y", split=split))
    assert (found.pointer, found.code, found.limit) == ("/split/column", problem, limit)


def test_words_that_name_no_part_are_told_with_how_many_rows_have_them() -> None:
    wish = ModelWish(target="y", split={"method": "column", "column": "by"})
    [found] = problems_of(visits("train", "dev", "Val"), wish)
    assert found.detail == (
        'A cell must be "train", "validation" (or "val", "valid") or "test". '
        'The column also has "dev" in 20 rows.'
    )
    [many] = problems_of(visits("train", *(f"w{n}" for n in range(29))), wish)
    assert many.detail.endswith(" and 24 more words.")
