"""Products through BLAS by address: right for every layout, the same on any number of threads."""

from __future__ import annotations

import ctypes
import itertools
import subprocess
import sys

import numpy as np
import pytest

from nodeflow.engine.compiler.cache import load_kernel
from nodeflow.engine.devicelib import blas
from nodeflow.engine.kernels.matmul import product_args, product_source
from nodeflow.engine.runtime.program import ProgramBuilder
from nodeflow.engine.runtime.thread_pool import Team

SHAPES = [
    (100, 784, 300),
    (784, 100, 300),
    (257, 129, 513),
    (1, 5, 7),
    (4, 1, 1),
    (3, 0, 4),
    (0, 3, 2),
    (2, 3, 0),
]


def product(
    a: np.ndarray, b: np.ndarray, transpose_a: bool, transpose_b: bool, threads: int
) -> np.ndarray:
    """op(a) @ op(b) by the compiled kernel."""
    m, k = a.shape[::-1] if transpose_a else a.shape
    n = b.shape[0] if transpose_b else b.shape[1]
    dtype = str(a.dtype)
    c = np.full((m, n), np.nan, dtype)
    pointers = (x.ctypes.data for x in (a, b, c))
    args, tasks = product_args(dtype, (m, n, k), transpose_a, transpose_b, tuple(pointers))
    builder = ProgramBuilder()
    builder.add(load_kernel(product_source(dtype, transpose_a, transpose_b)), args, tasks)
    Team(threads).run(builder.build())
    return c


@pytest.mark.sample(3)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("ta", "tb"), [*itertools.product([False, True], repeat=2)])
def test_products_of_every_layout(dtype: str, ta: bool, tb: bool) -> None:
    random = np.random.default_rng(1)
    for m, k, n in SHAPES:
        a, b = random.normal(size=(m, k)).astype(dtype), random.normal(size=(k, n)).astype(dtype)
        stored = [np.ascontiguousarray(x.T) if t else x for x, t in ((a, ta), (b, tb))]
        found = product(*stored, ta, tb, threads=2)
        expected = a.astype(np.float64) @ b.astype(np.float64)
        bound = np.abs(a).astype(np.float64) @ np.abs(b).astype(np.float64)
        assert (np.abs(found - expected) <= (k + 2) * np.finfo(dtype).eps * bound).all(), (m, k, n)
        for threads in (1, 3):
            again = product(*stored, ta, tb, threads)
            assert np.array_equal(again, found), (m, k, n, threads)


def test_nan_and_infinity_come_through() -> None:
    a = np.array([[np.nan, 1.0], [0.0, 1.0], [np.inf, 1.0]], np.float32)
    b = np.array([[0.0, 1.0], [1.0, np.inf]], np.float32)
    found = product(a, b, False, False, threads=1)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(found, a @ b)


def test_scipys_blas_has_one_thread_meanwhile_and_gets_its_own_back() -> None:
    blas.gemm_address("float32")
    functions = blas._thread_functions()
    if functions is None:
        pytest.skip("another BLAS")
    get, put = functions
    before = get()
    put(2)
    try:
        with blas.one_thread():
            assert get() == 1
            with blas.one_thread():
                assert get() == 1
            assert get() == 1
        assert get() == 2
        with pytest.raises(RuntimeError), blas.one_thread():
            raise RuntimeError
        assert get() == 2
    finally:
        put(before)


def test_a_program_gives_blas_one_thread_and_then_what_it_had(monkeypatch) -> None:
    has, sets = [3], []

    def put(count: int) -> None:
        has[0] = count
        sets.append(count)

    get = ctypes.CFUNCTYPE(ctypes.c_int)(lambda: has[0])
    set_ = ctypes.CFUNCTYPE(None, ctypes.c_int)(put)
    addresses = [ctypes.cast(f, ctypes.c_void_p).value for f in (get, set_)]
    monkeypatch.setattr(blas, "thread_functions", lambda: addresses)
    a = np.ones((64, 64), np.float32)
    product(a, a, False, False, threads=1)
    assert sets == [1, 3]
    has[0] = 1
    product(a, a, False, False, threads=1)
    assert sets == [1, 3]


def test_numpys_blas_is_another_one() -> None:
    numpys = ctypes.CDLL(np._core._multiarray_umath.__file__)
    getter = getattr(numpys, "scipy_openblas_get_num_threads64_", None)
    setter = getattr(numpys, "scipy_openblas_set_num_threads64_", None)
    if getter is None or setter is None:
        pytest.skip("another BLAS")
    before = getter()
    setter(2)
    try:
        blas.gemm_address("float32")
        with blas.one_thread():
            assert getter() == 2
    finally:
        setter(before)


@pytest.mark.thorough
def test_it_is_found_without_importing_scipy_linalg() -> None:
    code = (
        "import sys\n"
        "from nodeflow.engine.devicelib import blas\n"
        "assert blas.gemm_address('float64') and blas.gemm_address('float32')\n"
        "fast = 'scipy.linalg' not in sys.modules\n"
        "from scipy.linalg import cython_blas\n"
        "slow = blas._capsule_pointer(cython_blas.__pyx_capi__['dgemm'])\n"
        "print(fast, slow != 0, blas.tiling_pays())\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    fast, slow, openblas = out.stdout.split()
    assert slow == "True"
    assert fast == openblas


def test_a_bug_report_names_the_library() -> None:
    info = blas.blas_info()
    assert info["library"] and info["during runs"]
