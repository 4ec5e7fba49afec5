from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from service.cli.learning_curve import learning_curve, sparkline
from service.cli.progress import EpochProgress, follow
from service.cli.progress_views import PLAIN_LINES, progress_view
from service.schemas.events import Event
from service.schemas.runs import MetricSeries
from tests.service.client import wire_examples as wire

START = datetime(2026, 1, 2, tzinfo=UTC)


def _event(example: dict[str, Any], after_s: float) -> Event:
    at = (START + timedelta(seconds=after_s)).isoformat()
    return Event.model_validate_json(json.dumps(example | {"created_at": at}))


class Seen:
    """A view that remembers."""

    def __init__(self) -> None:
        self.epochs: list[EpochProgress] = []
        self.others: list[str] = []

    def show_epoch(self, progress: EpochProgress) -> None:
        self.epochs.append(progress)

    def show_event(self, event: Event) -> None:
        self.others.append(event.type)


def test_the_time_left_goes_on_at_the_pace_so_far() -> None:
    view = Seen()
    events = [
        _event(wire.status_event(1, "running"), 10.0),
        _event(wire.epoch_event(2, 20), 14.0),
        _event(wire.epoch_event(3, 100), 30.0),
    ]
    follow(events, 100, view)
    # 20 epochs in 4 s: 80 more in 16 s.
    assert [epoch.eta_s for epoch in view.epochs] == [16.0, 0.0]
    assert view.others == ["run.status_changed"]


def test_a_line_has_loss_quality_and_time_left() -> None:
    metrics = {"val_loss": 0.5, "train_loss": 0.25, "val_accuracy": 0.96875}
    line = EpochProgress(3, 10, metrics, 61.2).describe()
    assert line.split() == ["loss", "0.25", "val_accuracy", "0.9688", "ETA", "0:01:02"]


def test_a_loss_that_is_not_finite_is_left_out() -> None:
    view = Seen()
    lost = wire.event(1, "epoch.completed", epoch=1, metrics={"train_loss": None, "val_loss": 0.5})
    follow([_event(lost, 0.0)], 10, view)
    assert view.epochs[0].metrics == {"val_loss": 0.5}
    assert view.epochs[0].describe() == "val_loss 0.5"


def test_a_log_gets_some_lines_and_the_last_epoch() -> None:
    text = io.StringIO()
    with progress_view(Console(file=text, width=80), "y") as view:
        for epoch in range(1, 994):
            view.show_epoch(EpochProgress(epoch, 1000, {"train_loss": 1 / epoch}, 1.0))
    lines = text.getvalue().splitlines()
    assert len(lines) <= PLAIN_LINES + 2
    assert lines[0].split()[:2] == ["epoch", "1/1000"] or "1/1000" in lines[0]
    assert "993/1000" in lines[-1]


@pytest.mark.parametrize("is_terminal", [False, True], ids=["log", "terminal"])
def test_the_folds_are_told_behind_the_last_epoch(is_terminal: bool) -> None:
    text = io.StringIO()
    console = Console(file=text, width=80, force_terminal=is_terminal, color_system=None)
    fold = wire.event(5, code="fold", fold=1, folds=2) | {"message": "Fold 1 of 2: rmse 0.5"}
    with progress_view(console, "y") as view:
        view.show_epoch(EpochProgress(1, 20, {"train_loss": 1.0}, None))
        view.show_epoch(EpochProgress(2, 20, {"train_loss": 0.5}, None))
        view.show_event(_event(wire.event(4), 0.0))
        view.show_event(_event(fold, 0.0))
    said = text.getvalue()
    assert (said.count("Fold 1 of 2: rmse 0.5"), "event 4" in said) == (1, False)
    if not is_terminal:
        assert said.index("2/20") < said.index("Fold 1 of 2")


def test_a_terminal_gets_one_line_of_its_width() -> None:
    text = io.StringIO()
    terminal = Console(file=text, width=80, force_terminal=True, color_system=None)
    metrics = {"train_loss": 0.12345, "val_accuracy": 0.98765}
    with progress_view(terminal, "species") as view:
        view.show_epoch(EpochProgress(57, 200, metrics, 3.0))
    last = text.getvalue().rstrip("\n").split("\r")[-1].split("\n")[-1]
    for part in ("species", "57/200", "loss 0.1235", "val_accuracy 0.9877", "ETA 0:00:03"):
        assert part in text.getvalue()
    assert len(last) <= 80 + 10


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], "▁▂▃▄▅▆▇█"),
        ([float(n) for n in range(800)], "▁▂▃▄▅▆▇█"),
        ([1.0, None, 0.0], "█ ▁"),
        ([5.0, 5.0], "▁▁"),
        ([None], " "),
        ([], ""),
    ],
)
def test_a_sparkline_shows_the_whole_curve(values: list[float | None], drawn: str) -> None:
    assert sparkline(values, width=8) == drawn


def test_a_learning_curve_names_its_ends() -> None:
    series: dict[str, list[float | None]] = {
        "val_mae": [3.0, 2.0],
        "val_loss": [1.0, None],
        "train_loss": [2.0, 0.5],
        "learning_rate": [],
    }
    lines = learning_curve(MetricSeries(epochs=[1, 2], series=series, nonfinite={}))
    assert [line.split() for line in lines] == [
        ["train_loss", "█▁", "2", "to", "0.5"],
        ["val_loss", "▁", "1", "to", "not", "finite"],
        ["val_mae", "█▁", "3", "to", "2"],
    ]
