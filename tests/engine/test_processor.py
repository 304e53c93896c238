"""Kernels are compiled for the processor at hand, or for one that numba's variables name."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from nodeflow.engine import processor
from nodeflow.engine.devicelib import vector_width


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    cached = (processor.name, processor.features, vector_width.vector_registers)
    for each in cached:
        each.cache_clear()
    yield
    for each in cached:
        each.cache_clear()


def test_it_is_this_one(monkeypatch):
    import llvmlite.binding as llvm

    monkeypatch.delenv("NUMBA_CPU_NAME", raising=False)
    monkeypatch.delenv("NUMBA_CPU_FEATURES", raising=False)
    assert processor.name() == llvm.get_host_cpu_name()
    assert processor.features() == {k for k, has in llvm.get_host_cpu_features().items() if has}


@pytest.mark.parametrize(
    ("features", "registers"),
    [("+avx512f,+avx2", (64, 32)), ("+avx2,-avx512f", (32, 16)), ("-avx2", (16, 16)),
     ("+neon", (16, 32))],
)  # fmt: skip
def test_registers_are_those_of_the_named_one(monkeypatch, features, registers):
    monkeypatch.setenv("NUMBA_CPU_FEATURES", features)
    assert vector_width.vector_registers() == registers


_TEXT = """
from nodeflow.engine.compiler.compile_kernel import inspect_source
from nodeflow.engine.compiler.cache import kernel_key, processor
SOURCE = '''import numpy as np
from nodeflow.engine.devicelib.intrinsics import slot, view1

def kernel(args, task, ntasks):
    x = view1(slot(args, 0), slot(args, 1), np.float32)
    for i in range(x.size):
        x[i] = x[i] * x[i]
'''
text = inspect_source(SOURCE).assembly
print(processor().split()[-1], "zmm" in text, "ymm" in text, kernel_key(SOURCE))
"""


def _compiled(**environment: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", _TEXT],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


@pytest.mark.thorough
@pytest.mark.skipif(
    not {"avx2", "fma"} <= processor.features(), reason="AVX2 runs on processors of x86-64"
)
def test_kernels_are_compiled_for_the_named_one():
    wanted = ",".join(f"+{f}" for f in ("avx", "avx2", "fma", "bmi", "bmi2", "f16c"))
    name, has_zmm, has_ymm, key = _compiled(
        NUMBA_CPU_NAME="x86-64-v3", NUMBA_CPU_FEATURES=wanted + ",-avx512f"
    )
    assert (name, has_zmm, has_ymm) == ("x86-64-v3", "False", "True")
    assert key != _compiled()[-1]
