"""The counterparts in nodeflow of other libraries' names, and the hint for a wrong name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from nodeflow.foreign_names.others import OTHERS
from nodeflow.manifests import offers


@dataclass(frozen=True)
class Answer:
    """The counterpart of another library's name.

    Attributes:
        here: the name in nodeflow, without ``nf.``; None if there is none.
        reason: why there is none, and what to do instead.
    """

    here: str | None
    reason: str = ""


@dataclass(frozen=True)
class Library:
    """Another library, whose names an integration knows.

    Attributes:
        title: its name: ``TensorFlow 1``.
        alias: the usual name of its import in programs: ``tf``.
        statement: imports its names from nodeflow: ``import nodeflow.tensorflow1 as tf``.
        has: whether a name, without alias, is in the module that `statement` imports and has no
            counterpart in `nf`.
        renamed: its name -> the name in `nf`.
        absent: why names are missing -> patterns of these names; the first that fits counts.
        namespaces: its namespaces whose names are at the root of `nf`.
        other_things: its names that mean something else than the same name at the root of `nf`.
    """

    title: str
    alias: str
    statement: str
    has: Callable[[str], bool]
    renamed: Mapping[str, str]
    absent: Mapping[str, str]
    namespaces: tuple[str, ...]
    other_things: frozenset[str]

    def answer(self, name: str, exists: Callable[[str], bool]) -> Answer:
        """Return the counterpart in `nf` of a name in another library, or the reason why there is
        none.

        Args:
            name: without alias.
            exists: whether ``nf.NAME`` exists.
        """
        if (renamed := self.renamed.get(name)) and exists(renamed):
            return Answer(renamed)
        if exists(name):
            return Answer(name)
        namespace, _, last = name.rpartition(".")
        if namespace.split(".")[0] in self.namespaces and name not in self.other_things:
            for other in (self.renamed.get(last, ""), last):
                if other and exists(other):
                    return Answer(other)
        for reason, patterns in self.absent.items():
            if any(fnmatchcase(name, pattern) for pattern in patterns.split()):
                return Answer(None, reason)
        return Answer(None)

    def where(self, name: str) -> str:
        """Return a sentence that tells the user how to import a name from nodeflow's namespace for
        another library, for a name that `nf` itself lacks.
        """
        written = f"`{self.statement}` and `{self.alias}.{name}`"
        return f"It is one of {self.title}'s names: write {written}."


def libraries() -> tuple[Library, ...]:
    """Return the libraries that integrations know."""
    return tuple(offer.load() for offer in offers("names"))


def hint(name: str, exists: Callable[[str], bool], namespace: str = "") -> str | None:
    """Return the hint for ``nf.NAMESPACE.NAME``, which does not exist, or None.

    >>> hint("sum", lambda name: name == "reduce_sum")
    'It is called nf.reduce_sum here.'
    """
    path = f"{namespace}.{name}" if namespace else name
    known = libraries()
    for library in known:
        if library.has(path):
            return library.where(path)
    answers = [library.answer(path, exists) for library in known]
    here = next((one.here for one in answers if one.here is not None), None)
    if here is None and not any(path in library.other_things for library in known):
        here = _elsewhere(name, exists, known)
    if here is not None:
        return f"It is called nf.{here} here."
    for library in known:
        for one in (library.renamed.get(path, ""), *_spaced(name)):
            if one and library.has(one):
                return library.where(one)
    for library, found in zip(known, answers, strict=True):
        if found.reason and found.reason != list(library.absent)[-1]:
            return f"{library.title}'s {library.alias}.{path} is not here: {found.reason}."
    return None


def _elsewhere(name: str, exists: Callable[[str], bool], known: tuple[Library, ...]) -> str | None:
    """Return the nodeflow name for an unknown name: the translation of another library's name, or
    the same name in another namespace.

    Return None if there is none.
    """
    renamed = (library.answer(name, exists).here for library in known)
    same = (name, *_spaced(name))
    return next((n for n in (OTHERS.get(name), *renamed, *same) if n and exists(n)), None)


def _spaced(name: str) -> list[str]:
    """Return the full names under which a name without namespace may exist, such as ``nn.NAME`` or
    ``train.NAMEOptimizer``.
    """
    spaces = ("nn", "layers", "losses", "train", "summary", "data", "image", "linalg", "random")
    return [*(f"{space}.{name}" for space in spaces), f"train.{name}Optimizer"]


def exists_in(module: Any) -> Callable[[str], bool]:
    """Return a function that tells whether a dotted name, such as ``nn.relu``, exists in a module.

    It looks only at names that ``dir`` lists, and imports no further modules.
    """
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
