"""Compile the kernels of trainings for ARM on any machine, and count instructions of the result.

    python benchmarks/arm.py [FILE ...]

Every kernel of a training step is made as on a processor with NEON (vectors of 16 bytes, 32
registers), handed to LLVM with ARM as the target, and emitted as assembly. This shows that the
kernels compile for ARM, how many multiply-adds in their innermost loops are vector instructions,
and whether tiles stay in registers. No kernel is run, so this says nothing about speed or results.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
EXAMPLES = ("mnist_adam", "mnist_cnn_layers", "lstm", "word2vec")
TRIPLE, CPU = "aarch64-unknown-linux-gnu", "neoverse-n1"
FLUSH = 1 << 24
"""FZ of FPCR, as in `nodeflow.engine.devicelib.denormals`."""
COUNTED = {
    "vector fma": r"\tf(?:mla|mls)\tv\d+\.(?:4s|2d|8h)",
    "scalar fma": r"\tf(?:n?madd|n?msub)\t",
    "vectors on the stack": r"\t(?:str|stp|ldr|ldp)\tq\d+,.*\[sp",
}


def innermost(assembly: str) -> str:
    """Return the blocks that jump back to their own beginning."""
    blocks = re.split(r"^(\.LBB\w+):", assembly, flags=re.M)[1:]
    loops = []
    for name, text in zip(blocks[::2], blocks[1::2], strict=True):
        if re.search(rf"\t(?:b\.\w+\t|cbn?z\t\w+, ){re.escape(name)}$", text, re.M):
            loops.append(text)
    return "".join(loops)


def compiled(source: str) -> str:
    """Return a kernel's assembly for ARM.

    Raises:
        RuntimeError: LLVM does not accept the text.
        Untranslatable: our front end does not; numba's would compile for this processor.
    """
    import llvmlite.binding as llvm

    from nodeflow.engine.compiler import compile_kernel

    entry = compile_kernel._entry(source, "<kernel>")
    library, module, _ = compile_kernel.translate_source(source, entry)
    machine = target_machine()
    parsed = llvm.parse_assembly(for_arm(str(module), machine))
    for linked in dict.fromkeys(library._linking_libraries):
        text = for_arm(str(linked._get_module_for_linking()), machine)
        parsed.link_in(llvm.parse_assembly(text))
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = options.slp_vectorization = True
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(parsed, builder)
    foreign = [f.name for f in parsed.functions if f.name.startswith("llvm.x86.")]
    if foreign:
        raise RuntimeError(f"of another processor: {', '.join(foreign)}")
    return machine.emit_assembly(parsed)


def target_machine():  # type: ignore[no-untyped-def]
    import llvmlite.binding as llvm

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target = llvm.Target.from_triple(TRIPLE)
    return target.create_target_machine(cpu=CPU, features="", opt=3, reloc="pic")


def for_arm(text: str, machine) -> str:  # type: ignore[no-untyped-def]
    """Return LLVM's text with another target, without the names of the processor at hand."""
    text = re.sub(r"^target triple = .*$", f'target triple = "{TRIPLE}"', text, flags=re.M)
    layout = f'target datalayout = "{machine.target_data}"'
    text = re.sub(r"^target datalayout = .*$", layout, text, flags=re.M)
    return re.sub(r'"target-(?:cpu|features)"="[^"]*"', "", text)


def results(paths: list[Path]) -> Iterator[dict]:
    """Yield a result for each kernel, in a process that was started with `environment`."""
    from compiling import training_kernels

    from nodeflow.engine.compiler.compile_kernel import prepare_compiler
    from nodeflow.engine.devicelib import denormals

    denormals._X86, denormals._ARM, denormals._FLUSH = False, True, FLUSH
    prepare_compiler()
    for path in paths:
        for source, nodes in training_kernels(path).items():
            assembly, error = "", ""
            try:
                assembly = compiled(source)
            except Exception as problem:
                error = f"{type(problem).__name__}: {problem}"
            loops = innermost(assembly)
            found = {what: len(re.findall(text, loops)) for what, text in COUNTED.items()}
            yield {"file": path.stem, "nodes": list(nodes[:4]), **found, "error": error}


def environment() -> dict[str, str]:
    """Return the environment that makes kernels as on ARM; numba itself stays with any x86
    processor."""
    cpu = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "+neon", "NODEFLOW_RUNS": "off"}
    return {**os.environ, **cpu, "PYTHONPATH": os.pathsep.join((str(HERE), str(HERE.parent)))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    paths = options.files or [HERE.parent / "examples" / f"{name}.flow" for name in EXAMPLES]
    if options.inside:
        for result in results(paths):
            print(json.dumps(result), flush=True)
        return
    command = [sys.executable, __file__, "--inside", *map(str, paths)]
    done = subprocess.run(command, env=environment(), stdout=subprocess.PIPE, text=True, check=True)
    totals: dict[str, Counter[str]] = {}
    for line in done.stdout.splitlines():
        result = json.loads(line)
        total = totals.setdefault(result["file"], Counter())
        total.update({what: result[what] for what in COUNTED})
        total.update(kernels=1, failed=bool(result["error"]))
        if result["error"]:
            print(f"{result['file']}: {', '.join(result['nodes'])}: {result['error'][:300]}")
    for name, total in totals.items():
        print(json.dumps({"case": "arm", "file": name, **total}), flush=True)


if __name__ == "__main__":
    main()
