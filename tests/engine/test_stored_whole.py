"""What keeps the larger of two numbers stores every element, not those that change by a mask.

LLVM makes a masked store of a selection between a new number and the one that is there. With AVX2
AMD's processors take long for it (`arithmetic.settled`).
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys

import pytest

PROGRAM = r"""
import json, re
from nodeflow.engine.compiler.compile_kernel import inspect_source
from nodeflow.engine.kernels.pooling import pool_source
from nodeflow.engine.kernels.reductions import columns_source, search_source
from nodeflow.engine.kernels.softmax import column_softmax_source

masked = re.compile(r"vp?maskmov\w+\s+%[xy]mm\d+, %[xy]mm\d+, [^%\s]*\(")
sources = {
    "reduce_max": columns_source("max", "float32"),
    "reduce_min": columns_source("min", "float64"),
    "argmax": search_source("argmax", "float32", rows=False),
    "argmin": search_source("argmin", "int32", rows=False),
    "softmax": column_softmax_source("float32", False),
    "max_pool": pool_source("max", "float32", None, False),
    "max_unpool": pool_source("take", "float32", None, False),
}
found = {}
for name, source in sources.items():
    text = inspect_source(source).assembly
    found[name] = "%ymm" in text, len(masked.findall(text))
print(json.dumps(found))
"""


@pytest.mark.thorough
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="instructions of x86")
def test_no_extreme_is_stored_by_a_mask() -> None:
    features = "+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe,+popcnt,+sse4.2,-avx512f"
    env = {**os.environ, "NUMBA_CPU_NAME": "x86-64-v3", "NUMBA_CPU_FEATURES": features}
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=env)
    assert not done.returncode, done.stderr
    found = json.loads(done.stdout)
    assert all(is_vector for is_vector, _ in found.values()), found
    assert not any(count for _, count in found.values()), found
