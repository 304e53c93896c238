"""Settings and result of a training, for TensorBoard's table of hyperparameters.

The fields are defined in ``tensorboard/plugins/hparams/{plugin_data,api}.proto`` and
``google/protobuf/struct.proto``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import Any

from nodeflow.ops.summaries import protobuf as pb

EXPERIMENT, SESSION_START, SESSION_END = (
    "_hparams_/experiment",
    "_hparams_/session_start_info",
    "_hparams_/session_end_info",
)
PLUGIN = "hparams"
TEXT, TRUTH, NUMBER = 1, 2, 3
"""Numbers of the types of a hyperparameter."""
SUCCESS, FAILURE, RUNNING = 1, 2, 3
"""Numbers of the states of a training."""
DT_FLOAT = 1

Setting = str | bool | float


def plain_settings(settings: Mapping[str, Any]) -> dict[str, Setting]:
    """Convert settings for TensorBoard: numbers, truth values and text.

    Settings that are None are left out.
    """
    return {
        name: value if isinstance(value, (str, bool)) else _number_or_text(value)
        for name, value in settings.items()
        if value is not None
    }


def _number_or_text(value: Any) -> Setting:
    return float(value) if isinstance(value, (int, float)) else str(value)


def experiment(settings: Mapping[str, Setting], metrics: Iterable[str]) -> bytes:
    """Return a Summary that lists the settings and metrics."""
    infos = b"".join(
        pb.message(4, pb.text(1, name) + pb.integer(4, _type(value)))
        for name, value in settings.items()
    )
    infos += b"".join(pb.message(5, pb.message(1, pb.text(2, tag))) for tag in metrics)
    return _summary(EXPERIMENT, pb.message(2, infos))


def session_start(settings: Mapping[str, Setting], name: str, began: float) -> bytes:
    """Return a Summary with the settings of a training and its start in seconds since 1970."""
    entries = b"".join(
        pb.message(1, pb.text(1, key) + pb.message(2, _value(value)))
        for key, value in settings.items()
    )
    return _summary(SESSION_START, pb.message(3, entries + pb.text(4, name) + pb.double(5, began)))


def session_end(status: int, ended: float) -> bytes:
    """Encode the Summary that ends a session of TensorBoard's plugin ``hparams``: the status, and
    the end time in seconds since 1970.
    """
    return _summary(SESSION_END, pb.message(4, pb.integer(1, status) + pb.double(2, ended)))


def _type(value: Setting) -> int:
    return TRUTH if isinstance(value, bool) else TEXT if isinstance(value, str) else NUMBER


def _value(value: Setting) -> bytes:
    if isinstance(value, bool):
        return pb.integer(4, 1) if value else bytes((4 << 3, 0))
    if isinstance(value, str):
        return pb.message(3, value.encode(errors="replace"))
    return pb.double(2, value) or bytes((2 << 3 | pb.FIXED64, *bytes(8)))


def _summary(tag: str, data: bytes) -> bytes:
    metadata = pb.message(1, pb.text(1, PLUGIN) + pb.message(2, data))
    none = pb.integer(1, DT_FLOAT) + pb.message(2, b"")  # readers require a tensor, and ignore it
    return pb.message(1, pb.text(1, tag) + pb.message(8, none) + pb.message(9, metadata))


def settings_in(metadata: bytes | memoryview) -> dict[str, Setting] | None:
    """Return the hyperparameters stored in the metadata of a TensorBoard summary value. Return None
    if the metadata are not from the plugin `hparams`, or do not start a session.

    Raises:
        Malformed: the settings cannot be read.
    """
    plugin = dict(_messages(metadata)).get(1)
    if plugin is None:
        return None
    said = dict(_messages(plugin))
    if bytes(said.get(1, b"")) != PLUGIN.encode():
        return None
    start = dict(_messages(said.get(2, b""))).get(3)
    if start is None:
        return None
    found: dict[str, Setting] = {}
    for number, entry in _messages(start):
        if number == 1:
            pair = dict(_messages(entry))
            value = _setting_of(pair.get(2, memoryview(b"")))
            if value is not None:
                found[bytes(pair.get(1, b"")).decode(errors="replace")] = value
    return found


def _messages(data: bytes | memoryview) -> Iterable[tuple[int, memoryview]]:
    return ((n, value) for n, value in pb.fields(data) if isinstance(value, memoryview))


def _setting_of(data: memoryview) -> Setting | None:
    for number, value in pb.fields(data):
        if number == 4 and isinstance(value, int):
            return bool(value)
        if isinstance(value, int):
            continue
        if number == 2 and len(value) == 8:
            return float(struct.unpack("<d", value)[0])
        if number == 3:
            return bytes(value).decode(errors="replace")
    return None
