"""Public names of nodeflow, and the places that use them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

import nodeflow as nf
from nodeflow.document.code.document_code import document_code
from nodeflow.document.io import flow
from nodeflow.graph.dtype_objects import OBJECTS
from nodeflow.graph.registry import REGISTRY

NAME = re.compile(r"\b(?:nf|nodeflow)\.([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)")
IMPORT = re.compile(r"^ *(?:from|import) nodeflow\b.*", re.MULTILINE)
OWN_FOLDER = "tensorflow1"
"""The integration whose guide is about programs of TensorFlow 1, and keeps no name."""


def uses(root: Path) -> dict[str, set[str]]:
    """Return the kinds of places that use a public name, by name."""
    others = root.glob("nodeflow/integrations/*/guide.md")
    guides = [*root.glob("docs/guides/*.md"), *(p for p in others if p.parent.name != OWN_FOLDER)]
    guides += [root / "README.md", root / "docs" / "tutorial.md", root / "docs" / "tour.md"]
    examples = [p for p in root.glob("examples/**/*.py") if "python" not in p.parts]
    window = [*root.glob("nodeflow/ui/**/*.py"), *root.glob("nodeflow/document/formula/*.py")]
    found: dict[str, set[str]] = defaultdict(set)
    for kind, texts in (
        ("guide", _read(guides)),
        ("example", _read(examples)),
        ("window", _read(window)),
        ("code", _exported(root)),
    ):
        for text in texts:
            for path in NAME.findall(IMPORT.sub("", text)):
                parts = path.split(".")
                for count in range(1, len(parts) + 1):
                    found[".".join(parts[:count])].add(kind)
    return found


def _read(paths: Iterable[Path]) -> Iterator[str]:
    return (path.read_text(encoding="utf-8") for path in paths)


def _exported(root: Path) -> Iterator[str]:
    """Yield the examples as programs of nodeflow: ``nodeflow export FILE --to nodeflow``."""
    for path in sorted(root.glob("examples/*.flow")):
        yield document_code(flow.load(path), path.stem).text


def names() -> list[str]:
    """Return all names of `nf` and of its namespaces that are neither ops nor dtypes."""
    known = {op.id.replace("/", ".") for op in REGISTRY} | {*OBJECTS}
    found = [name for name in dir(nf) if name[0] != "_"]
    return [inner for name in found for inner in _with_inside(name) if inner not in known]


def _with_inside(name: str) -> Iterator[str]:
    yield name
    module = getattr(nf, name)
    if isinstance(module, ModuleType) and name not in ("errors", "functions"):
        yield from (f"{name}.{inner}" for inner in dir(module) if inner[0] != "_")
