from __future__ import annotations

import pytest

from tests.workers.modelling.tables import Ingested, codes_of, csv_of, ingested
from workers.modelling.plan import ModelWish, PlanLimits, Task
from workers.modelling.recipes import resolve

N = 200


def with_target(values: list[object]) -> Ingested:
    return ingested(csv_of("x,y", ((f"{i * 0.37:.2f}", y) for i, y in enumerate(values))))


def task_of(values: list[object]) -> tuple[Task, int | None]:
    plan = resolve(ModelWish(target="y"), with_target(values).profile)
    return plan.task, plan.classes


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["yes", "no"] * 20, ("binary", 2)),
        (["true", "false"] * 20, ("binary", 2)),
        (["a", "b", "c"] * 20, ("multiclass", 3)),
        ([0, 1] * 20, ("binary", 2)),
        ([0, 1, 1, 0], ("binary", 2)),
        ([-1, 1, 1, -1], ("binary", 2)),
        ([i % 10 for i in range(N)], ("multiclass", 10)),
        ([(1, 2, 3, 5, 6, 7)[i % 6] for i in range(N)], ("multiclass", 6)),
        ([i % 20 for i in range(200)], ("multiclass", 20)),
        ([i % 20 for i in range(199)], ("regression", None)),
        ([i % 21 for i in range(10 * 21)], ("regression", None)),
        ([2 * i + 1 for i in range(10)], ("regression", None)),
        ([3, 5], ("regression", None)),
        ([0.5 * (i % 4) for i in range(N)], ("regression", None)),
        ([i * i for i in range(N)], ("regression", None)),
    ],
)
def test_the_task_follows_from_the_target(
    values: list[object], expected: tuple[Task, int | None]
) -> None:
    assert task_of(values) == expected


@pytest.mark.parametrize(
    ("values", "task", "classes"),
    [
        ([i % 3 for i in range(N)], "regression", None),
        ([0, 1] * 20, "multiclass", 2),
        ([i % 30 for i in range(N)], "multiclass", 30),
        ([0.5 * (i % 4) for i in range(N)], "multiclass", 4),
    ],
)
def test_a_task_that_the_user_set_stands(
    values: list[object], task: Task, classes: int | None
) -> None:
    plan = resolve(ModelWish(target="y", task=task), with_target(values).profile)
    assert (plan.task, plan.classes) == (task, classes)


@pytest.mark.parametrize(
    ("values", "task", "problem"),
    [
        (["a", "b"] * 10, "regression", "/task spec_dataset_mismatch"),
        (["true", "false"] * 10, "regression", "/task spec_dataset_mismatch"),
        (["a", "b", "c"] * 10, "binary", "/task spec_dataset_mismatch"),
        (["a"] * 20, None, "/target one_class"),
        ([7] * 20, None, "/target constant_target"),
        ([None] * 20, None, "/target missing_target"),
        (["2024-01-01", "2024-01-02"] * 10, None, "/target target_type"),
    ],
)
def test_a_target_that_cannot_be_learned_is_refused(
    values: list[object], task: Task | None, problem: str
) -> None:
    assert codes_of(with_target(values), ModelWish(target="y", task=task)) == {problem}


def test_more_classes_than_the_limit_are_refused() -> None:
    data = with_target([f"class {i % 11}" for i in range(N)])
    wish = ModelWish(target="y")
    assert codes_of(data, wish, PlanLimits(classes=11)) == set()
    assert codes_of(data, wish, PlanLimits(classes=10)) == {"/target too_many_classes"}


def test_an_unknown_target_is_reported_beside_unknown_features() -> None:
    wish = ModelWish(target="z", features=("x", "nothing"))
    found = codes_of(with_target([1.5, 2.5, 3.5]), wish)
    assert found == {"/target unknown_column", "/features/1 unknown_column"}
