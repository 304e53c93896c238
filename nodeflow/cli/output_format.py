"""Formatting of values: as JSON for programs and as text for people."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from nodeflow import number_text
from nodeflow.atomic_write import write_atomically, writing
from nodeflow.cli.environment import Environment
from nodeflow.engine.memory import Needs
from nodeflow.errors import said
from nodeflow.graph.types import complex_text


def jsonable(value: Any) -> Any:
    """Convert a value to JSON data.

    Arrays become nested lists. NaN, infinities and complex numbers become strings, as in ``.flow``
    files. Bytes, such as summaries, become base 64.
    """
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, np.ndarray):
        return jsonable(value.tolist())
    if isinstance(value, np.generic):
        return jsonable(value.item())
    if isinstance(value, complex):
        return complex_text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, dict):
        return {k: jsonable(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(v) for v in value]
    return value


def write_trace(trace: Mapping[str, Any], name: str, environment: Environment) -> None:
    """Write the trace of a profile, and print how to open it."""
    path = environment.path(name)
    with writing(path):
        write_atomically(path, json.dumps(trace).encode())
    environment.message(f"nodeflow: trace written to {name}; open it in Perfetto (ui.perfetto.dev)")


def show_notices(notices: Iterable[str], environment: Environment) -> None:
    """Print notices for the user on standard error, one line each."""
    for notice in notices:
        environment.message(f"nodeflow: {said(notice, 'cli')}")


def say_needs(needs: Needs, limit: int, environment: Environment) -> None:
    """Print on standard error how much memory a run or step will take."""
    text = f"{needs.text}; the limit is {number_text.bytes_text(limit)}"
    environment.message(f"nodeflow: memory: {number_text.plain(text)}")


def json_line(value: Any) -> str:
    """Return a value as one line of JSON."""
    return json.dumps(jsonable(value), ensure_ascii=False, allow_nan=False)


def value_text(name: str, value: np.ndarray | bytes | None) -> str:
    """Return a named value as text: ``a = 9.0``. Arrays start on a new line; numpy abbreviates
    long ones.
    """
    if value is None:
        return f"{name}: done"
    if isinstance(value, bytes):
        return f"{name}: a summary of {plural(len(value), 'byte')}"
    array = np.asarray(value)
    if array.ndim == 0:
        return f"{name} = {array.item()}"
    text = np.array2string(array, separator=", ", threshold=200)
    return f"{name} = {array.dtype} {array.shape}\n{text}"


def number(value: float) -> str:
    """Return a number as text, in the window's notation."""
    return number_text.plain(number_text.number(value))


def plural(count: int, noun: str) -> str:
    """Return a count with its noun: ``1 epoch``, ``10 epochs``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def duration(seconds: float) -> str:
    """Return a duration as text: ``12 s``, ``3 min 05 s``, ``1 h 02 min``."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
