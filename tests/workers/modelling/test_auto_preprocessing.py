"""What auto makes of dates and of rare levels."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from tests.workers.modelling.tables import csv_of, ingested, trained
from workers.modelling.plan import ModelPlan, ModelWish
from workers.modelling.recipes import resolve
from workers.tabular.spec import DatetimeSpec, PreprocessingSpec


def preprocessing_of(plan: ModelPlan) -> PreprocessingSpec:
    assert isinstance(plan.preprocessing, PreprocessingSpec)
    return plan.preprocessing


def test_a_season_a_weekend_and_a_delay_are_learned_from_dates() -> None:
    rng = np.random.default_rng(3)
    rows = []
    for hours, delay in rng.integers((0, 5), (8_760, 400), (700, 2)).tolist():
        ordered = datetime(2023, 1, 1) + timedelta(hours=hours)  # noqa: DTZ001 - as tables write it
        season = 3 * np.sin(2 * np.pi * ordered.month / 12)
        y = season + 2 * (ordered.weekday() > 4) + 0.2 * delay / 24
        shipped = ordered + timedelta(hours=delay)
        rows.append((ordered.isoformat(), shipped.isoformat(), round(float(y), 4)))
    data = ingested(csv_of("ordered,shipped,y", rows))

    def unexplained(wish: ModelWish) -> float:
        run = trained(data, wish)
        held_out = run.prepared.validation
        assert held_out is not None
        outputs = run.prepared.target.decode(run.model.outputs(held_out.X))  # type: ignore[union-attr]
        return float(np.var(outputs - held_out.truth) / np.var(held_out.truth))

    wish = ModelWish(target="y")
    plan = resolve(wish, data.profile)
    spec = preprocessing_of(plan)
    assert spec.datetime == DatetimeSpec(
        parts=("month", "day_of_week", "hour"), cyclic=True, differences=True
    )
    assert any(reason.startswith("The days between") for reason in plan.reasons)
    bare = PreprocessingSpec(numeric=spec.numeric, categorical=spec.categorical)
    assert unexplained(wish) < unexplained(ModelWish(target="y", preprocessing=bare)) / 3


def test_tables_without_dates_hear_nothing_of_them() -> None:
    data = ingested(csv_of("x,y", ((i / 10, i / 5) for i in range(60))))
    plan = resolve(ModelWish(target="y"), data.profile)
    assert preprocessing_of(plan).datetime == DatetimeSpec()
    assert not any("dates" in reason.lower() for reason in plan.reasons)


def test_levels_of_a_single_row_stand_together() -> None:
    rows = [(f"rare {i}" if i % 7 == 0 else "ab"[i % 2], i % 5 / 2) for i in range(140)]
    run = trained(ingested(csv_of("word,y", rows)), ModelWish(target="y", training={"epochs": 2}))
    names = run.prepared.preprocessing.outputs
    assert len(names) < 10
    answers = run.model.predict_rows([{"word": "rare 0"}, {"word": "never seen"}])
    assert answers.values is not None
    assert answers.values[0] == answers.values[1]
