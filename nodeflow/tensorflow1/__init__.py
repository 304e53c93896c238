"""Names of TensorFlow 1 and of other libraries, and their names here.

``table`` is the data: one place that the guide *Coming from TensorFlow 1*, the answers to wrong
names, the other spellings of arguments and the converter (``python -m nodeflow.tensorflow1``) read.
Nothing here imports the ops until a program asks for a name in `NAMES`.

`nf.tensorflow1` has the names that mean something else in TensorFlow 1 than in `nf`. The converter
writes ``nf.tensorflow1.where`` for ``tf.where``.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

NAMES = dict.fromkeys(("train", "where"), "nodeflow.ops.namespaces.tensorflow1")
"""Public name -> the module that defines it."""


def __getattr__(name: str) -> Any:
    if name in NAMES:
        return getattr(import_module(NAMES[name]), name)
    if name.startswith("_"):  # tools ask for such names
        raise AttributeError(name)
    raise AttributeError(
        f"nf.tensorflow1 has no {name!r}. It has only the names whose meaning differs in nf."
    )


def __dir__() -> list[str]:
    return sorted(NAMES)
