import pytest

from benchmarks.contenders.catalogue import CONTENDERS
from benchmarks.contenders.kernel_forms import UnknownKernelsError, kernels_named
from benchmarks.process import OUR_PYTHON, Process, ProcessError, clean_environment
from benchmarks.rounds import Plan, compare

OURS = [name for name, contender in CONTENDERS.items() if contender.is_ours]
BRIEF = Plan(sittings=1, rounds=2, round_s=0.01, environ={})


@pytest.mark.parametrize("name", OURS)
def test_our_contenders_train(name: str) -> None:
    speeds, absent = compare([name], "tiny", BRIEF)
    assert absent == {}
    (speed,) = speeds
    assert len(speed.rounds) == 2
    assert min(speed.rounds) > 0.0


def test_a_process_that_dies_is_named_with_its_last_words() -> None:
    with (
        Process(OUR_PYTHON, "benchmarks.contenders", ["nobody", "tiny", "0.1"], {}) as process,
        pytest.raises(ProcessError, match="KeyError: 'nobody'"),
    ):
        process.ask()


def test_a_contender_that_cannot_start_is_left_out() -> None:
    broken = Plan(sittings=2, rounds=1, round_s=0.0, environ={"PYTHONHOME": "/"})
    speeds, absent = compare(["slope, plain NumPy"], "tiny", broken)
    assert speeds == []
    assert list(absent) == ["slope, plain NumPy"]


def test_kernels_are_chosen_by_a_known_name() -> None:
    assert kernels_named("plain").name == "plain"
    assert kernels_named("served").chunk is not None
    with pytest.raises(UnknownKernelsError, match="there are plain, compiled, chunk"):
        kernels_named("fortran")


def test_a_contender_does_not_hear_what_the_shell_says_of_the_processor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Nehalem")
    monkeypatch.setenv("HOME", "/nowhere")
    found = clean_environment({"OPENBLAS_VERBOSE": "2"})
    assert "OPENBLAS_CORETYPE" not in found
    assert found["HOME"] == "/nowhere"
    assert found["OPENBLAS_VERBOSE"] == "2"
    assert found["OPENBLAS_NUM_THREADS"] == "1"
