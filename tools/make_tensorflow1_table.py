"""The page *TensorFlow 1, name by name*: from nodeflow's own table and TensorFlow's list of names.

    python tools/make_tensorflow1_table.py            print the page
    python tools/make_tensorflow1_table.py --missing  print the missing names, by reason

``tensorflow1_names.txt`` holds the public names of TensorFlow 1 (as TensorFlow 2.15 keeps them in
``tf.compat.v1``) with their parameters; ``=`` marks parameters with a default.
``nodeflow/tensorflow1/table.py`` lists their counterparts here.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nodeflow
from nodeflow.tensorflow1.answers import Answer, answer, exists_in
from nodeflow.tensorflow1.arguments import WITHOUT_EFFECT, here
from nodeflow.tensorflow1.convert import parameters_of

NAMES = Path(__file__).with_name("tensorflow1_names.txt")

HEAD = """\
# TensorFlow 1, name by name

What each public name of TensorFlow 1 is here. The third column says which arguments have another
name (the functions of ops accept both, and the converter writes ours) and which are not taken. The
page is generated from the table that also answers wrong names and that
`python -m nodeflow.tensorflow1` applies to a program; see
[Coming from TensorFlow 1](../../guides/tensorflow1.md).
"""


@dataclass(frozen=True)
class Name:
    """One public name of TensorFlow 1.

    Attributes:
        path: without ``tf.``.
        parameters: names of its parameters.
    """

    path: str
    parameters: tuple[str, ...]

    @property
    def namespace(self) -> str:
        return self.path.rpartition(".")[0]


@cache
def names() -> tuple[Name, ...]:
    """Return all names, by namespace."""
    found = []
    for line in NAMES.read_text(encoding="utf-8").splitlines():
        path, _, rest = line.partition("(")
        given = (p.strip().strip("*=") for p in rest.rstrip(")").split(","))
        found.append(Name(path, tuple(p for p in given if p)))
    return tuple(found)


def answers() -> Iterator[tuple[Name, Answer]]:
    """Yield each name with its counterpart here."""
    exists = exists_in(nodeflow)
    return ((name, answer(name.path, exists)) for name in names())


def arguments(name: Name, path: str) -> tuple[dict[str, str], list[str]]:
    """Return the arguments with another name in ``nf.PATH``, and the arguments it does not take."""
    known = parameters_of(nodeflow, path)
    renamed: dict[str, str] = {}
    missing: list[str] = []
    if known is None:
        return renamed, missing
    for parameter in name.parameters:
        if parameter in known or parameter in WITHOUT_EFFECT:
            continue
        other = here(parameter, known)
        if other in known:
            renamed[parameter] = other
        else:
            missing.append(parameter)
    return renamed, missing


def page() -> str:
    """Return the page as Markdown."""
    lines = [HEAD]
    by_namespace: dict[str, list[tuple[Name, Answer]]] = defaultdict(list)
    for name, found in answers():
        by_namespace[name.namespace].append((name, found))
    for namespace, rows in by_namespace.items():
        lines += [f"## `tf.{namespace}`" if namespace else "## `tf`", ""]
        here_ = [(name, found.here) for name, found in rows if found.here]
        if here_:
            lines += ["| TensorFlow 1 | nodeflow | arguments |", "| --- | --- | --- |"]
            lines += [_row(name, path) for name, path in here_] + [""]
        lines += _absent([(name, found.reason) for name, found in rows if not found.here])
    return "\n".join(lines).rstrip() + "\n"


def _row(name: Name, path: str) -> str:
    renamed, missing = arguments(name, path)
    notes = [f"`{theirs}` is `{ours}`" for theirs, ours in renamed.items()]
    notes += [f"without {', '.join(f'`{m}`' for m in missing)}"] if missing else []
    return f"| `tf.{name.path}` | `nf.{path}` | {'; '.join(notes)} |"


def _absent(rows: list[tuple[Name, str]]) -> Iterator[str]:
    """Yield lists of the names that are missing here, by reason."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for name, reason in rows:
        by_reason[reason].append(f"`{name.path.rpartition('.')[2]}`")
    for reason, found in by_reason.items():
        yield f"**{reason[0].upper()}{reason[1:]}**: {', '.join(found)}."
        yield ""


def main() -> int:
    parser = argparse.ArgumentParser(description="the page TensorFlow 1, name by name")
    parser.add_argument("--missing", action="store_true", help="print what is not here")
    if parser.parse_args().missing:
        by_reason: dict[str, list[str]] = defaultdict(list)
        for name, found in answers():
            if not found.here:
                by_reason[found.reason].append(name.path)
        for reason, paths in by_reason.items():
            print(f"{reason}:\n    {' '.join(paths)}")
    else:
        print(page(), end="")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
