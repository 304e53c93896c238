"""Write ``docs/errors.md``: every error with cause, remedy and an example.

Cause and remedy are the docstring of the class. The example is provoked by a test
(``tests/errors/table.py``), as the command line or Python shows it. ``tests/errors`` compares.
"""

from __future__ import annotations

import inspect
import os
import pkgutil
import sys
import tempfile
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "errors.md"

GROUPS = {
    "Building a graph": ("nodeflow.errors", "GraphError"),
    "Running and training": ("nodeflow.errors", "RunError"),
    "Data": ("nodeflow.errors", "DataError"),
    "Files": ("nodeflow.errors", "FileProblem"),
    "Editing": ("nodeflow.document.model.errors", "DocumentError"),
    "Others": ("nodeflow.errors", "NodeflowError"),
}
"""Title -> the base class of its errors; the first group that fits counts."""


def classes() -> list[type]:
    """Return the classes of errors, by module and place in it."""
    import nodeflow
    from nodeflow.errors import NodeflowError

    for module in pkgutil.walk_packages(nodeflow.__path__, "nodeflow."):
        has_qt = ".ui" in module.name or ".window" in module.name
        if not has_qt and not module.name.endswith("__main__"):
            import_module(module.name)
    found: list[type] = []
    waiting: list[type] = [NodeflowError]
    while waiting:
        one = waiting.pop()
        waiting += one.__subclasses__()
        if one is not NodeflowError and one.__module__.startswith("nodeflow."):
            found.append(one)
    first = "nodeflow.errors"
    return sorted(set(found), key=lambda c: (c.__module__ != first, c.__module__, _line(c)))


def _line(kind: type) -> int:
    return inspect.getsourcelines(kind)[1]


def described(kind: type) -> tuple[str, str]:
    """Return cause and remedy from the docstring.

    Raises:
        ValueError: the docstring has no remedy.
    """
    parts = inspect.cleandoc(kind.__dict__.get("__doc__") or "").split("\n\n")
    remedies = [p for p in parts if p.startswith("Remedy: ")]
    if not remedies:
        raise ValueError(f"the docstring of {kind.__module__}.{kind.__name__} has no remedy")
    return " ".join(parts[0].split()), " ".join(remedies[0].split()).removeprefix("Remedy: ")


def example(name: str) -> str | None:
    """Return the text that a user reads, without the folders of the example and of nodeflow."""
    from tests.errors.table import ELSEWHERE, TABLE

    if name in ELSEWHERE:
        return ELSEWHERE[name][1]
    if name not in TABLE:
        return None
    with tempfile.TemporaryDirectory() as folder:
        real = Path(os.path.realpath(folder))
        TABLE[name].prepare(real)
        error = TABLE[name].raised(real)
    if error is None:
        raise ValueError(f"{name} is not provoked")
    text = error.text("cli" if TABLE[name].command else "python")
    for place in (real, ROOT):
        text = text.replace(f"{place}/", "").replace(str(place), ".")
    return text


def page() -> str:
    """Return the Markdown."""
    from tests.errors.table import FAMILIES

    lines = [
        "# Errors",
        "",
        "Every error that nodeflow shows, with its cause and what to do. A message names the node,",
        "file or option, what was expected and what came. In Python each is a class, most of them",
        "in `nf.errors`; the command line prints the message and ends with exit status 1; the",
        "window shows it at the node, or in a message with the choices there are.",
        "",
        "This page is made from the classes and from what the tests provoke:",
        "`tools/make_errors.py`.",
    ]
    left = [kind for kind in classes() if kind.__name__ not in FAMILIES]
    for title, (module, base) in GROUPS.items():
        parent = getattr(import_module(module), base)
        group = [kind for kind in left if issubclass(kind, parent)]
        left = [kind for kind in left if kind not in group]
        lines += ["", f"## {title}"]
        for kind in group:
            cause, remedy = described(kind)
            where = "nf.errors" if kind.__module__ == "nodeflow.errors" else kind.__module__
            lines += ["", f"### {kind.__name__}", "", f"`{where}.{kind.__name__}`", ""]
            lines += [cause, "", f"**Remedy.** {remedy}"]
            if said := example(kind.__name__):
                lines += ["", "```text", said, "```"]
    return "\n".join(lines) + "\n"


def main() -> None:
    os.environ.setdefault("NODEFLOW_RUNS", "off")
    sys.path.insert(0, str(ROOT))
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
