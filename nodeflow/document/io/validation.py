"""Validation of a file's or clipboard's content, field by field, before it becomes records.

Files are untrusted: everything is validated here and rejected with a typed error that names the
position, so that the rest of the program can trust records. Unknown node types, attributes and
fields are preserved.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from nodeflow.document.model.errors import (
    BadName,
    FlowContent,
    FlowError,
    FlowSyntax,
    UnsafePath,
    flow_error,
)
from nodeflow.document.model.names import check_name
from nodeflow.document.model.records import FrameRecord, Json, NodeRecord, Wire
from nodeflow.train.settings import LARGEST, Setting, TrainingSettings, declared

DEEPEST = 64  # deeper than any sensible attribute; recursion up to it is safe
FARTHEST = 1e7  # drawing loses precision with larger coordinates
LONGEST_TEXT = 1000  # ids of ops, names of ports and attributes

_NODE_ID = re.compile(r"n[1-9][0-9]{0,14}")
_FRAME_ID = re.compile(r"f[1-9][0-9]{0,14}")
_KINDS = {
    dict: "an object",
    list: "a list",
    str: "a string",
    int: "a whole number",
    bool: "true or false",
    float: "a number",
    type(None): "null",
}


STAGE_FIELDS = {"views": ("node", "view"), "controls": ("node", "attr")}
"""The lists of a stage, and the fields of their items."""
_NODE = ("id", "op", "name", "attrs", "pos")
_NOTHING: dict[str, Any] = {}
"""The dict of records without attributes or further fields; it is never changed in place."""


def read_node(data: Json, place: str) -> NodeRecord:
    """Return the node that a JSON object describes, or raise a FlowError."""
    expect(data, dict, place)
    record = NodeRecord(
        id=_matching(member(data, "id", str, place), _NODE_ID, f"{place}.id", "n1, n2, ..."),
        op=sys.intern(_text(member(data, "op", str, place), f"{place}.op")),
        name=_name(member(data, "name", str, place), f"{place}.name"),
        attrs=member(data, "attrs", dict, place, default=_NOTHING) or _NOTHING,
        pos=_numbers(member(data, "pos", list, place, default=[0, 0]), 2, f"{place}.pos"),
        extra={k: v for k, v in data.items() if k not in _NODE} or _NOTHING,
    )
    return record


def read_frame(data: Json, place: str) -> FrameRecord:
    """Return the frame that a JSON object describes, or raise a FlowError."""
    expect(data, dict, place)
    known = ("id", "title", "note", "color", "rect")
    x, y, width, height = _numbers(
        member(data, "rect", list, place, default=[0, 0, 320, 200]), 4, f"{place}.rect"
    )
    return FrameRecord(
        id=_matching(member(data, "id", str, place), _FRAME_ID, f"{place}.id", "f1, f2, ..."),
        title=member(data, "title", str, place, default=""),
        note=member(data, "note", str, place, default=""),
        color=member(data, "color", str, place, default=""),
        rect=(x, y, max(width, 0), max(height, 0)),
        extra={k: v for k, v in data.items() if k not in known},
    )


def read_wire(data: Json, place: str) -> Wire:
    """Return the wire that a list of four strings describes, or raise a FlowError."""
    expect(data, list, place)
    if len(data) != 4 or any(type(item) is not str for item in data):
        raise flow_error(
            FlowContent,
            "a wire is [source id, source port, target id, target port], four strings",
            place,
        )
    for item in data:
        if not 0 < len(item) <= LONGEST_TEXT or "\0" in item:
            _text(item, place)
    return Wire(*data)


def check_definition_name(name: str, place: str) -> str:
    """Return the name of a subgraph's definition, which has no `/`, or raise FlowContent."""
    if "/" in _name(name, place):
        raise flow_error(FlowContent, f"{_short(name)} is not a valid name for a subgraph", place)
    return name


def read_training(data: Json, place: str = "training") -> dict[str, Json]:
    """Return training settings whose known fields have the right types, or raise a FlowError."""
    expect(data, dict, place)
    for setting in declared(TrainingSettings):
        if data.get(setting.name) is not None:
            _setting(setting, data[setting.name], f"{place}.{setting.name}")
    return data


def read_stage(data: Json, place: str = "stage") -> dict[str, Json]:
    """Return a stage whose pinned views and controls have the right types, or raise a FlowError."""
    expect(data, dict, place)
    for kind, names in STAGE_FIELDS.items():
        for index, item in enumerate(expect(data.get(kind, []), list, f"{place}.{kind}")):
            at = f"{place}.{kind}[{index}]"
            expect(item, dict, at)
            for name in names:
                if name in item:
                    _text(expect(item[name], str, f"{at}.{name}"), f"{at}.{name}")
    return data


def read_weights(data: Json, place: str = "weights") -> str | None:
    """Return a file name that stays inside the document's folder, or raise UnsafePath."""
    if data is None:
        return None
    expect(data, str, place)
    windows, posix = PureWindowsPath(data), PurePosixPath(data)
    outside = (
        not data.strip()
        or "\0" in data
        or windows.is_absolute()
        or windows.drive
        or windows.root
        or posix.is_absolute()
        or ".." in windows.parts
        or ".." in posix.parts
        or data.startswith("~")
    )
    if outside:
        raise flow_error(
            UnsafePath,
            f"{_short(data)} is not a file beside the document",
            place,
            hint="Use a relative file name without `..`",
        )
    return data


def member(data: dict[str, Json], name: str, kind: type, place: str, default: Any = None) -> Any:
    """Return `data[name]`, which must have the type `kind`.

    If it is absent, return `default`, or raise FlowContent if there is no default.
    """
    if name not in data:
        if default is None:
            raise flow_error(FlowContent, f"`{name}` is missing", place)
        return default
    return expect(data[name], kind, f"{place}.{name}" if place else name)


def expect(value: Json, kind: type, place: str) -> Any:
    """Return `value` if it is of type `kind` (true is not a number), else raise FlowContent."""
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise flow_error(FlowContent, f"expected {_KINDS[kind]}, got {_short(value)}", place)
    return value


def check_tree(value: Json, deepest: int = DEEPEST) -> None:
    """Raise FlowSyntax if a parsed text is nested too deeply or has a lone surrogate."""
    open_ = [iter((value,))]
    while open_:
        for item in open_[-1]:
            if type(item) is str:
                _check_text(item)
            elif type(item) is dict:
                _check_text("".join(item))
                open_.append(iter(item.values()))
                break
            elif type(item) is list:
                open_.append(iter(item))
                break
        else:
            open_.pop()
        if len(open_) > deepest:
            raise FlowSyntax(f"it is nested deeper than {DEEPEST} levels")


def _check_text(text: str) -> None:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise FlowSyntax(f"{text[:40]!r} holds half a character (a lone surrogate)") from None


def _matching(value: str, pattern: re.Pattern[str], place: str, example: str) -> str:
    if not pattern.fullmatch(value):
        raise flow_error(FlowContent, f"{_short(value)} is not an id like {example}", place)
    return value


def _text(value: str, place: str) -> str:
    if not value or len(value) > LONGEST_TEXT or "\0" in value:
        raise flow_error(FlowContent, f"{_short(value)} is empty or too long", place)
    return value


def _name(value: str, place: str) -> str:
    try:
        return check_name(value)
    except BadName as error:
        raise flow_error(FlowContent, error.message, place, hint=error.hint) from None


def _numbers(values: list[Json], count: int, place: str) -> tuple[Any, ...]:
    good = len(values) == count and all(
        isinstance(v, (int, float)) and not isinstance(v, bool) and abs(v) <= FARTHEST
        for v in values
    )
    if not good:
        raise flow_error(
            FlowContent,
            f"expected {count} numbers between {-FARTHEST:g} and {FARTHEST:g}, "
            f"got {_short(values)}",
            place,
        )
    return tuple(values)


def _setting(setting: Setting, value: Json, place: str) -> None:
    """Check a training setting against its declaration."""
    if setting.kind in _NAMING:
        _NAMING[setting.kind](value, place)
    elif setting.kind == "float" and type(value) is not int:
        expect(value, float, place)
    else:
        expect(value, _TYPES[setting.kind], place)
    least = setting.minimum
    if least is not None and not value >= least:
        raise flow_error(FlowContent, f"expected at least {least:g}, got {_short(value)}", place)
    if setting.kind == "int" and value > LARGEST:
        raise flow_error(FlowContent, f"expected at most {LARGEST}, got {_short(value)}", place)


def _metrics(value: Json, place: str) -> None:
    for index, metric in enumerate(expect(value, list, place)):
        _measured(metric, f"{place}[{index}]")


def _measured(metric: Json, place: str) -> None:
    """Check a metric: a node and the split that it is measured on."""
    expect(metric, dict, place)
    for name in ("node", "split", "every", "goal"):
        if name in metric:
            expect(metric[name], str, f"{place}.{name}")
    member(metric, "node", str, place)


def _schedule(value: Json, place: str) -> None:
    for index, phase in enumerate(expect(value, list, place)):
        at = f"{place}[{index}]"
        expect(phase, dict, at)
        member(phase, "optimizer", str, at)
        if "loss" in phase:
            expect(phase["loss"], str, f"{at}.loss")
        for name in ("steps", "from"):
            if name in phase and expect(phase[name], int, f"{at}.{name}") < 0:
                raise flow_error(FlowContent, "expected 0 or more", f"{at}.{name}")


def _plots(value: Json, place: str) -> None:
    expect(value, dict, place)


def _sweep(value: Json, place: str) -> None:
    expect(value, dict, place)
    kinds = {"sampler": str, "trials": int, "seed": int, "parallel": int, "prune": bool}
    least = {"trials": 1, "seed": 0, "parallel": 1}
    for name, kind in kinds.items():
        if name not in value:
            continue
        found = expect(value[name], kind, f"{place}.{name}")
        if name in least and not least[name] <= found <= LARGEST:
            text = f"expected at least {least[name]}, got {_short(found)}"
            raise flow_error(FlowContent, text, f"{place}.{name}")
    for node, attrs in expect(value.get("vary", {}), dict, f"{place}.vary").items():
        for attr, text in expect(attrs, dict, f"{place}.vary.{node}").items():
            expect(text, str, f"{place}.vary.{node}.{attr}")


def _monitor(value: Json, place: str) -> None:
    _measured(value, place)
    if value.get("goal") not in (None, "min", "max"):
        raise flow_error(
            FlowContent, f"expected min or max, got {_short(value['goal'])}", f"{place}.goal"
        )


_TYPES = {"int": int, "float": int, "bool": bool}
_NAMING: dict[str, Callable[[Json, str], Any]] = {
    "node": lambda value, place: expect(value, str, place),
    "metrics": _metrics,
    "monitor": _monitor,
    "schedule": _schedule,
    "plots": _plots,
    "sweep": _sweep,
}


def _short(value: Json) -> str:
    if isinstance(value, (dict, list)) and value:
        return _KINDS[type(value)]
    try:
        text = repr(value)
    except ValueError:  # integers of more than 4300 digits cannot be printed
        return "a huge number"
    return text if len(text) <= 60 else text[:57] + "..."


__all__ = [
    "FlowError",
    "check_tree",
    "expect",
    "member",
    "read_frame",
    "read_node",
    "read_stage",
    "read_training",
    "read_weights",
    "read_wire",
]
