"""What a wish becomes on a table: the recipes, and what the user set over them.

Only the table's profile is read, so that the API can resolve a run before it accepts it. Every
decision is a function of the wish and the profile.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from workers.engine.spec import DenseSpec, NetworkSpec
from workers.modelling import auto_recipe, realmlp_recipe, tabm_recipe
from workers.modelling.embedding_choice import check_embeddings
from workers.modelling.feature_choice import choose_features
from workers.modelling.findings import Findings
from workers.modelling.hidden_layers import check_layers, check_residuals, resolve_network
from workers.modelling.output_layer import resolve_output
from workers.modelling.plan import ModelPlan, ModelWish, PlanLimits
from workers.modelling.planned_inputs import first_width, planned_network, written_network
from workers.modelling.precision_checks import check_precision
from workers.modelling.preprocessing_checks import check_preprocessing
from workers.modelling.row_division import divide
from workers.modelling.size_checks import check_size
from workers.modelling.target_task import decide_target
from workers.modelling.training_choice import (
    SMALL_TABLE,
    check_training,
    defaults_for,
    resolve_training,
)
from workers.modelling.weight_checks import check_weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workers.modelling.auto_recipe import AutoRecipe
    from workers.modelling.output_layer import Output
    from workers.modelling.plan import Recipe
    from workers.modelling.row_division import Division
    from workers.modelling.target_task import Target
    from workers.tabular.profile import ColumnProfile, TableProfile

DEFAULT_LIMITS = PlanLimits()

RECIPES: Mapping[Recipe, str] = {
    "auto": (
        "Decided from rows, columns and levels, and told with reasons: two hidden layers of 128 "
        "SiLU units with dropout and a linear path beside them; numbers scaled robustly, clipped, "
        "and in quantile bins; levels one-hot, above 100 of them as learned vectors; AdamW with "
        "one cycle of its rate, the best epoch by val_loss kept; predicted numbers stay within "
        "the range of the training rows."
    ),
    "tabm": (
        "Up to 32 networks in one that share most of their weights, as many as the rows allow: "
        "three hidden layers of ReLU with dropout, numbers in quantile bins, AdamW, stopped early "
        "on val_loss (TabM, Gorishniy et al. 2024)."
    ),
    "realmlp": (
        "Three hidden layers of 128 units, SELU for classes and Mish for numbers, behind a scaling "
        "layer that is learned fast; numbers scaled robustly and clipped, AdamW with four waves of "
        "its rate (coslog4), the best epoch by val_loss kept (RealMLP-TD-S with dropout and decay, "
        "Holzmueller et al. 2024)."
    ),
    "mlp": (
        "Two hidden layers, 32 units of tanh where fewer than 2,000 rows train and 128 of ReLU "
        "otherwise; Adam, batches and epochs by the number of rows, stopped early on val_loss."
    ),
    "linear": (
        "No hidden layer: a linear, logistic or softmax regression, whose report has the "
        "coefficients."
    ),
}
"""The networks that need not be written out, in words."""


def resolve(
    wish: ModelWish, profile: TableProfile, limits: PlanLimits = DEFAULT_LIMITS
) -> ModelPlan:
    """The plan for a wish: what the user set stands, the recipe decides the rest.

    Raises PlanError with every problem found, by pointers into the run's request.
    """
    findings = Findings()
    target = decide_target(wish, profile, limits.classes, findings)
    features = choose_features(wish, profile, wish.preprocessing or "standard", findings)
    check_embeddings(wish.embeddings, features, profile, findings)
    division = divide(wish, target, profile, findings) if target else None
    made = _made(wish, target, features, division) if target and division else None
    method = made.preprocessing if made else wish.preprocessing or "standard"
    check_preprocessing(method, wish, features, profile, findings)
    # Columns that are not there have no width that a layer could be compared with.
    width = None if findings.problems else first_width(features, written_network(wish), method)
    if target is None or division is None:
        raise findings.error()
    output = resolve_output(wish, target, method, findings)
    plan = _plan(wish, target, features, division, output, made)
    network, training = plan.network, plan.training
    check_residuals(network.layers, width, findings)
    check_layers(network, training, findings)
    check_training(training, target.task, division, findings)
    check_weights(training, target, profile, findings)
    check_precision(plan, profile, findings)
    if not findings.problems:
        check_size(planned_network(plan, profile), training, division, limits, findings)
    if findings.problems:
        raise findings.error()
    return replace(plan, warnings=findings.warnings)


def _plan(
    wish: ModelWish,
    target: Target,
    features: tuple[ColumnProfile, ...],
    division: Division,
    output: Output,
    made: AutoRecipe | None,
) -> ModelPlan:
    recipe, hidden = _network(wish, division.n_train, made)
    defaults = made.training if made else defaults_for(recipe, hidden, division)
    return ModelPlan(
        target=wish.target,
        features=tuple(column.name for column in features),
        task=target.task,
        classes=target.classes,
        network=resolve_network(hidden, output.activation),
        preprocessing=made.preprocessing if made else wish.preprocessing or "standard",
        training=resolve_training(wish, defaults, division, output.loss),
        split=division.spec,
        seed=wish.seed,
        recipe=recipe,
        reasons=made.reasons if made else (),
    )


def _made(
    wish: ModelWish, target: Target, features: tuple[ColumnProfile, ...], division: Division
) -> AutoRecipe | None:
    """What a recipe that looks at the table makes of it; None of any other network."""
    if wish.network == "auto":
        return auto_recipe.decide(wish, features, division, target.classes)
    if wish.network == "tabm":
        return tabm_recipe.decide(wish, features, division)
    if wish.network == "realmlp":
        return realmlp_recipe.decide(wish, features, division, target.task)
    return None


def _network(wish: ModelWish, n_train: int, made: AutoRecipe | None) -> tuple[str, NetworkSpec]:
    if made is not None:
        return str(wish.network), made.network
    if isinstance(wish.network, NetworkSpec):
        return "custom", wish.network
    if wish.network == "linear":
        return "linear", NetworkSpec()
    return "mlp", _mlp(n_train)


def _mlp(n_train: int) -> NetworkSpec:
    """Two hidden layers; on small tables the smooth tanh generalised better than ReLU."""
    if n_train < SMALL_TABLE:
        layer = DenseSpec(units=32, activation="tanh")
    else:
        layer = DenseSpec(units=128, activation="relu")
    return NetworkSpec(layers=(layer, layer))
