"""The head of a module in any library: docstring, imports and names of files."""

from __future__ import annotations

import re
from collections.abc import Iterable

from nodeflow.integrations.code.program import Program

FILES = {"WEIGHTS": ".safetensors", "DATA": "_data.npz", "BATCHES": "_batches.npz"}


def head(
    program: Program, what: str, third_party: Iterable[str], code: str, last: Iterable[str] = ()
) -> str:
    """Return the source text at the top of a generated module: the docstring, imports, and names of
    files.

    Args:
        what: the form of the graph, for the docstring, such as ``numpy functions``.
        third_party: imports of libraries.
        code: the rest of the module. It determines the other imports and the names of files.
        last: statements before the names of the files.
    """
    names = [name for name in FILES if re.search(rf"\b{name}\b", code)]
    lines = [f'"""{program.name}, as {what}."""', "", "from __future__ import annotations", ""]
    standard = ["import math"] * bool(re.search(r"\bmath\.", code))
    standard += ["from pathlib import Path"] * bool(names)
    lines += [*standard, ""] if standard else []
    lines += [*third_party, ""]
    lines += [*last, ""] if any(last) else []
    lines += [f'{n} = Path(__file__).with_name("{program.name}{FILES[n]}")' for n in names]
    return "\n".join(lines).rstrip()


def joined(*blocks: str) -> str:
    """Return a module that consists of the blocks, with two empty lines between them."""
    return "\n\n\n".join(block.rstrip() for block in blocks if block.strip()) + "\n"
