"""Splits by a column of the table, from a plan to the rows of each part."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.workers.modelling.tables import Ingested, csv_of, ingested
from workers.engine.spec import LbfgsSpec
from workers.modelling.estimator import prepare
from workers.modelling.plan import ModelPlan, ModelWish
from workers.modelling.recipes import resolve
from workers.tabular.errors import TableError

PARTS = ("train", "Train ", "val", "VALID", "validation", "test")


def patients(n: int = 60) -> Ingested:
    """Six visits of each patient; without a number of the third visit's target."""
    rows = ((i * 0.7, f"p{i // 6}", None if i == 2 else i * 0.3) for i in range(n))
    return ingested(csv_of("x,patient,y", rows))


def marked(parts: tuple[str, ...] = PARTS, *, without_y: str = "") -> Ingested:
    rows = ((i, parts[i % len(parts)]) for i in range(60))
    lines = ((i * 0.7, part, None if part == without_y else i * i * 0.3) for i, part in rows)
    return ingested(csv_of("x,part,y", lines))


def plan_of(data: Ingested, **split: object) -> ModelPlan:
    return resolve(ModelWish(target="y", split=split), data.profile)


def test_a_patient_is_in_one_part_alone() -> None:
    data = patients()
    split = prepare(
        data.table, plan_of(data, method="group", column="patient", validation=0.2, test=0.2)
    ).split
    names = np.array(data.table["patient"].to_pylist())
    there = [set(names[rows]) for rows in (split.train, split.validation, split.test)]
    assert [len(found) for found in there] == [6, 2, 2]
    assert len(set.union(*there)) == 10
    everybody = np.concatenate([split.train, split.validation, split.test])
    assert sorted(everybody.tolist()) == [row for row in range(60) if row != 2]


@pytest.mark.parametrize("column", ["hour", "flag", "day"])
def test_numbers_truths_and_days_are_groups_too(column: str) -> None:
    rows = ((i * 0.7, i // 6, i % 2 == 0, f"2024-01-{1 + i % 7:02}", i * 0.3) for i in range(60))
    data = ingested(csv_of("x,hour,flag,day,y", rows))
    split = prepare(data.table, plan_of(data, method="group", column=column)).split
    cells = np.array([str(cell) for cell in data.table[column].to_pylist()])
    assert not set(cells[split.train]) & set(cells[split.validation])
    assert len(split.train) + len(split.validation) == 60


def test_rows_go_where_their_cells_say() -> None:
    data = marked()
    plan = plan_of(data, method="column", column="part")
    assert (plan.split.validation, plan.split.test) == (0.5, 10 / 60)
    split = prepare(data.table, plan).split
    assert [set(rows % 6) for rows in (split.train, split.validation, split.test)] == [
        {0, 1}, {2, 3, 4}, {5},
    ]  # fmt: skip


def test_the_same_plan_says_the_same_again() -> None:
    data = marked()
    plan = plan_of(data, method="column", column="part")
    wished = {"method": "column", "column": "part", "validation": 0.5, "test": 10 / 60}
    again = plan_of(data, **wished)
    assert again == plan
    assert [w.code for w in again.warnings] == ["feature_dropped"]


def test_l_bfgs_takes_all_rows_of_a_split_whose_sizes_are_not_known_before() -> None:
    data = patients()
    wish = ModelWish(
        target="y",
        network="linear",
        split={"method": "group", "column": "patient"},
        training={"optimizer": LbfgsSpec()},
    )
    plan = resolve(wish, data.profile)
    assert plan.training.batch_size >= len(prepare(data.table, plan).data.X)


def test_validation_rows_that_have_no_target_are_pointed_out() -> None:
    data = marked(("train", "train", "val"), without_y="val")
    plan = plan_of(data, method="column", column="part")
    with pytest.raises(TableError, match="no row that has a target is for validation") as caught:
        prepare(data.table, plan)
    assert caught.value.code == "no_validation_rows"


@pytest.mark.parametrize(
    ("method", "code"), [("group", "missing_group"), ("column", "unknown_part")]
)
def test_a_cell_that_says_nothing_is_named_by_its_row(method: str, code: str) -> None:
    whole, broken = marked(), marked((*PARTS[:2], "val", "NA", "test"))
    plan = plan_of(whole, method=method, column="part")
    with pytest.raises(TableError, match="row 4: ") as caught:
        prepare(broken.table, plan)
    assert (caught.value.code, caught.value.row) == (code, 4)


def test_a_table_without_the_column_is_refused() -> None:
    data = marked()
    plan = plan_of(data, method="column", column="part")
    other = replace(plan, split=replace(plan.split, column="nobody"))
    with pytest.raises(TableError) as caught:
        prepare(data.table, other)
    assert caught.value.code == "unknown_column"
