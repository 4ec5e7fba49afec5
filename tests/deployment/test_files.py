"""The deployment files, read by the tools of their makers."""

import subprocess

import pytest

from tests.deployment.compose import BIN, FILE, PASSWORDS, ROOT, compose, topology

OURS = ("migrate", "api", "worker", "worker-gpu", "reconciler")


def test_the_compose_file_follows_the_compose_specification() -> None:
    result = subprocess.run(
        [BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", FILE],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("missing", sorted(PASSWORDS))
def test_compose_refuses_to_start_without_a_password(missing: str) -> None:
    others = {name: value for name, value in PASSWORDS.items() if name != missing}
    result = compose("config", "--quiet", **others)
    assert result.returncode != 0
    assert missing in result.stderr


def test_only_the_api_publishes_a_port_and_only_on_loopback_unless_asked() -> None:
    published = {
        name: service["ports"]
        for name, service in topology()["services"].items()
        if service.get("ports")
    }
    assert list(published) == ["api"]
    assert [port["host_ip"] for port in published["api"]] == ["127.0.0.1"]


@pytest.mark.parametrize("name", OURS)
def test_our_containers_run_unprivileged_on_a_read_only_file_system(name: str) -> None:
    service = topology()["services"][name]
    assert service["user"] == "10001:10001"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_nothing_of_ours_starts_before_the_migrations_have_ended_well() -> None:
    services = topology()["services"]
    for name in set(OURS) - {"migrate"}:
        condition = services[name]["depends_on"]["migrate"]["condition"]
        assert condition == "service_completed_successfully", name


def test_a_worker_has_longer_to_stop_than_its_checkpoint_may_take() -> None:
    worker = topology()["services"]["worker"]
    assert worker["stop_grace_period"] == "1m15s"
    assert float(worker["environment"]["SLOPE_SHUTDOWN_SECONDS"]) < 75.0
    # It would make SIGTERM a shutdown that tells the trainings nothing and sleeps the time out.
    assert "REMAP_SIGTERM" not in worker["environment"]


def test_the_api_has_longer_to_stop_than_its_requests_may_take() -> None:
    api = topology()["services"]["api"]
    assert api["stop_grace_period"] == "30s"
    assert float(api["environment"]["SLOPE_SHUTDOWN_SECONDS"]) < 30.0


def test_what_is_accepted_is_on_the_disk_and_no_bell_is_evicted() -> None:
    services = topology()["services"]
    postgres, redis = (" ".join(services[name]["command"]) for name in ("postgres", "redis"))
    assert {"fsync=on", "synchronous_commit=on"} <= set(postgres.split())
    for option in (
        "--appendonly yes",
        "--appendfsync everysec",
        "--maxmemory-policy noeviction",
        "--maxmemory 256mb",
    ):
        assert option in redis


def test_the_gpu_worker_is_asked_for_by_profile() -> None:
    assert topology()["services"]["worker-gpu"]["profiles"] == ["gpu"]


def test_the_dockerfile_passes_hadolint() -> None:
    result = subprocess.run(
        [BIN / "hadolint", ROOT / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_image_ends_as_an_unprivileged_user_by_default() -> None:
    instructions = (ROOT / "Dockerfile").read_text().splitlines()
    assert instructions[-1] == "FROM runtime"
    assert "USER 10001:10001" in instructions
