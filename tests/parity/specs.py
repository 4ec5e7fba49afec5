"""Specifications as plain data and back, so that a case can be stored and read by either side."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any, TypeVar

from tests.parity import catalogue
from workers.engine import spec

Plain = dict[str, Any]
Spec = TypeVar("Spec")

_BY_TYPE: dict[str, dict[str, type[Any]]] = {
    "layers": {member.type: member for member in catalogue.LAYERS},
    "loss": {member.type: member for member in catalogue.LOSSES},
    "optimizer": {member.type: member for member in catalogue.OPTIMIZERS},
    "schedule": {member.type: member for member in catalogue.SCHEDULES},
}
_BY_FIELD: dict[str, type[Any]] = {
    "output": spec.OutputSpec,
    "embeddings": spec.EmbeddingSpec,
    "numeric_embeddings": spec.NumericEmbeddingSpec,
    "early_stopping": spec.EarlyStoppingSpec,
}


def to_plain(value: Any) -> Plain:
    """Every field of a specification, defaults included."""
    return asdict(value)


def loss(plain: Plain) -> spec.Loss:
    """The loss that `to_plain` described."""
    found: spec.Loss = _member("loss", plain)
    return found


def optimizer(plain: Plain) -> spec.Optimizer:
    """The optimiser that `to_plain` described."""
    found: spec.Optimizer = _member("optimizer", plain)
    return found


def schedule(plain: Plain) -> spec.Schedule:
    """The schedule that `to_plain` described."""
    found: spec.Schedule = _member("schedule", plain)
    return found


def layer(plain: Plain) -> spec.Layer:
    """The layer that `to_plain` described."""
    found: spec.Layer = _member("layers", plain)
    return found


def network(plain: Plain) -> spec.NetworkSpec:
    """The network that `to_plain` described."""
    return _dataclass(spec.NetworkSpec, plain)


def training(plain: Plain) -> spec.TrainingSpec:
    """The training that `to_plain` described."""
    return _dataclass(spec.TrainingSpec, plain)


def _member(field: str, plain: Plain) -> Any:
    return _dataclass(_BY_TYPE[field][plain["type"]], plain)


def _dataclass(kind: type[Spec], plain: Plain) -> Spec:
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: _value(name, value) for name, value in plain.items() if name in known})


def _value(field: str, value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(_value(field, item) for item in value)
    if not isinstance(value, dict):
        return value
    if field in _BY_TYPE:
        return _member(field, value)
    if field in _BY_FIELD:
        return _dataclass(_BY_FIELD[field], value)
    return value
