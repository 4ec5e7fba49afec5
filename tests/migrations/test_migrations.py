"""The migrations make the tables, and can be taken back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from sqlalchemy import inspect

from service.settings import Limits
from service.store import migrate
from service.store.blobs import Blobs
from service.store.db import Sessions, make_engine
from service.store.tables import Base
from tests.service.usecases.world import RememberingBroker, World, progress

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    return str(request.getfixturevalue("postgres").create(f"empty_{uuid4().hex}"))


def tables_of(url: str) -> set[str]:
    engine = make_engine(url)
    names = set(inspect(engine).get_table_names())
    engine.dispose()
    return names


def test_the_migrations_make_exactly_the_tables(empty_url: str) -> None:
    migrate.upgrade(empty_url)
    migrate.check(empty_url)
    assert tables_of(empty_url) == set(Base.metadata.tables) | {"alembic_version"}


def test_the_migrations_can_be_taken_back_and_run_again(empty_url: str) -> None:
    migrate.upgrade(empty_url)
    migrate.downgrade(empty_url)
    assert tables_of(empty_url) == {"alembic_version"}
    migrate.upgrade(empty_url)
    assert migrate.is_current(empty_url)


def test_a_database_that_differs_from_the_tables_is_noticed(empty_url: str) -> None:
    migrate.upgrade(empty_url)
    engine = make_engine(empty_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN forgotten INTEGER")
    engine.dispose()
    with pytest.raises(Exception, match="forgotten"):
        migrate.check(empty_url)


def test_upgrading_again_changes_nothing(empty_url: str) -> None:
    migrate.upgrade(empty_url)
    before = tables_of(empty_url)
    migrate.upgrade(empty_url)
    assert tables_of(empty_url) == before


def test_metrics_survive_a_downgrade_bit_by_bit(empty_url: str) -> None:
    migrate.upgrade(empty_url)
    sessions = Sessions(make_engine(empty_url))
    world = World(sessions, Blobs(), RememberingBroker(), Limits.model_validate({}))
    run = world.create()
    fence = world.claim(run.id).fence
    world.leases.record(run.id, fence, progress(1, metrics={"train_loss": 0.1 + 0.2}))
    diverging = {"train_loss": 5e-324, "val_loss": math.inf, "val_r2": -math.inf}
    world.leases.record(run.id, fence, progress(2, metrics=diverging))
    before = world.runs.metrics(world.project_id, run.id)
    sessions.dispose()
    migrate.downgrade(empty_url, "0004")
    assert "metrics" in tables_of(empty_url)
    migrate.upgrade(empty_url)
    after = world.runs.metrics(world.project_id, run.id)
    sessions.dispose()
    assert before.series["train_loss"] == [0.1 + 0.2, 5e-324]
    assert before.nonfinite == {"val_loss": {"2": "inf"}, "val_r2": {"2": "-inf"}}
    assert after == before
