"""The declaration of a node: its ports, attributes, documentation and type inference.

The palette entry, inspector editor, tooltip, file format, command line and documentation all derive
from it. The ops of a graph are declarations (``nodeflow.graph.op``). Data sets, instances of a
subgraph and reroute dots are also declarations, but exist only in documents, not in graphs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem, suggest
from nodeflow.graph.types import DTYPES, TensorType, complex_number, complex_text, dtype_name

_SPELLED = {
    "adamw": "AdamW", "auc": "AUC", "celu": "CELU", "glu": "GLU", "l2": "L2", "nd": "ND",
    "nll": "NLL", "prelu": "PReLU", "qr": "QR", "relu6": "ReLU6", "rms": "RMS", "selu": "SELU",
    "silu": "SiLU", "svd": "SVD", "conv1d": "Conv1D", "conv2d": "Conv2D", "conv3d": "Conv3D",
    "elu": "ELU", "f1": "F1", "gelu": "GELU", "gru": "GRU", "kl": "KL", "lstm": "LSTM",
    "pool1d": "pool 1D", "pool2d": "pool 2D", "pool3d": "pool 3D", "unpool2d": "unpool 2D",
    "unpool3d": "unpool 3D", "dilation2d": "dilation 2D", "relu": "ReLU",
    "rmsprop": "RMSProp", "rnn": "RNN",
    "hsv": "HSV", "psnr": "PSNR", "rgb": "RGB", "roi": "RoI", "ssim": "SSIM", "yiq": "YIQ",
    "yuv": "YUV",
    "dct": "DCT", "mfccs": "MFCCs", "stft": "STFT",
    "fft": "FFT", "fft2d": "FFT 2D", "fft3d": "FFT 3D", "ifft": "IFFT",
    "ifft2d": "IFFT 2D", "ifft3d": "IFFT 3D", "rfft": "RFFT",
    "rfft2d": "RFFT 2D", "rfft3d": "RFFT 3D", "irfft": "IRFFT",
    "irfft2d": "IRFFT 2D", "irfft3d": "IRFFT 3D",
}  # fmt: skip
"""Words of ids with a conventional spelling."""


@dataclass(frozen=True, slots=True)
class StandIn:
    """The value that replaces an unconnected optional port while a later port is connected.

    Attributes:
        type: its type.
        make: takes a graph and the node's attributes, and returns the tensor, a new or an existing
            one.
        type_with: returns its type for these attributes, if it depends on them; None if an
            attribute has no value.
    """

    type: TensorType
    make: Callable[[Any, Mapping[str, Any]], Any]
    type_with: Callable[[Mapping[str, Any]], TensorType | None] | None = None

    def type_for(self, attrs: Mapping[str, Any]) -> TensorType | None:
        """Return the type of the value that stands in for an unconnected input, for a node with
        these attributes. Return None if an attribute that determines the type has no value.
        """
        return self.type if self.type_with is None else self.type_with(attrs)


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of an op.

    Attributes:
        dtypes: dtypes the port accepts.
        group: ports of one op in the same group must have equal dtypes.
        variadic: stands for ``name.0``, ``name.1``, ...; always the last input.
        optional: need not be connected; only trailing inputs.
        stand_in: replacement of an optional port that is not connected while a later port is.
        keyword: in Python, given by name only.
        by_node: the port refers to the node at the start of the wire; its value is never read.
        gives: attributes that a connection here overrides, besides an attribute with the port's
            name.
        accepts_bool: whether a bare Python bool may stand for the tensor; False if it is most
            likely the result of comparing tensors by ``==``.
    """

    name: str
    doc: str = ""
    dtypes: tuple[str, ...] = DTYPES
    group: str | None = None
    variadic: bool = False
    optional: bool = False
    accepts_bool: bool = True
    stand_in: StandIn | None = None
    keyword: bool = False
    by_node: bool = False
    gives: tuple[str, ...] = ()


class _Required:
    def __repr__(self) -> str:
        return "required"

    def __reduce__(self) -> str:
        return "REQUIRED"  # every process has exactly one


REQUIRED: Any = _Required()


@dataclass(frozen=True, slots=True)
class Attr:
    """A setting of an op, fixed when the graph is built.

    ``kind`` selects the check, the inspector's editor and the command-line parser:

    ========== ========================================================================
    kind       value
    ========== ========================================================================
    float, int, bool, string   a scalar
    choice     one of ``choices``
    dtype      a dtype name
    shape      a list of sizes, None for an unknown dimension
    ints       a list of integers
    axes       None (all), an integer, or a list of integers
    number     an integer or a float, kept exact
    sizes      an integer, or a list of integers
    literal    a number, bool, nested list of them, or numpy array
    initializer  None, ``{"op": id, attribute: value, ...}``, or the id alone
    names      None or a list of node names
    json       any JSON value, kept as it is
    ========== ========================================================================
    """

    name: str
    kind: str
    default: Any = REQUIRED
    doc: str = ""
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    optional: bool = False
    hidden: bool = False
    """Kept in files; the window has no editor for it."""
    label: str = ""
    """Its label in the window; by default its name in words."""
    advanced: bool = False
    """Few users change it: the window shows it below *More*, or where it is not the default."""

    @property
    def required(self) -> bool:
        return self.default is REQUIRED

    def check(self, value: Any) -> Any:
        """Check a value for this attribute, and return it in the form that nodes store.

        Raises:
            AttributeProblem: wrong kind or out of range; the error names the expected kind.
        """
        if value is None and (self.optional or self.default is None):
            return None
        try:
            checked = _CHECKS[self.kind](self, value)
        except (TypeError, ValueError, OverflowError):
            raise AttributeProblem(
                f"{self.name} must be {_EXPECTED[self.kind]}, not {_short(value)}",
                port=self.name,
            ) from None
        self._check_range(checked)
        return checked

    def _check_range(self, value: Any) -> None:
        if self.minimum is not None and not value >= self.minimum:
            raise AttributeProblem(
                f"{self.name} must be at least {self.minimum:g}, not {value:g}",
                port=self.name,
            )
        if self.maximum is not None and not value <= self.maximum:
            raise AttributeProblem(
                f"{self.name} must be at most {self.maximum:g}, not {value:g}",
                port=self.name,
            )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _check_float(_: Attr, value: Any) -> float:
    if isinstance(value, (bool, np.bool_)) or (isinstance(value, str) and value not in _SPECIAL):
        raise TypeError
    return float(value)


_SPECIAL = ("NaN", "Infinity", "-Infinity")


def _check_int(_: Attr, value: Any) -> int:
    if isinstance(value, (bool, np.bool_, str)) or int(value) != value:
        raise TypeError
    return int(value)


def _check_bool(_: Attr, value: Any) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError
    return bool(value)


def _check_string(_: Attr, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _check_choice(attr: Attr, value: Any) -> str:
    if value not in attr.choices:
        raise AttributeProblem(
            f"{attr.name} must be one of {', '.join(attr.choices)}, not {_short(value)}",
            port=attr.name,
            hint=suggest(str(value), attr.choices),
        )
    return value


def _check_dtype(attr: Attr, value: Any) -> str:
    name = dtype_name(value)
    if attr.choices and name not in attr.choices:
        raise AttributeProblem(
            f"{attr.name} must be one of {', '.join(attr.choices)}, not {name}",
            port=attr.name,
        )
    return name


def _check_shape(attr: Attr, value: Any) -> tuple[int | None, ...]:
    if isinstance(value, str):
        raise TypeError
    dims = [value] if isinstance(value, (int, np.integer)) else list(value)
    return tuple(None if d is None else _check_int(attr, d) for d in dims)


def _check_ints(attr: Attr, value: Any) -> tuple[int, ...]:
    if isinstance(value, str):
        raise TypeError
    items = [value] if isinstance(value, (int, np.integer)) else list(value)
    return tuple(_check_int(attr, d) for d in items)


def _check_number(_: Attr, value: Any) -> int | float:
    exact = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    return int(value) if exact else _check_float(_, value)


def _check_sizes(attr: Attr, value: Any) -> int | tuple[int, ...]:
    single = np.ndim(value) == 0 and not isinstance(value, str)
    return _check_int(attr, value) if single else _check_ints(attr, value)


def _check_axes(attr: Attr, value: Any) -> int | tuple[int, ...] | None:
    if value is None or isinstance(value, (int, np.integer)):
        return None if value is None else _check_int(attr, value)
    return _check_ints(attr, value)


def _check_literal(_: Attr, value: Any) -> Any:
    return value if isinstance(value, np.ndarray) else _plain(value)


def _plain(value: Any) -> Any:
    """Convert an attribute value to plain lists, numbers, bools and strings. Complex numbers become
    strings.

    Raise a TypeError for other values.
    """
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, (np.generic, np.ndarray)):
        found = value.tolist()
        return _plain(found) if value.dtype.kind == "c" else found
    if isinstance(value, complex):
        return complex_text(value)
    is_text = isinstance(value, str) and (value in _SPECIAL or complex_number(value) is not None)
    if isinstance(value, (bool, int, float)) or is_text:
        return value
    raise TypeError


def _check_initializer(attr: Attr, value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return {"op": value}
    if not isinstance(value, Mapping) or not isinstance(value.get("op"), str):
        raise TypeError
    return dict(value)


def _check_names(_: Attr, value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        raise TypeError
    names = tuple(getattr(v, "name", v) for v in value)  # tensors stand for their names
    if not all(isinstance(name, str) for name in names):
        raise TypeError
    return names


_CHECKS: dict[str, Callable[[Attr, Any], Any]] = {
    "float": _check_float,
    "int": _check_int,
    "bool": _check_bool,
    "string": _check_string,
    "choice": _check_choice,
    "dtype": _check_dtype,
    "shape": _check_shape,
    "ints": _check_ints,
    "axes": _check_axes,
    "number": _check_number,
    "sizes": _check_sizes,
    "literal": _check_literal,
    "initializer": _check_initializer,
    "names": _check_names,
    "json": lambda _, value: value,
}

_EXPECTED = {
    "float": "a number",
    "int": "a whole number",
    "bool": "true or false",
    "string": "a text",
    "choice": "one of its choices",
    "dtype": "a dtype",
    "shape": "a list of sizes (null for an unknown one)",
    "ints": "a list of whole numbers",
    "axes": "an axis, a list of axes, or null for all",
    "number": "a number",
    "sizes": "a whole number or a list of them",
    "literal": "a number, true, false, or nested lists of them",
    "initializer": "null, a name such as glorot_uniform, or an object such as "
    '{"op": "random_normal", "stddev": 0.03}',
    "names": "null or a list of node names",
    "json": "a JSON value",
}


@lru_cache(maxsize=2048)
def _as_words(short_id: str) -> str:
    """Return an op's id as words for display, such as ``Reduce sum``. Cached, since lists of ops
    use it.
    """
    words = [_SPELLED.get(word, word) for word in short_id.split("_")]
    return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]])


class NodeDeclaration:
    """The base class of the declarations of ops and of all other nodes of a document.

    ``infer`` takes inputs by position (variadic ones flattened, missing optional ones omitted) and
    attributes by keyword, already checked and complete.
    """

    id: str = ""
    version: int = 1
    category: str = ""
    doc: str = ""
    keywords: tuple[str, ...] = ()
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = (Port("out"),)
    attrs: tuple[Attr, ...] = ()

    note: str = ""
    """A remark that the palette shows beside the title."""
    hidden = False
    """Not offered in the palette."""
    everyday = True
    """The palette shows it at once. Others are collapsed in their category; search finds them."""
    superseded = False
    """A better op exists. Files with this op still work, but palette and search omit it."""
    layered = False
    """Whether a layer has the same name. Most users look for the layer, so it precedes this op in
    searches, and this op's title ends in "function"."""
    shown_attrs: tuple[str, ...] = ()
    """Attributes that a card shows even with their default values."""
    explicit = False
    """New nodes store every attribute, so that new defaults never change their results."""
    own = False
    """A user op, which can be replaced or removed while the program runs."""
    computes = True
    """A run computes its outputs, so that they can be fetched and shown."""

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType | Sequence[TensorType]:
        """Return output types from input types, including unknown dimensions.

        Raises:
            ShapeError, DtypeError, AttributeProblem: with ``port`` set if a port is at fault.
        """
        raise NotImplementedError(self.id)

    def check_usable(self) -> None:
        """Check that an op declared in a user's file can still be used. Raise an error if the file
        no longer loads.

        Raises:
            UserOpError: describes the fault.
        """

    def variables(self, attrs: dict[str, Any]) -> tuple[str, ...]:
        """Return the names of the variables that a node of this op creates, such as ``kernel``.
        ``attrs`` contains all attributes, with defaults filled in.
        """
        return ()

    # ---- derived from the declaration ---------------------------------------------------------

    @property
    def short_id(self) -> str:
        """The id without its family: ``dense`` for ``layers/dense``."""
        return self.id.rpartition("/")[2]

    @property
    def call_name(self) -> str:
        """The name in Python and formulas: ``layers.dense`` for ``layers/dense``."""
        return self.id.replace("/", ".")

    def first_attrs(self, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the attributes to store for a new node: the given ones, and for some ops the
        defaults of all others.
        """
        given = dict(given or {})
        if not self.explicit:
            return given
        return {**{a.name: a.default for a in self.attrs if not a.required}, **given}

    @property
    def title(self) -> str:
        """The op's id as words: ``reduce_sum`` is ``Reduce sum``, ``lstm`` is ``LSTM``."""
        words = _as_words(self.short_id)
        return f"{words} function" if self.layered else words

    @property
    def summary(self) -> str:
        """The first line of the documentation."""
        return self.doc.strip().split("\n", 1)[0]

    @property
    def variadic(self) -> bool:
        return bool(self.inputs) and self.inputs[-1].variadic

    @cached_property
    def twins(self) -> tuple[str, ...]:
        """In-ports that have an attribute of the same name. A call gives only one of the two."""
        attrs = {attr.name for attr in self.attrs}
        return tuple(p.name for p in self.inputs if p.name in attrs and not p.keyword)

    @cached_property
    def givers(self) -> dict[str, tuple[str, ...]]:
        """The mapping: attribute -> in-ports that override its value if they are connected."""
        found = {
            attr.name: tuple(p.name for p in self.inputs if attr.name in (p.name, *p.gives))
            for attr in self.attrs
        }
        return {attr: ports for attr, ports in found.items() if ports}

    @cached_property
    def overriding(self) -> frozenset[str]:
        """The optional input ports that take their value from an attribute, or from a stand-in
        node, while they are unconnected.
        """
        attrs = {attr.name for attr in self.attrs}
        optional = (p for p in self.inputs if p.optional and not p.variadic)
        return frozenset(p.name for p in optional if p.name in attrs or p.stand_in is not None)

    def attr(self, name: str) -> Attr:
        """Return the declaration of one attribute.

        Raises:
            AttributeProblem: there is no such attribute; the hint lists similar names.
        """
        for attr in self.attrs:
            if attr.name == name:
                return attr
        names = [a.name for a in self.attrs]
        known = f"It has {', '.join(names)}." if names else f"{self.short_id} has no attributes."
        raise AttributeProblem(
            f"{self.short_id} has no attribute {name!r}",
            port=name,
            hint=suggest(name, names) or known,
        )

    def bind_attrs(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Check the attributes that are given for a node. Return all attributes, with defaults for
        those that are not given.

        Raises:
            AttributeProblem: an attribute is unknown, missing or malformed.
        """
        for name in given:
            self.attr(name)
        bound = {}
        for attr in self.attrs:
            if attr.name in given:
                bound[attr.name] = attr.check(given[attr.name])
            elif attr.required:
                raise AttributeProblem(
                    f"{self.short_id} needs the attribute {attr.name!r}", port=attr.name
                )
            else:
                bound[attr.name] = attr.default
        return bound

    def input_port(self, index: int) -> Port:
        """Return the declared port of the index-th (flattened) input."""
        return self.inputs[min(index, len(self.inputs) - 1)]

    def input_name(self, index: int) -> str:
        """Return the name of the index-th (flattened) input: ``x``, or ``values.2`` if variadic."""
        port = self.input_port(index)
        return f"{port.name}.{index - len(self.inputs) + 1}" if port.variadic else port.name

    def output_name(self, index: int) -> str:
        """Return the name of the index-th output: ``out``, or ``parts.2`` if variadic."""
        port = self.outputs[min(index, len(self.outputs) - 1)]
        return f"{port.name}.{index - len(self.outputs) + 1}" if port.variadic else port.name
