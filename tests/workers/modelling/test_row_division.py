from __future__ import annotations

from tests.workers.modelling.tables import Ingested, codes_of, csv_of, ingested
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
