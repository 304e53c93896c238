"""The types that enter and leave the body of a loop or branch, for one instance of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nodeflow.document.analysis.inference.node_inference import OPEN, TENSOR, Carried
from nodeflow.document.analysis.subgraphs.loops_and_branches import (
    AGAIN,
    COND,
    ELSE,
    PRED,
    SCAN,
    WHILE,
    flow_problems,
    roles,
)
from nodeflow.document.model.document import Document
from nodeflow.document.model.problems import Problem
from nodeflow.document.model.records import NodeRecord
from nodeflow.errors import GraphError, NodeflowError, ShapeError
from nodeflow.graph.types import TensorType
from nodeflow.ops.control_flow.cond import either_type
from nodeflow.ops.control_flow.while_loop import check_carried


class Flow:
    """A loop or branch with the types wired into it."""

    def __init__(
        self, definition: Document, record: NodeRecord, given: Mapping[str, Carried]
    ) -> None:
        self.definition = definition
        self.record = record
        self.given = dict(given)
        self.roles = roles(definition, record)

    def entering(self, problems: list[Problem]) -> dict[str, Carried]:
        """Return the types of the body's inputs. For a sequence, this is the type of one slice."""
        problems += flow_problems(self.definition, self.record)
        found = dict(self.given)
        shapes: Any = self.record.attrs.get("invariants")
        for name, shape in shapes.items() if isinstance(shapes, dict) else ():
            type_ = found[name].type if name in found else None
            if type_ is not None and isinstance(shape, list):
                self.given[name] = found[name] = Carried(type_.with_shape(shape))
        for name in self.roles.sequences:
            type_ = found[name].type if name in found else None
            if type_ is None:
                continue
            if type_.ndims == 0:
                text = f"{type_} has no slices to iterate over"
                hint = "Wire in a tensor with a first axis, or make the input a constant."
                where = self.record.name
                problems.append(Problem(where, name, text, hint, kind=ShapeError.__name__))
                found[name] = Carried(None, OPEN)
            elif type_.has_rank:
                found[name] = Carried(type_.with_shape(type_.shape[1:]))
        if self.roles.kind == COND:
            self._check_bool(PRED, found.get(PRED), problems)
        return found

    def leaving(self, made: Mapping[str, Carried], problems: list[Problem]) -> dict[str, Carried]:
        """Return the types of the instance's outputs, from the outputs of its definition."""
        if self.roles.kind == WHILE:
            self._check_bool(AGAIN, made.get(AGAIN), problems)
        found = {}
        for name in self.roles.outputs:
            try:
                type_ = self._type(name, {key: value.type for key, value in made.items()})
            except NodeflowError as error:
                error.port = None
                problems.append(Problem.of(error, self.record.name))
                type_ = None
            found[name] = Carried(type_, OPEN if type_ is None else TENSOR)
        return found

    def _type(self, name: str, made: Mapping[str, TensorType | None]) -> TensorType | None:
        own = made.get(name)
        if self.roles.kind == COND:
            other = made.get(name + ELSE)
            known = own is not None and other is not None
            return either_type(f"`{name}`", own, other) if known else None  # type: ignore[arg-type]
        if name in self.roles.carried:
            old = self.given[name].type if name in self.given else None
            return None if old is None or own is None else check_carried(f"`{name}`", old, own)
        assert self.roles.kind == SCAN
        types = (self.given[n].type for n in self.roles.sequences if n in self.given)
        first = next((t for t in types if t is not None and t.has_rank and t.shape), None)
        if first is None or own is None:
            return None
        return own.with_shape((first.shape[0], *own.shape)) if own.has_rank else own

    def _check_bool(self, name: str, value: Carried | None, problems: list[Problem]) -> None:
        type_ = None if value is None else value.type
        if type_ is None or (type_.dtype == "bool" and type_.ndims in (0, None)):
            return
        hint = "Compare with something, as in x > 0; reduce_all makes one bool of several."
        text = f"`{name}` must be one bool, not {type_}"
        problems.append(Problem(self.record.name, None, text, hint, kind=GraphError.__name__))
