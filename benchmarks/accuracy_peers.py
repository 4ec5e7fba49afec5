"""scikit-learn's models beside ours, as their documentation has them used: inputs standardised.

A regression's target is standardised for the networks, which cannot do without it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmarks.accuracy_tables import Table

Make = Callable[["Table"], Any]
MLPS = ("sklearn MLP", "sklearn MLP, early stopping")
MAX_CATEGORIES = 100


def cells_of(table: Table) -> NDArray[Any]:
    """The features (N, F) as a matrix of objects: numbers with NaN, categories with None."""
    X = np.empty((len(table.rows), len(table.features)), object)
    for place, name in enumerate(table.features):
        cells = table.column(name)
        if name in table.words:
            X[:, place] = [cell or None for cell in cells]
        else:
            X[:, place] = [float(cell) if cell else np.nan for cell in cells]
    return X


def _constant(table: Table) -> Any:
    return DummyRegressor() if table.is_regression else DummyClassifier(strategy="prior")


def _linear(table: Table) -> Any:
    model = LinearRegression() if table.is_regression else LogisticRegression(max_iter=1_000)
    return make_pipeline(_as_numbers(table), model)


def _mlp(table: Table, *, early_stopping: bool) -> Any:
    if not table.is_regression:
        classifier = MLPClassifier(random_state=0, early_stopping=early_stopping)
        return make_pipeline(_as_numbers(table), classifier)
    regressor = MLPRegressor(random_state=0, early_stopping=early_stopping)
    scaled = TransformedTargetRegressor(regressor, transformer=StandardScaler())
    return make_pipeline(_as_numbers(table), scaled)


def _boosting(table: Table) -> Any:
    numbers, categories = _places(table)
    # Levels beyond 255 are more than it can hold: the rare ones share one.
    levels = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        max_categories=255,
    )
    encoding = ColumnTransformer(
        [("levels", levels, categories), ("numbers", "passthrough", numbers)]
    )
    of_levels = list(range(len(categories)))
    if not table.is_regression:
        model = HistGradientBoostingClassifier(random_state=0, categorical_features=of_levels)
        return make_pipeline(encoding, model)
    model = HistGradientBoostingRegressor(random_state=0, categorical_features=of_levels)
    several = len(table.targets) > 1
    return make_pipeline(encoding, MultiOutputRegressor(model) if several else model)


PEERS: dict[str, Make] = {
    "constant": _constant,
    "linear": _linear,
    MLPS[0]: lambda table: _mlp(table, early_stopping=False),
    MLPS[1]: lambda table: _mlp(table, early_stopping=True),
    "gradient boosting": _boosting,
}
"""By name, a model for a table, not fitted yet; it reads what `cells_of` returns."""


def _as_numbers(table: Table) -> Any:
    numbers, categories = _places(table)
    imputed = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    one_hot = OneHotEncoder(
        handle_unknown="infrequent_if_exist", max_categories=MAX_CATEGORIES, sparse_output=False
    )
    return ColumnTransformer([("numbers", imputed, numbers), ("categories", one_hot, categories)])


def _places(table: Table) -> tuple[list[int], list[int]]:
    """The places of the numbers and of the categories among the features."""
    numbers: list[int] = []
    categories: list[int] = []
    for place, name in enumerate(table.features):
        (categories if name in table.words else numbers).append(place)
    return numbers, categories
