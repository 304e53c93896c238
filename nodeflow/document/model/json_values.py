"""JSON values, the only values in a document; equal values have equal text."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from json.encoder import encode_basestring as quoted
from typing import Any

from nodeflow.document.model.errors import BadValue

Json = Any  # None, bool, int, float, str, list or dict of these


DEEPEST = 48  # a file may nest 64 levels, and a value starts some levels down
LARGEST_BITS = 4096  # larger integers cannot be read back


def plain(value: Any, *, where: str = "value", depth: int = 0) -> Json:
    """Return `value` as a file stores it: lists for tuples and arrays, strings for NaN and complex
    numbers, sorted keys.

    Raises BadValue for values that a file cannot hold: objects, keys that are not strings, lone
    surrogates, huge integers, endless nesting.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _whole_text(value, where)
    if isinstance(value, int):
        if value.bit_length() > LARGEST_BITS:
            raise BadValue(f"{where} is a whole number of {value.bit_length()} bits")
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else _non_finite(value)
    if isinstance(value, complex):
        return repr(complex(value)).strip("()")
    if depth > DEEPEST:
        raise BadValue(f"{where} is nested deeper than {DEEPEST} levels")
    if isinstance(value, (list, tuple)):
        return [plain(item, where=where, depth=depth + 1) for item in value]
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise BadValue(f"{where} has the key {key!r}, and keys must be strings")
        return {
            _whole_text(key, where): plain(value[key], where=where, depth=depth + 1)
            for key in sorted(value)
        }
    if hasattr(value, "tolist"):  # numpy arrays and scalars, without importing numpy
        return plain(value.tolist(), where=where, depth=depth + 1)
    raise BadValue(f"{where} is a {type(value).__name__}, which a document cannot hold")


def _whole_text(text: str, where: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadValue(f"{where} holds half a character (a lone surrogate)") from None
    return text


def _non_finite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, allow_nan=False)


def compact_json(value: Json) -> str:
    """Return the canonical one-line text of a JSON value: sorted keys, no NaN."""
    if type(value) is str:
        return quoted(value)
    return _ENCODER.encode(value)


def same(a: Any, b: Any) -> bool:
    """Return whether two JSON values or records have the same text (1, 1.0 and True differ)."""
    return a is b or (a == b and repr(a) == repr(b))


def coordinate(value: float) -> int | float:
    """Return a coordinate as written in files: rounded to 1/100 pixel, integers without a dot."""
    if type(value) is int:
        return value
    rounded = round(float(value), 2)
    return int(rounded) if rounded.is_integer() else rounded


def coordinate_text(value: float) -> str:
    """Return the text of `coordinate(value)` in a file."""
    number = coordinate(value)
    return str(number) if type(number) is int else compact_json(number)
