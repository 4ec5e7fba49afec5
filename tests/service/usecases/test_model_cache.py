"""Models in memory: bounded by bytes, forgotten in time, apart by project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from service.usecases.model_cache import (
    LATEST_SECONDS,
    RECHECK_SECONDS,
    LoadedModel,
    ModelCache,
)

if TYPE_CHECKING:
    from datetime import datetime

    from workers.modelling.fitted import FittedModel


class HandClock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        raise NotImplementedError

    def monotonic_s(self) -> float:
        return self.seconds


def _model(model_id: str, n_bytes: int = 1) -> LoadedModel:
    return LoadedModel(model_id, cast("FittedModel", cast("Any", object())), n_bytes)


def test_the_least_recently_used_makes_room() -> None:
    cache = ModelCache(HandClock(), max_bytes=10)
    cache.put("p", _model("a", 5))
    cache.put("p", _model("b", 5))
    assert cache.get("p", "a") is not None
    cache.put("p", _model("c", 5))
    assert cache.get("p", "b") is None
    assert cache.get("p", "a") is not None
    assert cache.get("p", "c") is not None


def test_one_that_is_larger_than_the_bound_is_kept_alone() -> None:
    cache = ModelCache(HandClock(), max_bytes=10)
    cache.put("p", _model("a", 5))
    cache.put("p", _model("b", 50))
    assert cache.get("p", "a") is None
    assert cache.get("p", "b") is not None


def test_putting_a_model_again_counts_its_bytes_once() -> None:
    cache = ModelCache(HandClock(), max_bytes=10)
    for _ in range(5):
        cache.put("p", _model("a", 5))
    cache.put("p", _model("b", 5))
    assert cache.get("p", "a") is not None


def test_a_project_does_not_see_the_models_of_another() -> None:
    cache = ModelCache(HandClock())
    cache.put("p", _model("a"))
    cache.remember("p", "a", "a")
    assert cache.get("q", "a") is None
    assert cache.recall("q", "a") is None


def test_what_a_reference_means_is_asked_again_after_a_moment() -> None:
    clock = HandClock()
    cache = ModelCache(clock)
    cache.put("p", _model("a"))
    for ref, seconds in (("a", RECHECK_SECONDS), ("n:1", RECHECK_SECONDS), ("n", LATEST_SECONDS)):
        clock.seconds = 0.0
        cache.remember("p", ref, "a")
        clock.seconds = seconds * 0.9
        assert cache.recall("p", ref) is not None
        clock.seconds = seconds * 1.1
        assert cache.recall("p", ref) is None
