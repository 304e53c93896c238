"""Compiled kernels on disk, so that a second start compiles nothing.

The name of a kernel's file is the SHA-256 of everything that affects its machine code: its own
text, the text of every helper module that it may call, the versions of the compilers, and the
processor. (numba's own cache does not notice a change in an imported helper and silently gives
wrong numbers.) A text that imports any other module is an error: a module in memory may differ
from its file, so no key could cover it. A file is written under a temporary name, renamed and
never changed. It contains an object file with an authentication code, and nothing in it is
unpickled. A file that another user may have written is ignored, and its kernel is compiled
again (`trust`). The kernel's source is stored beside it, to be read by people.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import re
import sys
import tempfile
import threading
import time
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any

from nodeflow.atomic_write import opened
from nodeflow.engine import processor as target
from nodeflow.engine.compiler.compile_kernel import KernelError, compile_source
from nodeflow.engine.compiler.object_code import Kernel, MissingSymbols, ObjectCode, load_object
from nodeflow.engine.compiler.trust import (
    Untrusted,
    own_folder,
    read_own,
    sealed,
    signing_key,
    unsealed,
)
from nodeflow.paths import kernel_folder

LIMIT_BYTES = 500 << 20
_MAGIC = b"nodeflow kernel 2\n"
_SUFFIX = ".kernel"
_TOUCH_AFTER_S = 3600.0
_PRUNE_EVERY = 64
# The files that a kernel's text may import. Their code then becomes part of its machine code.
_HELPERS = (
    "compiler/compile_kernel.py",
    "compiler/frontend.py",
    "compiler/helper_functions.py",
    "compiler/numba_typing.py",
    "devicelib/abi.py",
    "devicelib/added_parts.py",
    "devicelib/arithmetic.py",
    "devicelib/blocked_product.py",
    "devicelib/busy_cores.py",
    "devicelib/denormals.py",
    "devicelib/dot_tiles.py",
    "devicelib/error_function.py",
    "devicelib/exponentials.py",
    "devicelib/float64_exponentials.py",
    "devicelib/gelu.py",
    "devicelib/gemm.py",
    "devicelib/half_floats.py",
    "devicelib/intrinsics.py",
    "devicelib/inverse_functions.py",
    "devicelib/math_functions.py",
    "devicelib/near_angles.py",
    "devicelib/normal_quantile.py",
    "devicelib/number_functions.py",
    "devicelib/overloads.py",
    "devicelib/panel_copies.py",
    "devicelib/powers.py",
    "devicelib/random_functions.py",
    "devicelib/register_tiles.py",
    "devicelib/result_tile.py",
    "devicelib/running_sums.py",
    "devicelib/short_rows.py",
    "devicelib/tile_heights.py",
    "devicelib/trigonometry.py",
    "devicelib/typed_constants.py",
    "devicelib/vector_reduce.py",
    "devicelib/vector_sort.py",
    "devicelib/winograd.py",
    "devicelib/winograd_matrices.py",
    "devicelib/work_stealing_loop.py",
)
_OWN = frozenset(
    f"nodeflow.engine.{name.removesuffix('.py').replace('/', '.')}" for name in _HELPERS
)
_NEUTRAL = frozenset({"numpy", "math", "numba", "__future__", "llvmlite"})
_IMPORT = r"^\s*(?:from\s+([\w.]+)\s+import|import\s+(.+))"

_lock = threading.RLock()
_loaded: dict[str, Kernel] = {}
_counts = {"compiled": 0, "disk": 0, "memory": 0}
_writes = 0


# -- what others call -----------------------------------------------------------------------------


def load_kernel(source: str, name: str = "kernel") -> Kernel:
    """Return the kernel with this source text: from memory, from disk, or else compiled now.

    Args:
        source: defines ``kernel(args, task, ntasks)`` and imports what it uses.
        name: a name for people; not part of the key.

    Raises:
        KernelError: the text cannot be compiled.
    """
    key = kernel_key(source)
    with _lock:
        if key in _loaded:
            _counts["memory"] += 1
            return _loaded[key]
        kernel = _from_disk(key, name)
        if kernel is None:
            compiled = _compile(source, key)
            _write(key, source, compiled)
            kernel = load_object(compiled, name, key)
        _loaded[key] = kernel
        return kernel


def is_cached(source: str) -> bool:
    """Return whether ``load_kernel`` of this source would compile nothing."""
    key = kernel_key(source)
    if key in _loaded:
        return True
    folder = cache_folder()
    return folder is not None and _read(folder / (key + _SUFFIX)) is not None


def is_empty() -> bool:
    """Return whether the kernel cache is empty. Return False if there is no usable cache folder."""
    folder = cache_folder()
    return folder is not None and next(folder.glob("*" + _SUFFIX), None) is None


def compile_to_cache(source: str) -> bool:
    """Compile a kernel if the disk cache lacks it, without loading it. Return whether it was
    compiled.

    This is for a separate process, because compiling holds the GIL.

    Raises:
        KernelError: the text cannot be compiled.
    """
    key = kernel_key(source)
    folder = cache_folder()
    if folder is None or _read(folder / (key + _SUFFIX)) is not None:
        return False
    _write(key, source, _compile(source, key))
    return True


def compile_count() -> int:
    """Return how many kernels were compiled for this process, here and in its compiling process."""
    return _counts["compiled"]


def note_compiled(count: int) -> None:
    """Count kernels that another process has compiled, in the statistics of the cache."""
    with _lock:
        _counts["compiled"] += count


def statistics() -> dict[str, int]:
    """Return how many kernels were ``compiled``, loaded from ``disk``, or found in ``memory`` so
    far.
    """
    return dict(_counts)


def cache_info() -> dict[str, str]:
    """Return facts about the cache for a bug report, including ignored files and the reasons."""
    try:
        folder = _trusted_folder()
    except (OSError, Untrusted) as error:
        unusable = f"cannot be used: {error}; kernels are compiled at each start"
        return {"folder": f"{kernel_folder()} ({unusable})"}
    sizes, ignored = [], Counter[str]()
    for file in folder.glob("*" + _SUFFIX):
        try:
            sizes.append(file.lstat().st_size)
            _open(file)
        except Untrusted as error:
            ignored[str(error)] += 1
        except OSError as error:
            ignored[error.strerror or type(error).__name__] += 1
    reasons = "; ".join(f"{count} {reason}" for reason, count in sorted(ignored.items()))
    return {
        "folder": str(folder),
        "kernels": str(len(sizes)),
        "bytes": str(sum(sizes)),
        "ignored": f"{ignored.total()} ({reasons})" if ignored else "0",
    }


def forget_loaded() -> None:
    """Forget which kernels are loaded, so that the next load reads the disk (for tests)."""
    with _lock:
        _retired.extend(_loaded.values())
        _loaded.clear()


_retired: list[Kernel] = []  # programs may still contain their addresses


# -- the key --------------------------------------------------------------------------------------


def kernel_key(source: str) -> str:
    """Return a cache key for a kernel: the SHA-256, in hex, of all that affects its machine code.

    Raises:
        KernelError: the text imports a module that is not part of the key.
    """
    _refuse_other_imports(source)
    return hashlib.sha256(_environment() + source.encode()).hexdigest()


def processor() -> str:
    """Return the machine type and LLVM's name of the processor for which kernels are compiled."""
    return f"{platform.machine()} {target.name()}"


@lru_cache(maxsize=1)
def _environment() -> bytes:
    """Return a digest of everything besides its source that a compiled kernel depends on: the
    versions of the compilers, the processor and the engine's helper modules.
    """
    from importlib.metadata import version

    features = ",".join(sorted(target.features()))
    parts = [sys.version, sys.platform, target.name(), features]
    parts += [
        f"{package} {version(package)}" for package in ("numba", "llvmlite", "numpy", "scipy")
    ]
    parts += [f"{k}={v}" for k, v in sorted(os.environ.items()) if k.startswith("NUMBA_")]
    digest = hashlib.sha256("\0".join(parts).encode())
    for helper in helper_files():
        digest.update(helper.name.encode() + b"\0" + helper.read_bytes())
    return digest.digest()


def helper_files() -> list[Path]:
    """Return the source files that kernels use. A kernel's cache key contains their text, so a
    change of them invalidates the cache.
    """
    engine = Path(__file__).parents[1]
    return [engine / name for name in _HELPERS]


def _refuse_other_imports(source: str) -> None:
    for first, several in re.findall(_IMPORT, source, re.MULTILINE):
        for module in [first] if first else [one.split()[0] for one in several.split(",")]:
            if module not in _OWN and module.split(".")[0] not in _NEUTRAL:
                raise KernelError(
                    f"a kernel imports {module}, which is not part of its key in the cache: list "
                    "its file in _HELPERS"
                )


# -- the folder -----------------------------------------------------------------------------------


def cache_folder() -> Path | None:
    """Return the folder of the disk cache for kernels, created if necessary.

    It must belong to this user alone, because its files are run as machine code. Return None if no
    folder can be trusted.
    """
    try:
        return _trusted_folder()
    except (OSError, Untrusted):
        return None


def _trusted_folder() -> Path:
    folder = own_folder(kernel_folder())
    signing_key()  # without a key, no written file could be read again
    return folder


def _from_disk(key: str, name: str) -> Kernel | None:
    folder = cache_folder()
    if folder is None:
        return None
    path = folder / (key + _SUFFIX)
    compiled = _read(path)
    if compiled is None:
        return None
    try:
        kernel = _load_with_symbols(compiled, name, key)
    except (MissingSymbols, RuntimeError, OSError):
        return None
    _counts["disk"] += 1
    _touch(path)
    return kernel


def _load_with_symbols(compiled: ObjectCode, name: str, key: str) -> Kernel:
    """Load an object file. If it needs functions of numba, import numba, which provides them."""
    try:
        return load_object(compiled, name, key)
    except MissingSymbols:
        from numba.core.registry import cpu_target

        target: Any = cpu_target.target_context
        target.refresh()
        return load_object(compiled, name, key)


def _read(path: Path) -> ObjectCode | None:
    """Read a compiled kernel from a cache file. Return None if the file is missing, damaged, or
    possibly another user's.
    """
    try:
        return _open(path)
    except (OSError, Untrusted):
        return None


def _open(path: Path) -> ObjectCode:
    """Read a compiled kernel's object code from a cache file.

    Raises:
        Untrusted: another user may have written it, or it is damaged.
        OSError: it is missing or cannot be read.
    """
    data = read_own(path)
    if not data.startswith(_MAGIC):
        raise Untrusted("of another version")
    head, _, code = unsealed(path.stem, data[len(_MAGIC) :]).partition(b"\n")
    header = json.loads(head)
    return ObjectCode(header["symbol"], tuple(header["externals"]), code)


def _write(key: str, source: str, compiled: ObjectCode) -> None:
    """Store a compiled kernel in the cache folder.

    If the folder cannot be written, do nothing: the next start then compiles again.
    """
    global _writes
    folder = cache_folder()
    if folder is None:
        return
    header = {"symbol": compiled.symbol, "externals": list(compiled.externals)}
    content = json.dumps(header).encode() + b"\n" + compiled.code
    with contextlib.suppress(OSError, Untrusted):
        _place(folder / (key + ".py"), source.encode())
        _place(folder / (key + _SUFFIX), _MAGIC + sealed(key, content))
    if _writes % _PRUNE_EVERY == 0:
        prune(folder)
    _writes += 1


def _place(path: Path, data: bytes) -> None:
    """Write a file in such a way that readers never see an incomplete file."""
    handle, temporary = tempfile.mkstemp(prefix=".new-", dir=path.parent)
    try:
        with opened(handle) as file:
            file.write(data)
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _touch(path: Path) -> None:
    """Record the use of a file for ``prune``, at most once an hour."""
    with contextlib.suppress(OSError):
        if time.time() - path.stat().st_mtime > _TOUCH_AFTER_S:
            os.utime(path)


def prune(folder: Path, limit: int = LIMIT_BYTES) -> None:
    """Delete the least recently used files of a cache folder until it holds at most ``limit``
    bytes.
    """
    entries = []
    with contextlib.suppress(OSError), os.scandir(folder) as files:
        for file in files:
            with contextlib.suppress(OSError):
                status = file.stat()
                entries.append((status.st_mtime, status.st_size, Path(file.path)))
    total = sum(size for _, size, _ in entries)
    for _, size, path in sorted(entries):
        if total <= limit:
            return
        with contextlib.suppress(OSError):
            path.unlink()
            total -= size


def _compile(source: str, key: str) -> ObjectCode:
    folder = cache_folder()
    filename = str(folder / (key + ".py")) if folder else f"<kernel {key[:12]}>"
    _counts["compiled"] += 1
    return compile_source(source, filename)
