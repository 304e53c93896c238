"""What a name of TensorFlow 1, or of another library, is here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from nodeflow.tensorflow1.table import ABSENT, OTHER_THINGS, OTHERS, RENAMED, ROOT_TOO


@dataclass(frozen=True)
class Answer:
    """What became of a name.

    Attributes:
        here: the name here, without ``nf.``; None if there is none.
        reason: why there is none, and what to do instead.
    """

    here: str | None
    reason: str = ""


def answer(name: str, exists: Callable[[str], bool]) -> Answer:
    """What TensorFlow 1's ``tf.NAME`` is here.

    Args:
        name: without ``tf.``.
        exists: whether ``nf.NAME`` exists.
    """
    if (renamed := RENAMED.get(name)) and exists(renamed):
        return Answer(renamed)
    if exists(name):
        return Answer(name)
    namespace, _, last = name.rpartition(".")
    if namespace.split(".")[0] in ROOT_TOO and name not in OTHER_THINGS:
        for other in (RENAMED.get(last, ""), last):
            if other and exists(other):
                return Answer(other)
    for reason, patterns in ABSENT.items():
        if any(fnmatchcase(name, pattern) for pattern in patterns.split()):
            return Answer(None, reason)
    return Answer(None)


def hint(name: str, exists: Callable[[str], bool], namespace: str = "") -> str | None:
    """What to say where somebody asks for ``nf.NAME``, which does not exist.

    >>> hint("sum", lambda name: name == "reduce_sum")
    'It is called nf.reduce_sum here.'
    """
    path = f"{namespace}.{name}" if namespace else name
    found = answer(path, exists)
    here = found.here
    if here is None and path not in OTHER_THINGS:
        here = _of_others(name, exists) or answer(name, exists).here
    if here is None and path not in OTHER_THINGS:
        here = next((n for n in _elsewhere(name) if exists(n)), None)
    if here is not None:
        return f"It is called nf.{here} here."
    known = found.reason and found.reason != list(ABSENT)[-1]
    return f"TensorFlow 1's tf.{path} is not here: {found.reason}." if known else None


def _of_others(name: str, exists: Callable[[str], bool]) -> str | None:
    here = OTHERS.get(name)
    return here if here is not None and exists(here) else None


def _elsewhere(name: str) -> list[str]:
    """The same name in the namespaces of `nf`, and at its root."""
    spaces = ("nn", "layers", "losses", "train", "summary", "data", "image", "linalg", "random")
    return [name, *(f"{space}.{name}" for space in spaces), f"train.{name}Optimizer"]


def exists_in(module: Any) -> Callable[[str], bool]:
    """Whether a dotted name is in a module, by what ``dir`` lists: nothing else is imported."""
    listed = cache(lambda found: frozenset(dir(found)))

    def exists(path: str) -> bool:
        found = module
        *spaces, last = path.split(".")
        for space in spaces:
            if space not in listed(found):
                return False
            found = getattr(found, space)
        return bool(last) and last in listed(found)

    return exists
