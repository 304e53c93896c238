"""Compares each tensor of a model as nodeflow computes it with the tensor of another program.

If tensors differ, each node is computed again from the other program's inputs. So a difference that
arises at a node is told from one that was in its inputs and only grew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import Any

import numpy as np

from nodeflow.exchange.comparison import NotVerified
from nodeflow.integrations.onnx.checking.measures import Gap
from nodeflow.integrations.onnx.checking.programs import Nodeflow, Program
from nodeflow.integrations.onnx.checking.rewriting import only_with, with_all_outputs, with_given
from nodeflow.integrations.onnx.checking.samples import Sample

SHOWN = 10
"""Maximum number of tensors and reasons that the text lists."""


@dataclass(frozen=True)
class Verification:
    """The result of a comparison of two programs.

    Attributes:
        model: name of the file.
        programs: names and versions of the two programs.
        samples: names of the samples.
        gaps: the differences by tensor, in the order of the model.
        alone: the differences of nodes that are computed from equal inputs; empty if no tensor
            differs.
        nodes: the node of each tensor, for people.
        not_computed: the reason for each node that nodeflow cannot compute.
        left_out: outputs of the model that were not compared.
    """

    model: str
    programs: tuple[str, str]
    samples: Sequence[str]
    gaps: Mapping[str, Gap]
    alone: Mapping[str, Gap]
    nodes: Mapping[str, str]
    not_computed: Mapping[str, str] = field(default_factory=dict)
    left_out: Sequence[str] = ()

    @cached_property
    def arising(self) -> list[str]:
        """Names of the tensors that still differ when their own node is computed from identical
        inputs, in the model's order.
        """
        different = [name for name, gap in self.gaps.items() if not gap.is_equal]
        return [n for n in different if n not in self.alone or not self.alone[n].is_equal]

    @property
    def passed(self) -> bool:
        return not self.arising

    @property
    def largest(self) -> str:
        """The name of the tensor that exceeds its allowed difference most, or whose shape
        differs.
        """
        return max(
            self.gaps, key=lambda name: (bool(self.gaps[name].other_shape), self.gaps[name].excess)
        )

    @property
    def verdict(self) -> str:
        largest = self.largest
        place = f"{self.gaps[largest].text} at {self.nodes[largest]}"
        if self.arising:
            first = self.arising[0]
            gap = self.alone.get(first, self.gaps[first])
            return f"not verified: the first difference arises at {self.nodes[first]}: {gap.text}"
        if self.left_out:
            kind = "output" if len(self.left_out) == 1 else "outputs"
            place = f"{place}; not compared: {kind} {some(self.left_out)}"
        if not self.gaps[largest].is_equal:
            return f"verified node by node; rounding grows to {place}"
        if not self.gaps[largest].excess and not self.left_out:
            return "verified, without any difference"
        return f"verified, largest difference {place}"

    @property
    def text(self) -> str:
        lines = [
            self.verdict,
            f"{self.model}: {self.programs[0]} against {self.programs[1]}",
            f"{len(self.gaps)} tensors, {len(self.samples)} samples: {some(self.samples)}",
        ]
        lines += [f"  {self.nodes[n]}: {self.gaps[n].text}" for n in self.arising[:SHOWN]]
        if self.not_computed:
            lines.append(f"{len(self.not_computed)} nodes were not computed:")
            lines += [f"  {n}: {why}" for n, why in list(self.not_computed.items())[:SHOWN]]
        return "\n".join(lines)

    @property
    def facts(self) -> dict[str, Any]:
        return {
            "verified": self.passed,
            "text": self.verdict,
            "model": self.model,
            "programs": list(self.programs),
            "samples": list(self.samples),
            "node": self.nodes[self.arising[0] if self.arising else self.largest],
            "arising": [self.nodes[name] for name in self.arising],
            "tensors": [
                {
                    "tensor": name,
                    "node": self.nodes[name],
                    "equal": gap.is_equal,
                    "difference": gap.largest,
                    "reference": gap.reference,
                    "differing": gap.differing,
                    "count": gap.count,
                }
                for name, gap in self.gaps.items()
            ],
            "not_computed": dict(self.not_computed),
            "outputs_not_compared": list(self.left_out),
        }

    def page(self) -> str:
        return f"<!doctype html><meta charset=utf-8><pre>{escape(self.text)}</pre>"


def some(names: Sequence[str]) -> str:
    """Return a list of names as text: the first few, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def verify(
    name: str,
    model: Any,
    ours: Nodeflow,
    other: Program,
    samples: Sequence[Sample],
    said: Callable[[str], None],
) -> Verification:
    """Compute all tensors of an ONNX model with nodeflow and with another program on samples, and
    compare them.

    Raises:
        NotVerified: a program cannot compute the model.
    """
    whole = with_all_outputs(model)
    made = {name for node in whole.graph.node for name in node.output}
    said(f"computing {len(whole.graph.output)} tensors by {other.title}")
    ours.load(whole)
    try:
        other.load(whole)
    except NotVerified:  # perhaps because of ops that both lack
        if not ours.not_computed:
            raise
        whole = only_with(whole, set(ours.names))
        other.load(whole)
    references = [other.run(sample.feeds) for sample in samples]
    order = {name: node for node in whole.graph.node for name in node.output}
    gaps: dict[str, Gap] = {}
    for sample, reference in zip(samples, references, strict=True):
        said(f"computing {sample.name}")
        _add(gaps, order, ours.run(sample.feeds), reference)
    if not gaps:
        raise NotVerified(f"no tensor of {name} can be compared")
    not_computed = dict(ours.not_computed)
    alone: dict[str, Gap] = {}
    if not all(gap.is_equal for gap in gaps.values()):
        said("computing each node by itself")
        for sample, reference in zip(samples, references, strict=True):
            floats = {n: a for n, a in reference.items() if n in order and is_float(a)}
            rewritten, feeds = with_given(whole, floats, {})
            ours.load(rewritten)
            _add(alone, order, ours.run({**sample.feeds, **feeds}), reference)
    nodes = {tensor: called(order[tensor], tensor) for tensor in gaps}
    names = [sample.name for sample in samples]
    programs = (ours.title, other.title)
    left_out = [v.name for v in model.graph.output if v.name in made and v.name not in gaps]
    return Verification(name, programs, names, gaps, alone, nodes, not_computed, left_out)


def is_float(array: np.ndarray) -> bool:
    """Return whether an array holds floats, also of types that numpy lacks."""
    return array.dtype.kind in "fV"


def called(node: Any, tensor: str) -> str:
    """Return a title for the node that computes a tensor: its name, or the tensor's name if it has
    none. The op type is added in parentheses unless the name contains it.
    """
    name = node.name or tensor
    return name if node.op_type.lower() in name.lower() else f"{name} ({node.op_type})"


def _add(
    gaps: dict[str, Gap],
    order: Mapping[str, Any],
    found: Mapping[str, np.ndarray],
    reference: Mapping[str, np.ndarray],
) -> None:
    for name in order:
        if name in found and name in reference:
            gaps.setdefault(name, Gap()).add(found[name], reference[name])
