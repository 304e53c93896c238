"""TensorFlow 1's devices: where a node should be computed. They are stored with each node.

The engine always computes on the CPU. Files keep the device for other programs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nodeflow.errors import GraphError
from nodeflow.number_text import counted

_PARTS = ("job", "replica", "task", "device")
_PART = re.compile(
    r"(job):([A-Za-z_]\w*)|(replica|task):([0-9]+)|(device):([A-Za-z_]\w*(?::[0-9*]+)?)"
)
_BARE = re.compile(r"(?i:(cpu|gpu|tpu))(?::([0-9]+|\*))?")


def parse_device(text: str) -> dict[str, str]:
    """Return the parts of a device's name: ``job``, ``replica``, ``task`` and ``device``.

    Raises:
        GraphError: it is not the name of a device.
    """
    found: dict[str, str] = {}
    for piece in text.strip().strip("/").split("/") if text.strip("/ ") else ():
        part, bare = _PART.fullmatch(piece), _BARE.fullmatch(piece)
        if part is not None:
            key, value = (group for group in part.groups() if group)
        elif bare is not None:
            key, value = "device", f"{bare[1].upper()}:{bare[2] or 0}"
        else:
            key = value = ""
        if not key or key in found:
            raise GraphError(
                f"{text!r} is not the name of a device",
                hint="Write /cpu:0, /gpu:1 or /job:worker/task:0/device:GPU:0.",
            )
        if key == "device":
            kind, _, number = value.partition(":")
            value = f"{kind.upper()}:{number or 0}"
        found[key] = value
    return found


def device_name(parts: dict[str, str]) -> str:
    """Return the full name of a device, ``/job:worker/task:0/device:GPU:0``; empty for none."""
    return "".join(f"/{key}:{parts[key]}" for key in _PARTS if key in parts)


def lawful_device(text: Any) -> str:
    """Return the full name of a device that a file names; "" if it is not valid."""
    try:
        return device_name(parse_device(text)) if isinstance(text, str) else ""
    except GraphError:
        return ""


def is_elsewhere(device: str) -> bool:
    """Return whether a device is not the CPU of this machine."""
    parts = parse_device(device)
    return "job" in parts or not parts.get("device", "CPU").startswith("CPU")


class DeviceKept(UserWarning):
    """The warning that the engine computes on the CPU, although nodes name another device.

    The file keeps the device.
    """


class GraphDevices:
    """The base class of `Graph` that stores the device of new nodes.

    Attributes:
        devices_noted: whether the user knows that the engine computes on the CPU.
    """

    nodes: list[Any]
    devices_noted = False
    _device = ""

    def device_note(self) -> str:
        """Return a message that the engine ignores the devices of some nodes, because it computes
        on the CPU. Return "" if no node has another device.
        """
        own = [n for n in self.nodes if n.device and n.derived_from is None]
        count = sum(is_elsewhere(node.device) for node in own)
        nodes = counted(count, "node")
        text = f"the engine computes on the CPU; the device of {nodes} is kept in the file"
        return text if count else ""

    @contextmanager
    def device(self, device_name_or_function: Any) -> Iterator[None]:
        """Set the device of nodes that are made in this block, as in TensorFlow 1.

        Args:
            device_name_or_function: ``/cpu:0``, ``/device:GPU:1`` or ``/job:worker/task:0/gpu:0``.
                Omitted parts are inherited from outside. None means no device.

        Raises:
            GraphError: it is not the name of a device, or it is a function.
        """
        given = device_name_or_function
        if given is not None and not isinstance(given, str):
            what = "a function" if callable(given) else repr(given)
            raise GraphError(
                f"a device is a name, not {what}", hint='Write the name, such as "/gpu:0".'
            )
        saved = self._device
        inner = {} if given is None else {**parse_device(saved), **parse_device(given)}
        self._device = device_name(inner)
        try:
            yield
        finally:
            self._device = saved
