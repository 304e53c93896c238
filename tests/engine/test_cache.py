"""Compiled kernels on disk: never stale, never trusted when damaged, never in anybody's way."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from nodeflow.engine.compiler import cache
from nodeflow.engine.compiler.compile_kernel import KernelError, inspect_source

STORE = """
from nodeflow.engine.devicelib.intrinsics import set_slot, slot
def kernel(args, task, ntasks):
    set_slot(slot(args, 0), 0, {value})
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("NODEFLOW_CACHE_DIR", str(tmp_path))
    cache.forget_loaded()
    yield tmp_path / "kernels"
    cache.forget_loaded()


def run(source: str) -> int:
    """What the kernel stores."""
    out = np.zeros(1, np.int64)
    args = np.array([out.ctypes.data], np.int64)
    assert cache.load_kernel(source)(args) == 0
    return int(out[0])


def compiled_meanwhile(action) -> int:
    before = cache.compile_count()
    action()
    return cache.compile_count() - before


def python(code: str, folder: Path) -> subprocess.Popen:
    """Another process with this cache; it prints something."""
    start = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    return subprocess.Popen(
        [sys.executable, "-c", start + code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NODEFLOW_CACHE_DIR": str(folder.parent)},
    )


def printed(process: subprocess.Popen) -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out.strip()


# ---- hits and misses ----------------------------------------------------------------------------


@pytest.mark.thorough
def test_a_kernel_is_compiled_once(folder: Path) -> None:
    source = STORE.format(value=11)
    assert not cache.is_cached(source)
    assert compiled_meanwhile(lambda: run(source)) == 1
    assert cache.is_cached(source)
    assert compiled_meanwhile(lambda: run(source)) == 0
    cache.forget_loaded()
    assert cache.is_cached(source)
    assert compiled_meanwhile(lambda: run(source)) == 0
    assert run(source) == 11


def test_threads_that_need_one_kernel_at_once_compile_it_once(folder: Path) -> None:
    source = STORE.format(value=14)
    together, found = threading.Barrier(3), []

    def load() -> None:
        together.wait()
        found.append(cache.load_kernel(source))

    def all_load() -> None:
        threads = [threading.Thread(target=load) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert compiled_meanwhile(all_load) == 1
    assert len(found) == 3 and len(set(map(id, found))) == 1


@pytest.mark.thorough
def test_another_process_loads_it_without_numba(folder: Path) -> None:
    source = STORE.format(value=12)
    run(source)
    code = (
        "from test_cache import run\n"
        "from nodeflow.engine.compiler import cache\n"
        "del sys.modules['nodeflow.engine.compiler.compile_kernel']\n"
        f"print(run({source!r}), cache.compile_count(), 'numba' in sys.modules)\n"
    )
    assert printed(python(code, folder)) == "12 0 False"


@pytest.mark.thorough
def test_a_kernel_that_calls_the_c_library_comes_back_too(folder: Path) -> None:
    source = """
import numpy as np
from nodeflow.engine.devicelib.intrinsics import slot, slot_f64, store
from nodeflow.engine.devicelib.math_functions import erf, expm1, log1p, pow
def kernel(args, task, ntasks):
    x = slot_f64(args, 1)
    store(slot(args, 0), np.int64(1e6 * (erf(x) + expm1(x) + log1p(x) + pow(x, x))))
"""
    call = (
        "import numpy as np\n"
        "from nodeflow.engine.compiler import cache\n"
        "out = np.zeros(1, np.int64)\n"
        "args = np.array([out.ctypes.data, np.float64(0.5).view(np.int64)])\n"
        f"assert cache.load_kernel({source!r})(args) == 0\n"
        "print(out[0], cache.compile_count())\n"
    )
    first, second = printed(python(call, folder)), printed(python(call, folder))
    expected = 0.5204998778130465 + np.expm1(0.5) + np.log1p(0.5) + np.sqrt(0.5)
    assert first == f"{int(1e6 * expected)} 1" and second == f"{int(1e6 * expected)} 0"


@pytest.mark.thorough
def test_a_compile_process_fills_the_cache(folder: Path) -> None:
    sources = [STORE.format(value=v) for v in (21, 22, 21)]
    code = (
        "from nodeflow.engine.compiler.cache import compile_to_cache\n"
        f"print(sum(compile_to_cache(s) for s in {sources}))"
    )
    assert printed(python(code, folder)) == "2"
    assert compiled_meanwhile(lambda: [run(s) for s in sources]) == 0


@pytest.mark.thorough
def test_several_processes_start_from_an_empty_cache(folder: Path) -> None:
    sources = [STORE.format(value=v) for v in (31, 32)]
    code = f"from test_cache import run\nprint([run(s) for s in {sources}])"
    processes = [python(code, folder) for _ in range(3)]
    assert [printed(p) for p in processes] == ["[31, 32]"] * 3
    assert not list(folder.glob(".new-*"))
    assert compiled_meanwhile(lambda: [run(s) for s in sources]) == 0


# ---- never stale --------------------------------------------------------------------------------


def test_an_edited_helper_makes_another_key(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper = tmp_path / "helper.py"
    helper.write_text("one")
    files = [*cache.helper_files(), helper]
    monkeypatch.setattr(cache, "helper_files", lambda: files)
    cache._environment.cache_clear()
    first = cache.kernel_key("text")
    assert cache.kernel_key("text") == first
    helper.write_text("two")
    cache._environment.cache_clear()
    assert cache.kernel_key("text") != first
    monkeypatch.undo()
    cache._environment.cache_clear()


PACKAGE, ENGINE = Path(cache.__file__).parents[2], "nodeflow.engine"


def modules_imported_by_text(text: str) -> set[str]:
    """Modules of nodeflow that Python text imports, in functions too."""
    found = set()
    for item in ast.walk(ast.parse(text)):
        if isinstance(item, ast.Import):
            found |= {alias.name for alias in item.names}
        elif isinstance(item, ast.ImportFrom) and item.module:
            found |= {item.module, *(f"{item.module}.{alias.name}" for alias in item.names)}
    return {name for name in found if name.startswith("nodeflow.") and file_of(name).is_file()}


def file_of(module: str) -> Path:
    return PACKAGE.joinpath(*module.split(".")[1:]).with_suffix(".py")


def modules_named_in_kernels() -> set[str]:
    """Modules of nodeflow that any text of a generated kernel imports, as written in strings."""
    pattern = re.compile(r"(?:from|import)\s+(nodeflow(?:\.\w+)+)")
    found: set[str] = set()
    for path in (PACKAGE / "engine").rglob("*.py"):  # it alone generates kernels
        for item in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(item, ast.Constant) and isinstance(item.value, str):
                found.update(pattern.findall(item.value))
    return {name for name in found if file_of(name).is_file()}


@pytest.mark.thorough
def test_every_module_that_kernels_import_is_part_of_the_key() -> None:
    """Of what kernels' texts and the dispatch loop import, and what that imports in turn, nothing
    is left out; and nothing but the compiler itself is listed without need."""
    named = modules_named_in_kernels()
    assert f"{ENGINE}.devicelib.intrinsics" in named and f"{ENGINE}.devicelib.gemm" in named
    waiting, reached = [*named, f"{ENGINE}.devicelib.work_stealing_loop"], set()
    while waiting:
        module = waiting.pop()
        if module not in reached:
            reached.add(module)
            waiting += modules_imported_by_text(file_of(module).read_text(encoding="utf-8"))
    listed = set(cache.helper_files())
    assert {file_of(module) for module in reached} <= listed
    compiler = {"compile_kernel", "frontend", "helper_functions", "numba_typing"}
    assert listed - {file_of(m) for m in reached} == {
        file_of(f"{ENGINE}.compiler.{name}") for name in compiler
    }


def test_a_helper_file_that_is_missing_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel whose key does not cover a helper would be used after the helper changed."""
    monkeypatch.setattr(cache, "_HELPERS", (*cache._HELPERS, "devicelib/moved_away.py"))
    cache._environment.cache_clear()
    with pytest.raises(FileNotFoundError, match="moved_away"):
        cache.load_kernel(STORE.format(value=71))
    monkeypatch.undo()
    cache._environment.cache_clear()


@pytest.mark.parametrize(
    ("text", "module"),
    [
        ("import users_module", "users_module"),
        ("import numpy as np, users_module", "users_module"),
        ("from users_package.module import f", "users_package.module"),
    ],
)
def test_a_kernel_that_imports_what_its_key_does_not_cover_is_an_error(
    folder: Path, text: str, module: str
) -> None:
    """An edit of that module would not be seen: the kernel would go on with the numbers before."""
    source = f"{text}\n{STORE.format(value=72)}"
    with pytest.raises(KernelError, match=rf"imports {module}, which is not part"):
        cache.load_kernel(source)
    assert not list(folder.glob("*"))


# ---- never trusted when damaged -----------------------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: b"not a kernel at all",
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        lambda data: data.replace(b'"symbol"', b'"cymbal"'),
        lambda data: data.replace(b"kernel 2", b"kernel 1"),
    ],
)
def test_a_damaged_file_is_compiled_again(folder: Path, damage) -> None:
    source = STORE.format(value=41)
    run(source)
    (path,) = folder.glob("*.kernel")
    path.write_bytes(damage(path.read_bytes()))
    cache.forget_loaded()
    assert not cache.is_cached(source)
    assert compiled_meanwhile(lambda: run(source)) == 1
    cache.forget_loaded()
    assert compiled_meanwhile(lambda: run(source)) == 0


def test_without_a_usable_folder_kernels_are_compiled_in_memory(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a_file"
    file.write_text("")
    monkeypatch.setenv("NODEFLOW_CACHE_DIR", str(file))
    assert cache.cache_folder() is None
    assert run(STORE.format(value=51)) == 51
    assert "cannot be used" in cache.cache_info()["folder"]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_the_folder_is_the_users_alone(folder: Path) -> None:
    run(STORE.format(value=61))
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o755)
    assert cache.cache_folder() == folder
    assert folder.stat().st_mode & 0o777 == 0o700


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    now = time.time()
    for age in range(5):
        path = tmp_path / f"{age}.kernel"
        path.write_bytes(b"x" * 100)
        os.utime(path, (now - age, now - age))
    cache.prune(tmp_path, limit=250)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0.kernel", "1.kernel"]


# ---- compiling ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    ["def kernel(args, task, ntasks):\n    return unknown", "def other():\n    pass", "not python"],
)
def test_a_faulty_source_is_a_kernel_error(folder: Path, source: str) -> None:
    with pytest.raises(KernelError, match="kernel"):
        cache.load_kernel(source)


def test_inspection_shows_types_and_code() -> None:
    seen = inspect_source(STORE.format(value="task + 1"))
    assert seen.types["task"] == "int64"
    assert "define" in seen.llvm and "kernel" in seen.assembly


def test_a_loop_over_many_arrays_vectorises() -> None:
    """LLVM's default allows too few checks for overlap for fused clusters."""
    views = "\n".join(f"    x{k} = view1(slot(args, {k + 1}), n, np.float32)" for k in range(8))
    source = f"""
import numpy as np
from nodeflow.engine.devicelib.intrinsics import slot, view1
def kernel(args, task, ntasks):
    n = slot(args, 0)
{views}
    for i in range(x0.size):
        a = x0[i] + x1[i] * x2[i]
        x5[i] = a * x3[i]
        x6[i] = a - x4[i]
        x7[i] = a * a
"""
    assert "x float>" in inspect_source(source).llvm
