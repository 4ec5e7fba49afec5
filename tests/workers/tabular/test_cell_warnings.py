from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np

from tests.workers.tabular.stored import stored
from workers.tabular.cell_warnings import CellWarning, CellWarnings
from workers.tabular.prediction_input import InputReader
from workers.tabular.preprocessing import Preprocessing

TABLE = stored(
    age=[3.0, 10.0, 4.0],
    island=["Dream", "Biscoe", "Dream"],
    sex=["male", None, None],
    alive=[True, False, True],
    day=[datetime(2024, 1, day) for day in (1, 2, 3)],  # noqa: DTZ001
)
ENCODERS = Preprocessing.fit(TABLE, np.arange(3), TABLE.column_names, "standard").encoders
USUAL = {"age": 5, "island": "Dream", "sex": "male", "alive": True, "day": "2024-01-02"}


def warnings_of(**changed: Any) -> list[CellWarning]:
    rows = [USUAL, USUAL | changed]
    return list(CellWarnings(ENCODERS).of(InputReader(ENCODERS).rows(rows)))


def test_usual_cells_need_no_warning() -> None:
    assert warnings_of() == []


def test_what_is_missing_says_what_stands_in_its_place() -> None:
    assert warnings_of(age=None, island=None, alive=None, day=None) == [
        CellWarning(1, "age", "imputed", 4.0),
        CellWarning(1, "alive", "imputed", used=True),
        CellWarning(1, "day", "imputed", "2024-01-02T00:00:00.000Z"),
        CellWarning(1, "island", "imputed", "Dream"),
    ]


def test_missing_is_no_surprise_where_it_is_a_level() -> None:
    assert warnings_of(sex=None) == []


def test_an_unseen_category_stands_at_no_level() -> None:
    assert warnings_of(island="Atlantis") == [CellWarning(1, "island", "unseen_category", None)]


def test_a_number_beyond_the_training_rows_is_used_as_it_is() -> None:
    assert warnings_of(age=10.5, day="2023-12-31") == [
        CellWarning(1, "age", "out_of_range", 10.5),
        CellWarning(1, "day", "out_of_range", "2023-12-31T00:00:00.000Z"),
    ]
    assert warnings_of(age=10, day="2024-01-03") == []
    assert warnings_of(age=3, day="2024-01-01") == []


def test_warnings_come_in_the_order_of_the_rows() -> None:
    rows = [USUAL | {"island": "Atlantis"}, USUAL | {"age": 99}]
    found = CellWarnings(ENCODERS).of(InputReader(ENCODERS).rows(rows))
    assert [(warning.row, warning.column) for warning in found] == [(0, "island"), (1, "age")]
