"""Reading of JSON objects into dataclasses, field by field, with errors that name the place."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from nodeflow.errors import a_type, suggest_or_list
from nodeflow.lessons.errors import LessonProblem

T = TypeVar("T")
Reader = Callable[[Any, str], Any]
LARGEST_PICTURE = 1 << 20
"""Characters of the largest picture."""
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"


def field(reader: Reader, default: Any = dataclasses.MISSING) -> Any:
    """Declare a field of a dataclass that `read` reads. Without a default it is required."""
    metadata = {"reader": reader}
    if isinstance(default, dict):
        return dataclasses.field(default_factory=default.copy, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def read(kind: type[T], data: Any, place: str) -> T:
    """Return the dataclass that a JSON object describes.

    Raises:
        LessonProblem: it is no object, a required field is missing, a field is unknown, or a value
            has the wrong type.
    """
    if not isinstance(data, Mapping):
        raise LessonProblem(f"{place}: expected an object, not {a_type(data)}")
    fields = {f.name.rstrip("_"): f for f in dataclasses.fields(kind) if "reader" in f.metadata}  # type: ignore[arg-type]
    for name in data:
        if name not in fields:
            raise LessonProblem(
                f"{place}: there is no field {name!r}", hint=suggest_or_list(str(name), fields)
            )
    values = {}
    for name, declared in fields.items():
        if name in data:
            values[declared.name] = declared.metadata["reader"](data[name], f"{place}.{name}")
        elif declared.default is declared.default_factory is dataclasses.MISSING:
            raise LessonProblem(f"{place}: the field {name!r} is missing")
    return kind(**values)


def text(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise LessonProblem(f"{place}: expected a text, not {a_type(value)}")
    return value


def picture(value: Any, place: str) -> bytes:
    """Return the bytes of a picture, which a lesson holds as base64."""
    if not isinstance(value, str) or len(value) > LARGEST_PICTURE:
        raise LessonProblem(f"{place}: expected a picture as base64, at most 1 MB")
    try:
        found = base64.b64decode(value, validate=True)
    except ValueError:
        raise LessonProblem(f"{place}: expected a picture as base64") from None
    if found and not found.startswith((PNG, JPEG)):
        raise LessonProblem(f"{place}: expected a PNG or JPEG picture")
    return found


def flag(value: Any, place: str) -> bool:
    if not isinstance(value, bool):
        raise LessonProblem(f"{place}: expected true or false, not {a_type(value)}")
    return value


def number(value: Any, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise LessonProblem(f"{place}: expected a number, not {a_type(value)}")
    return float(value)


def whole(low: int, high: int = 2**31 - 1) -> Reader:
    """Return a function that checks a value of the file: a whole number from low to high.

    The function returns the number; it raises LessonProblem for any other value.
    """

    def reader(value: Any, place: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise LessonProblem(f"{place}: expected a whole number from {low} to {high}")
        return value

    return reader


def one_of(*choices: str) -> Reader:
    """Return a reader of one of these texts."""

    def reader(value: Any, place: str) -> str:
        if value not in choices:
            raise LessonProblem(f"{place}: expected one of {', '.join(choices)}, not {value!r}")
        return value

    return reader


def many(item: Reader, least: int = 0) -> Reader:
    """Return a function that reads a list from JSON into a tuple, by applying ``item`` to each
    element.

    The function raises LessonProblem unless the value is a list of at least ``least`` items.
    """

    def reader(value: Any, place: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise LessonProblem(f"{place}: expected a list, not {a_type(value)}")
        if len(value) < least:
            raise LessonProblem(f"{place}: expected at least {least} items, not {len(value)}")
        return tuple(item(v, f"{place}[{i}]") for i, v in enumerate(value))

    return reader


def named(item: Reader) -> Reader:
    """Return a reader of objects with any keys."""

    def reader(value: Any, place: str) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise LessonProblem(f"{place}: expected an object, not {a_type(value)}")
        return {str(k): item(v, f"{place}.{k}") for k, v in value.items()}

    return reader


def raw(value: Any, place: str) -> Any:
    """Return a lesson's field unchanged. Its content is checked by another module."""
    return value


def nested(kind: type) -> Reader:
    """Return a reader of objects that a dataclass describes."""
    return lambda value, place: read(kind, value, place)


def optional(reader: Reader) -> Reader:
    """Return a reader that also takes null, as None."""
    return lambda value, place: None if value is None else reader(value, place)
