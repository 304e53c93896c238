"""TensorFlow 1's namespace: its public names, looked up here and in `nf`."""

from __future__ import annotations

import functools
import inspect
from functools import cache
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from nodeflow.errors import suggest
from nodeflow.foreign_names.answers import Answer, exists_in
from nodeflow.foreign_names.arguments import spelled_here
from nodeflow.integrations.tensorflow1.library import LIBRARY
from nodeflow.integrations.tensorflow1.tables import homes
from nodeflow.integrations.tensorflow1.tables.names import RENAMED

PUBLIC_NAMES = Path(__file__).with_name("public_names.txt")
"""The file with the names in TensorFlow 2.15's ``tf.compat.v1`` and their parameters; ``=``
marks a default.
"""


@cache
def public_names() -> dict[str, tuple[str, ...]]:
    """Return TensorFlow 1's public names, each with the names of its parameters."""
    found = {}
    for line in PUBLIC_NAMES.read_text(encoding="utf-8").splitlines():
        path, _, rest = line.partition("(")
        given = (p.strip().strip("*=") for p in rest.rstrip(")").split(","))
        found[path] = tuple(p for p in given if p)
    return found


@cache
def known_names() -> frozenset[str]:
    """Return all public names that TensorFlow 1 has or once had, whether or not they are supported
    here.
    """
    return frozenset({*public_names(), *RENAMED, *homes.own_names()})


@cache
def _exists_in_nf() -> Any:
    return exists_in(import_module("nodeflow"))


def counterpart(path: str) -> Answer:
    """Return what corresponds in `nf` to a public name of TensorFlow 1, for names that the package
    does not implement itself.
    """
    return LIBRARY.answer(path, _exists_in_nf())


def found_at(path: str) -> str | None:
    """Return the spelling under which a TensorFlow name is available here, without an internal path
    such as ``python.ops``. Return None if it is not available.
    """
    for one in homes.candidates(path):
        if homes.home(one) is not None:
            return one
        if one in known_names() and counterpart(one).here is not None:
            return one
    return None


def is_space(path: str) -> bool:
    """Return whether a path is a namespace of TensorFlow 1."""
    return any(one in _all_spaces() for one in (path, *homes.candidates(path)))


@cache
def _all_spaces() -> frozenset[str]:
    same = (f"{space}.name" for space in homes.SAME_SPACE)
    return frozenset(homes.spaces([*known_names(), *same]))


class Space(ModuleType):
    """A namespace of TensorFlow 1, which looks names up when they are first used."""

    def __init__(self, path: str = "") -> None:
        super().__init__(f"nodeflow.tensorflow1.{path}".rstrip("."))
        self.__dict__["_path"] = path

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # tools look up such names
            raise AttributeError(name)
        path = f"{self._path}.{name}" if self._path else name
        value = named(path)
        setattr(self, name, value)
        return value

    def __dir__(self) -> list[str]:
        start = f"{self._path}." if self._path else ""
        below = (n for n in known_names() if n.startswith(start) and found_at(n))
        return sorted({n.removeprefix(start).partition(".")[0] for n in below})


ROOT = Space()
ROOT.__dict__["__version__"] = "1.15.0"
"""The namespace of all of TensorFlow 1."""


def named(path: str) -> Any:
    """Return the function, class, constant or namespace that has this dotted name in TensorFlow 1.

    Raises:
        AttributeError: TensorFlow has no such name, or nothing here corresponds to it.
    """
    one = found_at(path)
    if one is None or isinstance(value := _object(one), ModuleType):
        if is_space(path):
            same = homes.SAME_SPACE.get(path) or homes.candidates(path)
            inner = any(one.startswith(f"{path}.") for one in homes.SAME_SPACE)
            return space(same[0] if len(same) == 1 and not inner else path)
        raise AttributeError(_unknown(path))
    return value


@cache
def space(path: str) -> Space:
    """Return the namespace object for a dotted path. Results are cached, so each namespace exists
    once.
    """
    return Space(path) if path else ROOT


def _object(path: str) -> Any:
    """Return the function or object that a program finds under a public name of TensorFlow 1."""
    if (home := homes.home(path)) is not None:
        return homes.load(home)
    value = attrgetter(counterpart(path).here or "")(import_module("nodeflow"))
    return adapted(value, path) if isinstance(value, FunctionType) else value


def _unknown(path: str) -> str:
    """Return the error message for a TensorFlow name that is not supported, with the reason or
    similar names.
    """
    text = f"nodeflow.tensorflow1 has no {path!r}"
    if path in public_names() and (reason := counterpart(path).reason):
        return f"{text}: {reason}."
    around = path.rpartition(".")[0]
    near = named(around) if around and is_space(around) else ROOT
    similar = suggest(path.rpartition(".")[2], dir(near))
    return f"{text}. {similar}" if similar else text


def adapted(function: Any, path: str) -> Any:
    """Return a function that also accepts TensorFlow 1's names of keyword arguments."""
    try:
        known = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return function
    if {*public_names().get(path, ())} <= known.keys():
        return function
    if any(p.kind is p.VAR_KEYWORD for p in known.values()):
        return function

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs.keys() <= known.keys():
            return function(*args, **kwargs)
        rest = list(known)[len(args) :]
        return function(*args, **spelled_here(kwargs, rest))

    return call
