"""The documentation page *TensorFlow 1, name by name*: its public names and their counterparts
here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from operator import attrgetter
from typing import NamedTuple

import nodeflow
from nodeflow.foreign_names.answers import Answer
from nodeflow.foreign_names.arguments import WITHOUT_EFFECT, here
from nodeflow.integrations.tensorflow1.converter.convert import parameters_of
from nodeflow.integrations.tensorflow1.namespace import counterpart, named, public_names
from nodeflow.integrations.tensorflow1.tables import homes

HEAD = """\
# TensorFlow 1, name by name

Each public name of TensorFlow 1, its counterpart in `nf`, and its arguments: those with another
name there (`nodeflow.tensorflow1` takes both), and those that are not taken. Names that only
`nodeflow.tensorflow1` has are written `tf`.
"""


class Name(NamedTuple):
    """One public name of TensorFlow 1.

    Attributes:
        path: the name without ``tf.``.
        parameters: names of its parameters.
    """

    path: str
    parameters: tuple[str, ...]

    @property
    def namespace(self) -> str:
        """Return the part of the name before the last dot."""
        return self.path.rpartition(".")[0]


def names() -> list[Name]:
    """Return all names, by namespace."""
    return [Name(path, parameters) for path, parameters in public_names().items()]


def answers() -> Iterator[tuple[Name, Answer]]:
    """Yield each TensorFlow name with where it is available: as ``nf.NAME``, as ``tf.NAME``, or not
    at all, with the reason.
    """
    for name in names():
        if homes.home(name.path) is not None:
            yield name, Answer(f"tf.{name.path}")
        else:
            found = counterpart(name.path)
            yield name, Answer(found.here and f"nf.{found.here}", found.reason)


def arguments(name: Name, path: str) -> tuple[dict[str, str], list[str]]:
    """Compare a TensorFlow function's parameters with the parameters of the nodeflow function at
    ``path``. Return a dict from renamed parameters to their new names, and a list of the
    unsupported parameters.
    """
    known = parameters_of(function_at(path))
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


def function_at(path: str) -> object:
    """Return the object at ``nf.NAME`` or ``tf.NAME``."""
    library, _, name = path.partition(".")
    return named(name) if library == "tf" else attrgetter(name)(nodeflow)


def page() -> str:
    """Return the text of the page as Markdown."""
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
    return f"| `tf.{name.path}` | `{path}` | {'; '.join(notes)} |"


def _absent(rows: list[tuple[Name, str]]) -> Iterator[str]:
    """Yield Markdown lists of the names that are missing here, by reason."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for name, reason in rows:
        by_reason[reason].append(f"`{name.path.rpartition('.')[2]}`")
    for reason, found in by_reason.items():
        yield f"**{reason[0].upper()}{reason[1:]}**: {', '.join(found)}."
        yield ""
