"""Parsing the values of ``--feed NAME=VALUE`` and ``--set NODE.ATTR=VALUE``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from nodeflow.cli.environment import SYNTAX
from nodeflow.data.feed_files import read_array
from nodeflow.errors import FeedError, NodeflowError
from nodeflow.graph.types import TensorType, literal


class ArgumentProblem(NodeflowError):
    """A command-line argument that is not valid.

    Remedy: Write the argument as the message says.
    """


class ArgumentSyntax(ArgumentProblem):
    """An argument that does not have the form that its option requires.

    Remedy: Write the argument as nodeflow COMMAND --help shows.
    """

    exit_code = SYNTAX


def split_assignment(text: str, form: str) -> tuple[str, str]:
    """Split ``NAME=VALUE``.

    Raises:
        ArgumentSyntax: there is no ``=`` or no name.
    """
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ArgumentSyntax(f"{text!r} is not of the form {form}")
    return name.strip(), value


def parse_setting(text: str) -> tuple[str, str, Any]:
    """Split ``NODE.ATTR=VALUE`` at the last dot before ``=``; VALUE is JSON or plain text."""
    target, value = split_assignment(text, "NODE.ATTR=VALUE")
    node, dot, attr = target.rpartition(".")
    if not dot or not node or not attr:
        raise ArgumentSyntax(f"{text!r} is not of the form NODE.ATTR=VALUE, as in b.value=5")
    try:
        return node, attr, json.loads(value)
    except ValueError:
        return node, attr, value


def read_feed(
    name: str, text: str, type_: TensorType, folder: Path, invert: bool, prepare: str = "plain"
) -> np.ndarray:
    """Return the array of a ``--feed`` value.

    Args:
        text: JSON, ``@x.npy``, ``@x.npz:KEY``, ``@x.csv`` or ``@digit.png``.
        type_: type of the placeholder; literals, csv files and pictures take its dtype.
        invert: whether pictures are dark on light.
        prepare: how pictures are prepared, one of `preparation.WAYS`.

    Raises:
        FeedError, FileProblem, LiteralError: with the name of the placeholder.
    """
    try:
        if not text.startswith("@"):
            return literal(_parse_json(text), type_.dtype)
        path, key = _file_and_key(folder, text[1:])
        return read_array(path, type_, key, invert=invert, prepare=prepare)
    except NodeflowError as error:
        raise error.at(name) from None


def _parse_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise FeedError(
            f"{text!r} is not a value", hint="Write JSON such as [[1], [2]], or @FILE."
        ) from None


def _file_and_key(folder: Path, text: str) -> tuple[Path, str | None]:
    path, colon, key = text.rpartition(":")
    if colon and path.lower().endswith(".npz"):
        return folder / path, key
    return folder / text, None
