"""Kernels are compiled for a level that the processor has, and never for more."""

from __future__ import annotations

import pytest

from workers.engine.kernels.native.processor import GENERIC, choose_target, targets, this_target

V2 = "cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3 fpu sse2"
V3 = f"{V2} abm avx avx2 bmi1 bmi2 f16c fma movbe xsave"
V4 = f"{V3} avx512f avx512bw avx512cd avx512dq avx512vl"


@pytest.mark.parametrize(
    ("machine", "flags", "cpu"),
    [
        ("x86_64", V4, "x86-64-v4"),
        ("x86_64", V4.replace("avx512vl", ""), "x86-64-v3"),
        ("x86_64", V3.replace("fma", ""), "x86-64-v2"),
        ("x86_64", "fpu sse2", "generic"),
        ("x86_64", "", "generic"),
        ("aarch64", "fp asimd", "generic"),
        ("AMD64", V3, "x86-64-v3"),
    ],
)
def test_the_best_level_is_taken_that_has_all_it_needs(machine: str, flags: str, cpu: str) -> None:
    assert choose_target(machine, flags.split()).cpu == cpu


def test_an_image_is_warmed_for_whatever_may_be_chosen() -> None:
    levels = targets("x86_64")
    assert {choose_target("x86_64", flags.split()) for flags in (V4, V3, V2, "")} == set(levels)
    assert targets("aarch64") == (GENERIC,)


def test_this_machine_has_a_target() -> None:
    assert this_target() in {*targets("x86_64"), GENERIC}
