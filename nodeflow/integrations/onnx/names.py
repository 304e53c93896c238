"""The names of an ONNX file's nodes in nodeflow: the file's names, made valid."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from nodeflow.document.model.names import LONGEST, NAME

_AUTOMATIC = re.compile(
    r"onnx::\w+|val_\d+|_?\d+|.*[Cc]onstant(_\d+)?(_output_\d+)?|const_?\w*__\d+"
)
"""Names that programs give to values without a name."""
SCOPES = "pkg.torch.onnx.name_scopes"
"""The key of the modules around a node, and of its name, in files of PyTorch's exporter."""
LONGEST_SCOPES = 4000
"""Maximum length of the text of scopes that is read."""
_SCOPE = re.compile(r"'([^']*)'")
_NUMBER = re.compile(r"_\d+$")
_ROLES = {
    "Conv": ("", "weight", "bias"),
    "ConvTranspose": ("", "weight", "bias"),
    "Gemm": ("", "weight", "bias"),
    "MatMul": ("weight", "weight"),
    "BatchNormalization": ("", "scale", "offset", "mean", "variance"),
    "LayerNormalization": ("", "scale", "offset"),
    "InstanceNormalization": ("", "scale", "offset"),
    "LSTM": ("", "kernel", "recurrent_kernel", "bias", "", "initial_h", "initial_c"),
    "GRU": ("", "kernel", "recurrent_kernel", "bias", "", "initial_h"),
    "RNN": ("", "kernel", "recurrent_kernel", "bias", "", "initial_h"),
    "Gather": ("table", "indices"),
    "Add": ("bias", "bias"),
    "Mul": ("factor", "factor"),
    "Div": ("", "divisor"),
    "Pow": ("", "exponent"),
}


def lawful(part: str) -> str:
    """Replace the characters that nodeflow does not allow in a part of a name by ``_``."""
    clean = re.sub(r"[^A-Za-z0-9_]", "_", part)
    return clean if clean[:1].isalpha() or clean[:1] == "_" else f"_{clean}"


def path(name: str, fallback: str = "node") -> str:
    """Return a name in scopes: ``/layers.0/Conv`` is ``layers_0/Conv``."""
    parts = [lawful(part) for part in re.split(r"/|::", name) if part] or [lawful(fallback)]
    while len("/".join(parts)) > LONGEST - 20 and len(parts) > 1:
        parts.pop(0)
    return "/".join(parts)[-(LONGEST - 20) :].lstrip("/0123456789") or lawful(fallback)


def scoped(node: Any) -> str:
    """Return the path of a node in the modules of PyTorch, which its exporter stores; else empty.

    The scopes ``['', 'layers.0', 'layers.0.fc', 'linear_3']`` are ``layers.0/fc/linear``: equal
    modules get equal names inside.
    """
    text = next((m.value for m in node.metadata_props if m.key == SCOPES), "")
    scopes = _SCOPE.findall(text) if len(text) <= LONGEST_SCOPES else []
    if not scopes:
        return ""
    parts, around = [], ""
    for scope in scopes[:-1]:
        inside = scope.startswith(f"{around}.") if around else True
        parts.append(scope[len(around) + 1 :] if around and inside else scope)
        around = scope
    return "/".join([*(part for part in parts if part), _NUMBER.sub("", scopes[-1])])


def value_name(name: str) -> str:
    """Return the name of an input or output of the graph, without a scope."""
    return name if NAME.fullmatch(name) else lawful(name)[: LONGEST - 20]


def is_automatic(name: str) -> bool:
    """Return whether a program, and not a person, named a value."""
    return not name or _AUTOMATIC.fullmatch(name) is not None


def belongs(name: str, around: str) -> bool:
    """Return whether a weight should be named inside a scope: its name begins with the scope, or
    was made up by the exporter.
    """
    parts, scope = _split(name), _split(around)
    return is_automatic(name) or (len(parts) > len(scope) and parts[: len(scope)] == scope)


def weight_name(name: str, raw_reader: str, reader: str, op: str, index: int) -> str:
    """Return the name of a weight: in the scope of the node that reads it, if it belongs there.

    Args:
        raw_reader: the name of that node in the file.
        reader: its name in nodeflow.
        op: its type.
        index: the index of the input with the weight.
    """
    scope, _, own = reader.rpartition("/")
    prefix = f"{scope}/" if scope else ""
    if is_automatic(name):
        roles = _ROLES.get(op, ())
        role = roles[index] if index < len(roles) and roles[index] else "value"
        return f"{prefix}{own}_{role}"
    parts = _split(name)
    around = _split(raw_reader)[:-1]
    if around and parts[: len(around)] == around and len(parts) > len(around):
        return prefix + lawful("_".join(parts[len(around) :]))
    return path("/".join(parts))


def _split(name: str) -> Sequence[str]:
    return [part for part in re.split(r"[./]|::", name) if part]
