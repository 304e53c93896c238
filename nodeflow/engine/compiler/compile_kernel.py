"""The compilation of a kernel's source text to an object file, by numba and LLVM.

The text defines ``kernel(args, task, ntasks)`` and imports what it uses. `frontend` translates
it to LLVM by numba's rules. A text that it cannot translate is translated by numba itself.
Kernels are compiled with numpy's error model, without the GIL, without fastmath, without
numba's runtime (so a kernel cannot allocate), and without wrappers for Python, which would
double the time.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from nodeflow.engine.compiler.object_code import ObjectCode
from nodeflow.engine.gc_pause import uncollected
from nodeflow.errors import NodeflowError

ENTRY_NAME = "kernel"
# LLVM vectorises a loop over several arrays only if it may test at run time that they do not
# overlap. Its default of 8 comparisons is fewer than a fused cluster of six arrays needs.
_LLVM_OPTIONS = ("-runtime-memory-check-threshold=128",)
# These processors run 512-bit vectors without slowing down: exp and softplus are a fifth to a half
# faster. But LLVM avoids such vectors, because earlier processors slowed down.
_WIDE = frozenset(
    {"icelake-client", "icelake-server", "sapphirerapids", "emeraldrapids", "graniterapids"}
)
_prepared = False


class KernelError(NodeflowError):
    """A kernel's source does not compile: a fault of the code generator or of an op's lowering.

    Remedy: Report it with nodeflow doctor --bundle; --tier reference computes without kernels.

    Attributes:
        nodes: names of all nodes that the kernel computes, where they are known.
    """

    nodes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Inspection:
    """The intermediate results of numba and LLVM for a kernel, for tests and for people."""

    types: dict[str, str]  # numba's type of every variable
    llvm: str
    assembly: str


@uncollected
def compile_source(source: str, filename: str = "<kernel>") -> ObjectCode:
    """Compile a kernel's source text.

    Raises:
        KernelError: the text cannot be compiled; the message contains numba's message.
    """
    return _compile(source, filename).object_code()


def inspect_source(source: str) -> Inspection:
    """Compile a kernel's source to inspect it. Return the types that were inferred, the LLVM text
    and the assembly.
    """
    built = _compile(source, "<kernel>")
    return Inspection(built.types, str(built.module), built.assembly())


@dataclass(frozen=True)
class _Built:
    """A kernel as an optimized LLVM module."""

    symbol: str
    types: dict[str, str]
    module: Any
    machine: Any

    def object_code(self) -> ObjectCode:
        declared = [f.name for f in self.module.functions if f.is_declaration]
        declared += [g.name for g in self.module.global_variables if g.is_declaration]
        externals = tuple(sorted(n for n in declared if not n.startswith("llvm.")))
        return ObjectCode(self.symbol, externals, self.machine.emit_object(self.module))

    def assembly(self) -> str:
        return self.machine.emit_assembly(self.module)


def _compile(source: str, filename: str) -> _Built:
    from numba.core.compiler_lock import global_compiler_lock

    prepare_compiler()
    try:
        function = _entry(source, filename)
        with global_compiler_lock:
            return _translated(source, function) or _analysed(function)
    except KernelError:
        raise
    except Exception as error:  # numba, LLVM and faulty text fail in many ways
        raise KernelError(f"the kernel {filename} does not compile: {error}") from error


def _translated(source: str, function: Callable) -> _Built | None:
    """Compile with our own front end; return None if it cannot translate the text.

    It cannot if only numba's front end understands the text, or if the installed numba is not
    the version whose internals it uses. Then numba's own front end is used, which is slower but
    right.
    """
    try:
        library, module, types = translate_source(source, function)
        machine = library._codegen._tm
        return _Built(ENTRY_NAME, types, _optimized(module, library, machine), machine)
    except Exception:
        return None


def translate_source(source: str, function: Callable) -> tuple[Any, Any, dict[str, str]]:
    """Translate a kernel's source with our own front end to an LLVM module, which is not optimized
    yet.

    Raises:
        Untranslatable: see `frontend`.

    Returns:
        numba's library, llvmlite's module, numba's type of every variable.
    """
    from numba.core.errors import NumbaError
    from numba.core.targetconfig import ConfigStack

    from nodeflow.engine.compiler.frontend import Translator, Untranslatable

    typing, _ = _contexts()
    context, flags = _subtarget()
    library = context.codegen().create_library(ENTRY_NAME)
    module = library.create_ir_module(ENTRY_NAME)
    translator = Translator(ast.parse(source), function.__globals__, typing, context)
    try:
        with ConfigStack().enter(flags), context.push_code_library(library):
            translator.function(ENTRY_NAME, module)
    except NumbaError as error:
        raise Untranslatable(str(error)) from error
    return library, module, translator.types


def _contexts() -> tuple[Any, Any]:
    """Return numba's typing context and target context for the processor, with new functions
    registered.
    """
    from numba.core.registry import cpu_target

    typing: Any = cpu_target.typing_context
    target: Any = cpu_target.target_context
    typing.refresh()
    target.refresh()
    return typing, target


@cache
def _subtarget() -> tuple[Any, Any]:
    """Return numba's target context for compiling kernels, with its flags. Both are made once."""
    from numba.core.compiler import _make_subtarget

    flags = _flags()
    return _make_subtarget(_contexts()[1], flags), flags


def _optimized(module: Any, library: Any, machine: Any) -> Any:
    """Link the LLVM module with all functions that it calls, and return it optimized by LLVM.

    numba's own way would first run passes for reference counts, and would place the code in memory.
    """
    import llvmlite.binding as llvm

    parsed = llvm.parse_assembly(str(module))
    parsed.verify()
    for linked in dict.fromkeys(library._linking_libraries):
        parsed.link_in(linked._get_module_for_linking(), preserve=True)
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = options.slp_vectorization = True
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(parsed, builder)
    return parsed


def _analysed(function: Callable) -> _Built:
    """Compile with numba's own front end."""
    from numba.core import types
    from numba.core.compiler import compile_extra

    signature = (types.int64, types.int64, types.int64)
    result = compile_extra(*_contexts(), function, signature, types.void, _flags(), {})
    library: Any = result.library
    found = {str(name): str(t) for name, t in result.type_annotation.typemap.items()}
    module, machine = library._final_module, library._codegen._tm
    return _Built(result.fndesc.llvm_func_name, found, module, machine)


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
    """Set LLVM's process-wide options for kernels, once, before numba's code generator exists."""
    global _prepared
    if _prepared:
        return
    import llvmlite.binding as llvm
    from numba.core import config as numba_config
    from numba.core import errors as numba_errors

    config: Any = numba_config
    errors: Any = numba_errors
    # Most errors inside numba only say that it has to try another signature. If colorama is
    # installed, each of them would prepare the terminal for colours.
    errors.termcolor()._markup = lambda text, *_: text
    llvm.initialize_native_asmparser()  # for the assembly in `result_tile`
    for option in _LLVM_OPTIONS:
        llvm.set_option(sys.argv[0] if sys.argv else "nodeflow", option)
    if llvm.get_host_cpu_name() in _WIDE and not config.CPU_FEATURES:
        features = llvm.get_host_cpu_features().flatten()
        config.CPU_FEATURES = f"{features},-prefer-256-bit"
    _prepared = True


def load_compiler() -> None:
    """Import the compiler and the functions that kernels call, so that the first kernel is fast.

    Only a compiling process may call this, because afterwards numba does not support numpy's matrix
    products there.
    """
    import numba.np.linalg

    import nodeflow.engine.compiler.frontend
    import nodeflow.engine.devicelib.math_functions  # noqa: F401

    prepare_compiler()
    linalg: Any = numba.np.linalg
    linalg.ensure_blas = _no_blas
    _contexts()


def _no_blas() -> None:
    """Raise ImportError, in place of numba's search for a BLAS.

    numba would import scipy.linalg for it, which takes a quarter of all import time. Kernels
    call BLAS by its address.
    """
    raise ImportError
