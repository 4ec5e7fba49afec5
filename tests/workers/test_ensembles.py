"""Ensembles: networks of several seeds, trained side by side, that answer together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import safetensors.numpy

from tests.workers.modelling.tables import PENGUINS, codes_of, ingested
from workers.computing import kernels_for
from workers.engine.kernels.plain import PLAIN
from workers.engine.spec import EarlyStoppingSpec, LbfgsSpec, SgdSpec
from workers.engine.training import TrainingState, train
from workers.fit import Fit, initial_states
from workers.modelling.checkpoint_weights import parameters_of
from workers.modelling.codec import (
    CodecError,
    model_from_bytes,
    model_to_bytes,
    states_from_bytes,
    weights_from_state,
)
from workers.modelling.estimator import Prepared, prepare
from workers.modelling.plan import ModelPlan, ModelWish, PlanLimits
from workers.modelling.recipes import resolve

if TYPE_CHECKING:
    from typing import Any

    from workers.engine.kernels.contract import Kernels

DATA = ingested(PENGUINS)
MEMBERS = 3
NATIVE = kernels_for("cpu")


def planned(target: str = "species", **training: Any) -> ModelPlan:
    wished = {"epochs": 12, "members": MEMBERS, **training}
    return resolve(ModelWish(target=target, training=wished, seed=5), DATA.profile)


def begun(plan: ModelPlan, prepared: Prepared) -> Fit:
    return Fit(
        prepared, plan.training, plan.seed, initial_states(prepared, plan.training, plan.seed)
    )


def ended(plan: ModelPlan, kernels: Kernels = NATIVE) -> tuple[Prepared, Fit, list[Any]]:
    prepared = prepare(DATA.table, plan)
    fit = begun(plan, prepared)
    epochs = [epoch for epoch in fit.epochs(kernels) if epoch is not None]
    return prepared, fit, epochs


STOPPING = EarlyStoppingSpec(patience=2, min_delta=0.05)


@pytest.mark.parametrize("kernels", [NATIVE, PLAIN], ids=["native", "plain"])
@pytest.mark.parametrize("stopping", [None, STOPPING, EarlyStoppingSpec(patience=100)])
def test_each_member_has_the_bits_of_its_seed_alone(
    kernels: Kernels, stopping: EarlyStoppingSpec | None
) -> None:
    plan = planned(early_stopping=stopping)
    prepared, fit, epochs = ended(plan, kernels)
    curves = []
    for member, parameters in enumerate(fit.final_parameters()):
        state = TrainingState.initial(prepared.network, plan.training, plan.seed + member)
        seed = plan.seed + member
        steps = train(prepared.network, state, prepared.data, plan.training, seed, kernels=kernels)
        curves.append([step.report.val_loss for step in steps if step.report is not None])
        alone = state.final_parameters(plan.training)
        assert alone.tobytes() == parameters.tobytes()
    assert [epoch.epoch for epoch in epochs] == list(range(1, max(map(len, curves)) + 1))
    for epoch in epochs:
        at_work = [curve[epoch.epoch - 1] for curve in curves if len(curve) >= epoch.epoch]
        assert epoch.values["val_loss"] == pytest.approx(np.mean(at_work), rel=1e-12)


@pytest.mark.parametrize("target", ["species", "body_mass_g"])
def test_the_answer_is_the_mean_of_the_members_answers(target: str) -> None:
    prepared, fit, _ = ended(planned(target))
    final = fit.final_parameters()
    assert final.shape == (MEMBERS, prepared.network.n_parameters)
    assert prepared.validation is not None
    X = prepared.validation.X
    together = fit.fitted(final)
    apart = [fit.fitted(member).outputs(X) for member in final]
    assert np.allclose(together.outputs(X), np.mean(apart, axis=0), rtol=1e-6, atol=1e-7)
    assert not np.array_equal(apart[0], apart[1])
    # In any company, and after a journey through bytes.
    again = model_from_bytes(model_to_bytes(together))
    one_by_one = np.concatenate([again.outputs(X[row : row + 1]) for row in range(len(X))])
    assert one_by_one.tobytes() == together.outputs(X).tobytes()


def test_an_ensemble_goes_on_from_any_of_its_checkpoints_with_the_same_bits() -> None:
    plan = planned(early_stopping=STOPPING, epochs=40)
    prepared = prepare(DATA.table, plan)
    fit = begun(plan, prepared)
    written = [fit.state()]
    written += [fit.state() for _ in fit.epochs(NATIVE)]
    reasons = {state.stop_reason for state in states_from_bytes(written[-1])}
    assert reasons == {"early_stopping"}
    places = {tuple(s.epoch for s in states_from_bytes(bytes_)) for bytes_ in written}
    assert any(len(set(epochs)) > 1 for epochs in places), "one stopped before the others"
    for bytes_ in written[:-1]:
        resumed = Fit(prepared, plan.training, plan.seed, states_from_bytes(bytes_))
        for _ in resumed.epochs(NATIVE):
            pass
        assert resumed.state() == written[-1]


def test_weights_bear_their_members_number() -> None:
    prepared, fit, _ = ended(planned())
    weights = fit.weights(fit.epoch_parameters())
    names = {
        f"members.{k}.{name}" for k in range(MEMBERS) for name in prepared.network.layout.shapes
    }
    assert set(safetensors.numpy.load(weights)) == names
    assert weights_from_state(fit.state()) == weights
    read = parameters_of(weights, prepared.network, MEMBERS)
    assert np.array_equal(read, fit.epoch_parameters().astype(np.float64))
    assert np.array_equal(read, parameters_of(fit.state(), prepared.network, MEMBERS))
    for data in (weights, fit.state()):
        with pytest.raises(CodecError, match="other networks"):
            parameters_of(data, prepared.network, MEMBERS - 1)


def test_one_member_is_written_as_it_was_before_there_were_ensembles() -> None:
    plan = planned()
    plan = replace(plan, training=replace(plan.training, members=1))
    prepared, fit, _ = ended(plan)
    assert fit.final_parameters().shape == (prepared.network.n_parameters,)
    for data in (fit.state(), model_to_bytes(fit.fitted(fit.final_parameters()))):
        assert b"members.0" not in data
        assert b'\\"format\\":4' not in data


def test_a_member_that_diverges_ends_the_training_of_all() -> None:
    plan = planned("body_mass_g", optimizer=SgdSpec(learning_rate=10.0, momentum=0.99), epochs=200)
    _, fit, _ = ended(plan)
    assert fit.divergence is not None
    # The others may have come to the end of that epoch.
    assert fit.epoch in (fit.divergence.epoch - 1, fit.divergence.epoch)
    assert np.isfinite(fit.epoch_parameters()).all()


def test_lbfgs_trains_one_network_at_a_time() -> None:
    wish = ModelWish(target="species", training={"optimizer": LbfgsSpec(), "members": 2})
    assert codes_of(DATA, wish) == {"/training/members not_with_lbfgs"}
    alone = ModelWish(target="species", training={"optimizer": LbfgsSpec()})
    assert resolve(alone, DATA.profile).training.members == 1


def test_every_member_counts_against_the_limits() -> None:
    training = {"members": 2, "epochs": 1, "batch_size": 275}
    wish = ModelWish(target="species", training=training)
    parameters = 2 * prepare(DATA.table, resolve(wish, DATA.profile)).network.n_parameters
    assert codes_of(DATA, wish, PlanLimits(parameters=parameters, steps=2)) == set()
    few = PlanLimits(parameters=parameters - 1)
    assert codes_of(DATA, wish, few) == {"/network model_too_large"}
    assert codes_of(DATA, wish, PlanLimits(steps=1)) == {"/training/epochs too_many_steps"}
