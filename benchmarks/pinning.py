"""Environment variables that let each library compute as a lesser processor would.

All are set before a process starts. They do not imitate small caches or fewer ports, so a table
made with them names the processor and its second cache.

- nodeflow compiles according to numba's variables. Its BLAS is OpenBLAS, like numpy's. It sorts by
  numpy, which leaves out the features that `NPY_DISABLE_CPU_FEATURES` names.
- PyTorch: `ATEN_CPU_CAPABILITY` for its own kernels, `ONEDNN_MAX_CPU_ISA` for convolutions and
  recurrent layers, `MKL_ENABLE_INSTRUCTIONS` for products.
- TensorFlow: its kernels are compiled for AVX or AVX2 at most; oneDNN as above.
- JAX: `--xla_cpu_max_isa` holds back formulas and reductions. Its products reach the same rate with
  and without it, twice the rate of AVX2 on a processor with AVX-512.
- onnxruntime asks the processor, and nothing holds it back.

If a library cannot be held back, its time is shown without a ratio.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

_BEYOND_AVX2 = re.compile(r"avx512|avx10|amx|avxvnni|avxifma|avxneconvert|evex")


PINS = (
    "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE",
    "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS",
    "NPY_DISABLE_CPU_FEATURES",
)  # fmt: skip
"""Variables that hold a library back, or make it assume other cache sizes."""


def apply(cpu: str | None) -> None:
    """Pin this process and all processes that it starts. Drop the shell's own pins."""
    for name in PINS:
        os.environ.pop(name, None)
    os.environ.update(environment(cpu))


def environment(cpu: str | None) -> dict[str, str]:
    """Return variables for every process; none if all features of the processor are measured."""
    if cpu is None:
        return {}
    return {
        "NUMBA_CPU_NAME": "x86-64-v3",
        "NUMBA_CPU_FEATURES": _features(),
        "OPENBLAS_CORETYPE": "Haswell",
        "NPY_DISABLE_CPU_FEATURES": " ".join(_numpy_features()),
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
    }


def _numpy_features() -> list[str]:
    """Return the features beyond AVX2 that numpy has code for, by the names of its version."""
    module: Any = import_module("numpy._core._multiarray_umath")
    return [name for name in module.__cpu_dispatch__ if "AVX512" in name or name == "X86_V4"]


def instructions(cpu: str | None) -> str:
    """Return the widest vectors that we compile for."""
    found = _features() if cpu else _all_features()
    names = {"+avx512f": "AVX-512", "+avx2": "AVX2", "+neon": "NEON"}
    return next((name for key, name in names.items() if key in found.split(",")), "SSE2")


def unpinned(cpu: str | None, products: bool) -> tuple[str, ...]:
    """Return the libraries that exceed the pin, in a case with or without matrix products."""
    if cpu is None:
        return ()
    return ("onnxruntime", "jax", "jaxscan") if products else ("onnxruntime",)


@cache
def _all_features() -> str:
    """Return all features of this processor, in LLVM's words."""
    text = "import llvmlite.binding as l; print(l.get_host_cpu_features().flatten())"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@cache
def _features() -> str:
    """Return the features as `_all_features`, up to AVX2."""
    parts = _all_features().split(",")
    return ",".join("-" + p[1:] if _BEYOND_AVX2.match(p[1:]) else p for p in parts)


def processor(cpu: str | None) -> str:
    """Return the processor's name, cores and second cache, and whether it is held back."""
    name, cores, cache_size = platform.processor() or platform.machine(), 1, "unknown"
    try:
        text = Path("/proc/cpuinfo").read_text()
        name = re.findall(r"model name\s*: (.*)", text)[0]
        family, model = (re.findall(rf"{k}\s*: (\d+)", text)[0] for k in ("cpu family", "model"))
        name += f" (family {family}, model {model})"
        cores = len(re.findall(r"^processor", text, re.MULTILINE))
        cache_size = Path("/sys/devices/system/cpu/cpu0/cache/index2/size").read_text().strip()
    except (OSError, IndexError):  # not on Linux
        pass
    return f"{name}, {cores} cores, second cache {cache_size}" + (f", as {cpu}" if cpu else "")
