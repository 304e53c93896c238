"""The messages between the prober and the process with the user's own ops: frozen, pickled data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from nodeflow import errors
from nodeflow.errors import NodeflowError, UserOpError
from nodeflow.graph.types import TensorType
from nodeflow.ops.user.plugins import PluginProblem
from nodeflow.ops.user.user_op import Declaration, UserOp


@dataclass(frozen=True)
class Load:
    """A request to load a folder. Answered by `Loading` for each file, then by `Loaded`.

    Args:
        skip: the reason for each file that is not run.
    """

    folder: str
    skip: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Infer:
    """A request for the output types of an op. Answered by `Types` or `Refused`."""

    op: str
    types: tuple[TensorType, ...]
    attrs: Mapping[str, Any]


@dataclass(frozen=True)
class Derive:
    """A request for the gradient of an op, as the nodes that its rule adds.

    The answer is `Derived` or `Refused`.

    Args:
        grads: types of the gradients of the outputs; None for a gradient that does not exist.
    """

    op: str
    types: tuple[TensorType, ...]
    attrs: Mapping[str, Any]
    grads: tuple[TensorType | None, ...]


@dataclass(frozen=True)
class Loading:
    """The message that the process starts to run a file."""

    file: str


@dataclass(frozen=True)
class OpRecord:
    """An op without its functions."""

    declared: Declaration
    differentiable: bool
    fault: str

    @classmethod
    def of(cls, op: UserOp) -> OpRecord:
        rule = op.declared.infer
        bare = replace(op.declared, gradient=None, infer=rule if isinstance(rule, str) else None)
        return cls(bare, op.differentiable, op.fault)


@dataclass(frozen=True)
class Loaded:
    """The answer with the ops of each file, the problems of the files, and the files that do not
    load.
    """

    files: Mapping[str, tuple[OpRecord, ...]]
    problems: tuple[PluginProblem, ...]
    failed: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Types:
    types: tuple[TensorType, ...]


@dataclass(frozen=True)
class DerivedNode:
    """A node that a gradient rule adds. ``inputs`` are numbers of earlier values."""

    op: str
    inputs: tuple[int, ...]
    attrs: Mapping[str, Any]


@dataclass(frozen=True)
class Derived:
    """The nodes of a gradient.

    Values are numbered in this order: the op's inputs, its outputs, the gradients of the outputs,
    and the outputs of each node. ``results`` are the numbers of the gradients of the inputs.
    """

    nodes: tuple[DerivedNode, ...]
    results: tuple[int | None, ...]


@dataclass(frozen=True)
class Refused:
    """The answer with the error that was raised."""

    kind: str
    message: str
    port: str | None = None
    hint: str | None = None

    @classmethod
    def of(cls, error: NodeflowError) -> Refused:
        return cls(type(error).__name__, error.message, error.port, error.hint)

    @property
    def error(self) -> NodeflowError:
        kind = getattr(errors, self.kind, UserOpError)
        return kind(self.message, port=self.port, hint=self.hint)


Request = Load | Infer | Derive
Answer = Loaded | Types | Derived | Refused
