"""Compares each tensor of a model with its counterpart in a reference model.

The error of a node by itself, **isolated**, is the error of its result if it reads the reference's
numbers. The **accumulated** error is that of the model, with the errors of all nodes before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from nodeflow.errors import FileProblem
from nodeflow.exchange.comparison import NotVerified
from nodeflow.integrations.onnx.call import carrier
from nodeflow.integrations.onnx.checking.matching import Match, matches
from nodeflow.integrations.onnx.checking.measures import Gap
from nodeflow.integrations.onnx.checking.pages import page_of
from nodeflow.integrations.onnx.checking.programs import Program
from nodeflow.integrations.onnx.checking.rewriting import (
    GIVEN,
    REAL,
    Scale,
    with_all_outputs,
    with_given,
    with_real_values,
)
from nodeflow.integrations.onnx.checking.samples import Sample
from nodeflow.integrations.onnx.checking.verification import SHOWN, called, is_float, some

ROWS = 20
"""Maximum number of rows of the table in the text."""


@dataclass
class Row:
    """One tensor of the reference and its counterpart.

    Attributes:
        node: name of the reference's node.
        op: the ops of both nodes.
        isolated: the error of the node by itself.
        accumulated: the error of the model up to there.
    """

    match: Match
    node: str
    op: str
    isolated: Gap = field(default_factory=Gap)
    accumulated: Gap = field(default_factory=Gap)


@dataclass(frozen=True)
class Comparison:
    """The result of a comparison of two models.

    Attributes:
        models: names of the files: the reference, the other.
        program: name and version of the program that computed both.
        samples: names of the samples.
        bound: isolated errors above it are findings.
        rows: the matching tensors, in the order of the reference.
        unmatched: nodes of the reference without a counterpart.
        not_computed: the reason for each node that was not computed.
    """

    models: tuple[str, str]
    program: str
    samples: Sequence[str]
    bound: float
    rows: Sequence[Row]
    unmatched: Sequence[str]
    not_computed: Mapping[str, str]

    @cached_property
    def first(self) -> Row | None:
        """The row of the first node whose own error, computed from exact inputs, exceeds the bound.
        None if there is no such node.
        """
        return next((row for row in self.rows if row.isolated.noise > self.bound), None)

    @cached_property
    def sorted(self) -> list[Row]:
        """The rows, those with the largest isolated error first."""
        return sorted(self.rows, key=lambda row: -row.isolated.noise)

    @property
    def passed(self) -> bool:
        return self.first is None

    @property
    def verdict(self) -> str:
        worst = self.sorted[0]
        largest = f"{worst.isolated.noise:.2g} at {worst.node}"
        if self.first is None:
            return f"no isolated error is over {self.bound:g}; the largest is {largest}"
        more = "" if self.first is worst else f"; the largest is {largest}"
        size = f"{self.first.isolated.noise:.2g}"
        return f"the first isolated error over {self.bound:g} is {size} at {self.first.node}{more}"

    @property
    def text(self) -> str:
        width = max(len(row.node) for row in self.sorted[:ROWS])
        lines = [
            self.verdict,
            f"{self.models[1]} against {self.models[0]}, computed by {self.program}",
            f"{len(self.rows)} tensors, {len(self.samples)} samples: {some(self.samples)}",
            "",
            f"{'node':{width}}  isolated  accumulated  largest  matched by  op",
        ]
        for row in self.sorted[:ROWS]:
            numbers = f"{row.isolated.noise:8.2g}  {row.accumulated.noise:11.2g}"
            largest = f"{row.isolated.largest:7.2g}"
            lines.append(f"{row.node:{width}}  {numbers}  {largest}  {row.match.how:10}  {row.op}")
        if len(self.rows) > ROWS:
            lines.append(f"and {len(self.rows) - ROWS} more; --json and -o have all")
        if self.unmatched:
            lines.append(f"without a counterpart: {some(self.unmatched)}")
        if self.not_computed:
            lines.append(f"{len(self.not_computed)} nodes were not computed:")
            lines += [f"  {n}: {why}" for n, why in list(self.not_computed.items())[:SHOWN]]
        return "\n".join(lines)

    @property
    def facts(self) -> dict[str, Any]:
        return {
            "text": self.verdict,
            "models": list(self.models),
            "program": self.program,
            "samples": list(self.samples),
            "bound": self.bound,
            "first": None if self.first is None else self.first.node,
            "nodes": [
                {
                    "node": row.node,
                    "op": row.op,
                    "tensor": row.match.reference,
                    "other": row.match.tensor,
                    "matched": row.match.how,
                    "isolated": row.isolated.noise,
                    "isolated_largest": row.isolated.largest,
                    "accumulated": row.accumulated.noise,
                    "accumulated_largest": row.accumulated.largest,
                    "reference_largest": row.accumulated.reference,
                }
                for row in self.sorted
            ],
            "unmatched": list(self.unmatched),
            "not_computed": dict(self.not_computed),
        }

    def page(self) -> str:
        places = {id(row): index + 1 for index, row in enumerate(self.rows)}
        rows = [
            (
                str(places[id(row)]), row.node, row.op, row.isolated.noise, row.accumulated.noise,
                row.isolated.largest, row.match.how,
            )
            for row in self.sorted
        ]  # fmt: skip
        heads = ("place", "node", "op", "isolated", "accumulated", "largest", "matched by")
        title = f"{self.models[1]} against {self.models[0]}"
        notes = [self.program, f"samples: {some(self.samples)}"]
        notes += [f"without a counterpart: {some(self.unmatched)}"] if self.unmatched else []
        return page_of(title, self.verdict, notes, heads, rows)


class Isolated:
    """A model whose nodes read the reference's numbers; loaded again only for other shapes."""

    def __init__(self, program: Program, model: Any, scales: Mapping[str, Scale]) -> None:
        self._program, self._model, self._scales = program, model, scales
        self._shapes: Any = None
        self._read: set[str] = set()

    def run(
        self, feeds: Mapping[str, np.ndarray], given: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        shapes = {name: (array.shape, array.dtype) for name, array in given.items()}
        if shapes != self._shapes:
            model, made = with_given(self._model, given, self._scales)
            self._program.load(model)
            self._shapes, self._read = shapes, set(made)
        more = {f"{name}{GIVEN}": array for name, array in given.items()}
        return self._program.run(
            {**feeds, **{name: array for name, array in more.items() if name in self._read}}
        )


def compare(
    models: tuple[tuple[str, Any], tuple[str, Any]],
    make_program: Callable[[], Program],
    samples: Sequence[Sample],
    bound: float,
    said: Callable[[str], None],
) -> Comparison:
    """Compare a model with a reference on the samples.

    Args:
        models: name and model of the reference, then of the other.

    Raises:
        NotVerified: a model cannot be computed, or no tensors match.
        FileProblem: the models have other inputs.
    """
    (first_name, first), (second_name, second) = models
    reference = with_all_outputs(first)
    model, scales = with_real_values(with_all_outputs(second))
    model = with_all_outputs(model)
    ours, theirs = make_program(), make_program()
    ours.load(reference)
    theirs.load(model)
    isolated = Isolated(make_program(), model, scales)
    inputs = _inputs(reference, model)
    rows: list[Row] = []
    unmatched: list[str] = []
    for sample in samples:
        said(f"computing {sample.name}")
        wanted = ours.run(sample.feeds)
        feeds = {new: sample.feeds[old].astype(kind) for old, (new, kind) in inputs.items()}
        computed = theirs.run(feeds)
        found = _numbers(computed, scales)
        if not rows:
            rows, unmatched = _rows(reference, model, wanted, found, scales)
        if not rows:
            raise NotVerified(f"no tensors of {second_name} match those of {first_name}")
        given = {
            row.match.tensor: wanted[row.match.reference].astype(found[row.match.tensor].dtype)
            for row in rows
            if row.match.reference in wanted and row.match.tensor in found
        }
        alone = _numbers(isolated.run(feeds, given), scales)
        for row in rows:
            name = row.match.reference
            if name not in wanted:
                continue
            for gap, values in ((row.accumulated, found), (row.isolated, alone)):
                if row.match.tensor in values:
                    gap.add(values[row.match.tensor], wanted[name])
    failed = {f"{first_name}: {n}": why for n, why in ours.not_computed.items()}
    failed |= {f"{second_name}: {n}": why for n, why in theirs.not_computed.items()}
    names = [sample.name for sample in samples]
    both = first_name, second_name
    return Comparison(both, ours.title, names, bound, rows, unmatched, failed)


def _inputs(reference: Any, model: Any) -> dict[str, tuple[str, Any]]:
    """Return a dict: input of the reference -> the corresponding input of the other model, and its
    dtype.

    Inputs with equal names belong together; if the names differ, the order counts.
    """

    def of(each: Any) -> dict[str, Any]:
        held = {t.name for t in each.graph.initializer}
        kinds = {v.name: v.type.tensor_type.elem_type for v in each.graph.input}
        return {n: np.dtype(carrier(k) or "f4") for n, k in kinds.items() if n not in held}

    mine, other = of(reference), of(model)
    if len(mine) != len(other):
        raise FileProblem(f"one model has {len(mine)} inputs, the other {len(other)}")
    same = mine.keys() == other.keys()
    names = mine if same else other
    return {old: (new, other[new]) for old, new in zip(mine, names, strict=True)}


def _numbers(
    values: Mapping[str, np.ndarray], scales: Mapping[str, Scale]
) -> dict[str, np.ndarray]:
    """Return the values of the float tensors by name, and for quantized integers the floats that
    they represent.
    """
    floats = {n: a for n, a in values.items() if is_float(a) and not n.endswith(REAL)}
    return floats | {n: values[n + REAL] for n in scales if n + REAL in values}


def _rows(
    reference: Any,
    model: Any,
    wanted: Mapping[str, np.ndarray],
    found: Mapping[str, np.ndarray],
    quantized: Container[str],
) -> tuple[list[Row], list[str]]:
    """Match the tensors of two models. Return one row per match, and the nodes of the reference
    that have no match.

    Args:
        wanted, found: the values of the tensors of the reference and of the model.
        quantized: the tensors of ``model`` that are integers.
    """
    floats = {n: a for n, a in wanted.items() if is_float(a) and math.prod(a.shape)}
    makers = {name: node for node in reference.graph.node for name in node.output}
    others = {name: node for node in model.graph.node for name in node.output}
    rows = []
    for match in matches(reference, model, floats, found, quantized):
        one, other = makers[match.reference], others[match.tensor]
        ops = dict.fromkeys((one.op_type, other.op_type))
        rows.append(Row(match, one.name or match.reference, " → ".join(ops)))
    matched = {row.match.reference for row in rows}
    left = [called(makers[n], n) for n in floats if n not in matched and n in makers]
    return rows, left
