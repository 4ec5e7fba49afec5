"""The catalogue: everything that a network or a training can be made of, from its declaration.

Nothing is written here twice: names, formulas, ranges and defaults are those of the engine's
specification, and which goes with which is what the library of models itself goes by.
"""

from __future__ import annotations

import inspect
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, get_args

import orjson

from service.schemas.catalog import CatalogEntry
from service.schemas.runs import Task
from service.schemas.wire import Page
from service.usecases.catalog_parameters import parameters_of
from workers.engine.layers.initializers import default_for
from workers.engine.spec import (
    ACTIVATIONS,
    INITIALIZERS,
    METRICS,
    Activation,
    DenseSpec,
    EmbeddingSpec,
    Formula,
    Layer,
    Loss,
    NetworkSpec,
    NumericEmbeddingSpec,
    Optimizer,
    OutputActivation,
    OutputSpec,
    Schedule,
)
from workers.modelling.output_layer import PAIRS
from workers.modelling.recipes import RECIPES
from workers.tabular.spec import (
    TRANSFORMS,
    CategoricalSpec,
    ColumnSpec,
    DatetimeSpec,
    NumericSpec,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from service.schemas.catalog import CatalogParameter, Subject


@lru_cache
def catalog(subject: Subject) -> Page[CatalogEntry]:
    """Return every entry of a subject, in the order of its declaration."""
    return Page(data=list(_SUBJECTS[subject]()))


def _activations() -> Iterator[CatalogEntry]:
    for name in get_args(Activation):
        is_output = name in get_args(OutputActivation)
        places = ["hidden", "output"] if is_output else ["hidden"]
        losses = _in_pairs(loss for _, activation, loss in _PAIRS if activation == name)
        yield _entry(
            name,
            "The function behind the sums z of a layer.",
            ACTIVATIONS[name],
            places=places,
            losses=losses,
        )


def _losses() -> Iterator[CatalogEntry]:
    for spec in _members(Loss):
        tasks = _in_pairs(task for task, _, loss in _PAIRS if loss == spec.type)
        outputs = _in_pairs(activation for _, activation, loss in _PAIRS if loss == spec.type)
        yield _entry_of(spec, spec.type, tasks=tasks, outputs=outputs)


_PAIRS = [(task, pair.activation, pair.loss.type) for task in PAIRS for pair in PAIRS[task]]


def _in_pairs(names: Iterator[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _initializers() -> Iterator[CatalogEntry]:
    for name, formula in INITIALIZERS.items():
        # Of the layer that is initialised, and read by this initialiser alone.
        own = [p for p in parameters_of(DenseSpec) if p.name == _VALUE_OF.get(name)]
        default_of = [each for each in get_args(Activation) if default_for(each) == name]
        description = "How the weights W (I, O) of a layer start: I inputs, O units."
        yield _entry(name, description, formula, parameters=own, default_of=default_of)


_VALUE_OF = {"constant": "initial_value"}


def _layers() -> Iterator[CatalogEntry]:
    yield from _of(Layer)
    yield _entry_of(OutputSpec, "output")
    yield _entry_of(EmbeddingSpec, "embedding")
    yield _entry_of(NumericEmbeddingSpec, "numeric_embedding")
    yield _entry_of(NetworkSpec, "network")


def _metrics() -> Iterator[CatalogEntry]:
    description = "Known after every epoch; early stopping and the best epoch can go by it."
    for name, metric in METRICS.items():
        formula = Formula(metric.formula, None, "")
        yield _entry(name, description, formula, tasks=metric.tasks, better=metric.better)


def _recipes() -> Iterator[CatalogEntry]:
    for name, description in RECIPES.items():
        yield _entry(name, description, None)


def _preprocessing() -> Iterator[CatalogEntry]:
    for spec, name in _COLUMN_SPECS.items():
        yield _entry_of(spec, name)
    for name, transform in TRANSFORMS.items():
        formula = Formula(transform.formula, None, transform.source)
        yield _entry(name, f"Asked for by {transform.wish}.", formula)


_COLUMN_SPECS = {
    NumericSpec: "numeric",
    CategoricalSpec: "categorical",
    DatetimeSpec: "datetime",
    ColumnSpec: "columns",
}


def _of(union: Any) -> Iterator[CatalogEntry]:
    return (_entry_of(spec, spec.type) for spec in _members(union))


_SUBJECTS: Mapping[Subject, Callable[[], Iterator[CatalogEntry]]] = {
    "activations": _activations,
    "losses": _losses,
    "optimizers": partial(_of, Optimizer),
    "schedules": partial(_of, Schedule),
    "initializers": _initializers,
    "layers": _layers,
    "metrics": _metrics,
    "recipes": _recipes,
    "preprocessing": _preprocessing,
}


def _members(union: Any) -> tuple[Any, ...]:
    """Return the classes of a tagged union."""
    return get_args(get_args(union)[0])


def _entry_of(spec: Any, name: str, **more: Any) -> CatalogEntry:
    description = inspect.cleandoc(spec.__doc__).partition("\n\n")[0].replace("\n", " ")
    formula = getattr(spec, "formula", None)
    return _entry(name, description, formula, parameters=parameters_of(spec), **more)


def _entry(name: str, description: str, formula: Formula | None, **more: Any) -> CatalogEntry:
    plain = {
        "name": name,
        "description": description,
        "formula": formula and formula.formula,
        "derivative": formula and formula.derivative,
        # What is as old as the hills has no source.
        "source": (formula and formula.source) or None,
        "tasks": get_args(Task),
    }
    # Through JSON, from which a strict model takes a tuple for an array.
    return CatalogEntry.model_validate_json(orjson.dumps(plain | more, default=_plain))


def _plain(parameter: CatalogParameter) -> dict[str, Any]:
    return parameter.model_dump()
