"""From a kernel's source text to an object file, by numba.

The text defines ``kernel(args, task, ntasks)`` and imports what it uses. It is compiled with
numpy's error model, without the GIL, without fastmath, without numba's runtime (so a kernel cannot
allocate) and without wrappers for Python, which would double the work.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nodeflow.engine.native import ObjectCode
from nodeflow.errors import NodeflowError

ENTRY_NAME = "kernel"
# LLVM vectorises a loop over several arrays only if it may test at run time that they do not
# overlap; its default of 8 comparisons is less than a fused cluster of six arrays needs.
_LLVM_OPTIONS = ("-runtime-memory-check-threshold=128",)
# These run 512-bit vectors without slowing down (a fifth to a half faster here: exp, softplus), but
# LLVM still avoids them as it does for their predecessors.
_WIDE = frozenset(
    {"icelake-client", "icelake-server", "sapphirerapids", "emeraldrapids", "graniterapids"}
)
_prepared = False


class KernelError(NodeflowError):
    """A kernel's source does not compile: a fault of the code generator or of an op's lowering."""


@dataclass(frozen=True)
class Inspection:
    """What numba and LLVM made of a kernel, for tests and for people."""

    types: dict[str, str]  # numba's type of every variable
    llvm: str
    assembly: str


def compile_source(source: str, filename: str = "<kernel>") -> ObjectCode:
    """Compile a kernel's source text.

    Raises:
        KernelError: the text does not compile; the message holds numba's.
    """
    result = _compile(source, filename)
    library = result.library
    declared = [f.name for f in library._final_module.functions if f.is_declaration]
    declared += [g.name for g in library._final_module.global_variables if g.is_declaration]
    externals = tuple(sorted(n for n in declared if not n.startswith("llvm.")))
    return ObjectCode(result.fndesc.llvm_func_name, externals, library._get_compiled_object())


def inspect_source(source: str) -> Inspection:
    """Compile ``source`` and report numba's types, LLVM's text and the assembly."""
    result = _compile(source, "<kernel>")
    types = {str(name): str(t) for name, t in result.type_annotation.typemap.items()}
    return Inspection(types, result.library.get_llvm_str(), result.library.get_asm_str())


def _compile(source: str, filename: str) -> Any:
    from numba.core import types
    from numba.core.compiler import compile_extra
    from numba.core.compiler_lock import global_compiler_lock
    from numba.core.registry import cpu_target

    prepare_compiler()
    try:
        function = _entry(source, filename)
        with global_compiler_lock:
            # The properties refresh the registries, which a dispatcher would otherwise do.
            typing: Any = cpu_target.typing_context
            target: Any = cpu_target.target_context
            typing.refresh()
            target.refresh()
            signature = (types.int64, types.int64, types.int64)
            return compile_extra(typing, target, function, signature, types.void, _flags(), {})
    except KernelError:
        raise
    except Exception as error:  # numba, LLVM and faulty text fail in many ways
        raise KernelError(f"the kernel {filename} does not compile: {error}") from error


def _entry(source: str, filename: str) -> Callable:
    namespace: dict[str, Any] = {"__name__": "nodeflow_kernel"}
    exec(compile(source, filename, "exec"), namespace)
    function = namespace.get(ENTRY_NAME)
    if function is None:
        raise KernelError(f"the kernel {filename} does not define {ENTRY_NAME}(args, task, ntasks)")
    return getattr(function, "py_func", function)


def _flags() -> Any:
    from numba.core.compiler import Flags

    flags: Any = Flags()
    flags.nrt = False
    flags.enable_ssa = True
    flags.release_gil = True
    flags.error_model = "numpy"
    flags.no_cpython_wrapper = True
    flags.no_cfunc_wrapper = True
    return flags


def prepare_compiler() -> None:
    """Process-wide options of LLVM for every kernel; set once, before numba's code generator."""
    global _prepared
    if _prepared:
        return
    import llvmlite.binding as llvm
    from numba.core import config as numba_config

    config: Any = numba_config
    for option in _LLVM_OPTIONS:
        llvm.set_option(sys.argv[0] if sys.argv else "nodeflow", option)
    if llvm.get_host_cpu_name() in _WIDE and not config.CPU_FEATURES:
        features = llvm.get_host_cpu_features().flatten()
        config.CPU_FEATURES = f"{features},-prefer-256-bit"
    _prepared = True
