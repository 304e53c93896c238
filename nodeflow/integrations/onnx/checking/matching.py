"""Finds the tensors of two models that stand for the same numbers.

Tensors match by their name or the name of their node, then by structure (equal ops with matching
inputs), and then by their values on a sample.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nodeflow.integrations.onnx.checking.measures import Gap

PASSING = ("QuantizeLinear", "DequantizeLinear", "Cast", "Identity")
"""Ops that change the precision of numbers at most."""
NEAR = 0.3
"""Maximum relative difference of tensors that match by their values."""
_PRECISION = re.compile(r"(_quantized|_quant|_q|_fp16|_float16|_int8)$")
_FAMILIES = {
    "QLinearConv": "Conv", "ConvInteger": "Conv", "QLinearMatMul": "MatMul",
    "MatMulInteger": "MatMul", "MatMulIntegerToFloat": "MatMul", "QGemm": "Gemm",
}  # fmt: skip


@dataclass(frozen=True)
class Match:
    """A tensor and its counterpart in the reference.

    Attributes:
        how: ``name``, ``structure`` or ``values``.
    """

    reference: str
    tensor: str
    how: str


def matches(
    reference: Any,
    model: Any,
    wanted: Mapping[str, np.ndarray],
    found: Mapping[str, np.ndarray],
    quantized: Container[str] = (),
) -> list[Match]:
    """Match the tensors of a model with the tensors of a reference model. Return the matches in the
    order of the reference.

    Args:
        wanted, found: the numbers of the tensors of both models that can match, on one sample.
        quantized: the tensors of `model` that are integers.
    """
    makers = [_makers(each) for each in (reference, model)]
    wanted = {name: wanted[name] for name in makers[0] if name in wanted}
    found = {name: found[name] for name in makers[1] if name in found}
    pairs = _Pairs(wanted, found)
    after, through = _activations(reference), _quantized_again(model)
    pairs.take(_by_name(wanted, found, *makers), "name")
    for last in (False, True):
        count = -1
        while len(pairs.by_reference) > count:
            count = len(pairs.by_reference)
            pairs.move_past(after, quantized)
            pairs.move_through(through)
            named = list(pairs.by_tensor.items())
            pairs.take(_by_structure(reference, model, wanted, found, named), "structure")
        if not last:
            pairs.take(_by_values(*pairs.left()), "values")
    return [pairs.by_reference[name] for name in wanted if name in pairs.by_reference]


class _Pairs:
    """The matches so far.

    Attributes:
        by_reference: the matches by tensor of the reference.
        by_tensor: the tensors of the reference by their counterpart.
    """

    def __init__(self, wanted: Mapping[str, np.ndarray], found: Mapping[str, np.ndarray]) -> None:
        self._wanted, self._found = wanted, found
        self.by_reference: dict[str, Match] = {}
        self.by_tensor: dict[str, str] = {}

    def take(self, names: Iterable[tuple[str, str]], how: str) -> None:
        """Match a tensor of the reference with a tensor of the model if neither has a match yet and
        their shapes are equal.
        """
        for name, other in names:
            free = name not in self.by_reference and other not in self.by_tensor
            if free and self._wanted[name].shape == self._found[other].shape:
                self.by_reference[name] = Match(name, other, how)
                self.by_tensor[other] = name

    def left(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Return the tensors without a match: of the reference, then of the model."""
        mine = {n: a for n, a in self._wanted.items() if n not in self.by_reference}
        return mine, {n: a for n, a in self._found.items() if n not in self.by_tensor}

    def move_past(self, after: Mapping[str, str], quantized: Container[str]) -> None:
        """Rematch quantized tensors: if a tensor matches the input of an activation, but its values
        are nearer to the activation's output, match it with the output.

        A quantized matrix product or convolution whose range begins at 0 includes the activation.
        """
        for name, match in list(self.by_reference.items()):
            other = after.get(name)
            free = other in self._wanted and other not in self.by_reference
            if other is None or not free or match.tensor not in quantized:
                continue
            found = self._found[match.tensor]
            if _noise(found, self._wanted[other]) < _noise(found, self._wanted[name]):
                del self.by_reference[name]
                self.by_reference[other] = Match(other, match.tensor, match.how)
                self.by_tensor[match.tensor] = other

    def move_through(self, through: Mapping[str, str]) -> None:
        """Rematch reference tensors: if a reference tensor matches a float tensor of the model, but
        is nearer to that tensor after quantization and dequantization, match it with the latter.

        The two differ if the quantization also clips, as an activation does: its range then begins
        at 0.
        """
        for name, match in list(self.by_reference.items()):
            other = through.get(match.tensor)
            if other is None or other not in self._found or other in self.by_tensor:
                continue
            wanted = self._wanted[name]
            if _noise(self._found[other], wanted) < _noise(self._found[match.tensor], wanted):
                del self.by_tensor[match.tensor]
                self.by_reference[name] = Match(name, other, match.how)
                self.by_tensor[other] = name


def _quantized_again(model: Any) -> dict[str, str]:
    """Return a dict: float tensor -> the tensor that a model makes from it by quantizing and
    dequantizing.
    """
    source = {n.output[0]: n.input[0] for n in model.graph.node if n.op_type == "QuantizeLinear"}
    return {
        source[node.input[0]]: node.output[0]
        for node in model.graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in source
    }


def _activations(model: Any) -> dict[str, str]:
    """Return a dict: tensor -> the result of the Relu or Clip that is the only reader of the
    tensor.
    """
    readers = Counter(name for node in model.graph.node for name in node.input)
    return {
        node.input[0]: node.output[0]
        for node in model.graph.node
        if node.op_type in ("Relu", "Clip") and readers[node.input[0]] == 1
    }


def _noise(found: np.ndarray, wanted: np.ndarray) -> float:
    gap = Gap()
    gap.add(found, wanted)
    return gap.noise


def _makers(model: Any) -> dict[str, Any]:
    """Return the node of each tensor."""
    return {name: node for node in model.graph.node for name in node.output if name}


def _by_name(
    wanted: Mapping[str, Any],
    found: Mapping[str, Any],
    nodes: Mapping[str, Any],
    others: Mapping[str, Any],
) -> Iterator[tuple[str, str]]:
    """Yield pairs of tensors that have the same name, or whose nodes have the same name. Endings
    that name a precision are ignored.
    """
    yield from ((name, name) for name in wanted if name in found)
    plain = {_PRECISION.sub("", name): name for name in found}
    yield from ((name, plain[name]) for name in wanted if name in plain)
    places = {
        (_PRECISION.sub("", node.name), list(node.output).index(name)): name
        for name, node in others.items()
        if node.name and name in found
    }
    for name in wanted:
        node = nodes[name]
        place = (_PRECISION.sub("", node.name), list(node.output).index(name))
        if node.name and place in places:
            other = others[places[place]]
            if family(other) == family(node):
                yield name, places[place]


def family(node: Any) -> str:
    """Return a node's op type without its precision: ``Conv`` for ``QLinearConv``."""
    op: str = node.op_type
    return _FAMILIES.get(op, op.removeprefix("QLinear"))


def _by_structure(
    reference: Any,
    model: Any,
    wanted: Mapping[str, Any],
    found: Mapping[str, Any],
    named: list[tuple[str, str]],
) -> Iterator[tuple[str, str]]:
    """Yield pairs of tensors that the same op computes from inputs that already match."""
    ids: dict[Any, int] = {}
    labels = [{pair[side]: index for index, pair in enumerate(named)} for side in (1, 0)]
    keys = _keys(reference, labels[0], ids), _keys(model, labels[1], ids)
    places = defaultdict[int, list[str]](list)
    for name in found:
        if name in keys[1] and name not in labels[1]:
            places[keys[1][name]].append(name)
    mine = defaultdict[int, list[str]](list)
    for name in wanted:
        if name in keys[0] and name not in labels[0]:
            mine[keys[0][name]].append(name)
    for key, names in mine.items():
        if len(names) == len(places[key]):
            yield from zip(names, places[key], strict=True)


def _keys(model: Any, labels: Mapping[str, int], ids: dict[Any, int]) -> dict[str, int]:
    """Number the tensors of a model, so that tensors that the same ops compute from the same inputs
    get the same number. Return name -> number.

    Weights are not numbered. The outputs of ops in `PASSING`, which change only the precision,
    count as their input; they are not in the result.
    """

    def number(key: Any) -> int:
        return ids.setdefault(key, len(ids))

    held = {t.name for t in model.graph.initializer}
    inputs = [value.name for value in model.graph.input if value.name not in held]
    sources = {name: number(("input", index)) for index, name in enumerate(inputs)}
    keys: dict[str, int] = {}
    for node in model.graph.node:
        read = [sources[name] for name in node.input if name in sources]
        passes = node.op_type in PASSING
        for index, name in enumerate(node.output):
            if name in labels:
                sources[name] = number(("named", labels[name]))
            elif read and passes:
                sources[name] = read[0]
            elif read:
                sources[name] = keys[name] = number((family(node), tuple(read), index))
    return keys


def _by_values(
    wanted: Mapping[str, np.ndarray], found: Mapping[str, np.ndarray]
) -> Iterator[tuple[str, str]]:
    """Yield pairs of a reference tensor and the model's tensor with the nearest values, if they are
    near enough.
    """
    shapes = defaultdict[Any, list[str]](list)
    for name, array in found.items():
        shapes[array.shape].append(name)
    for name, array in wanted.items():
        if array.size < 2:
            continue
        noises = {other: _noise(found[other], array) for other in shapes[array.shape]}
        nearest = min(noises, key=noises.__getitem__, default="")
        if nearest and noises[nearest] <= NEAR:
            shapes[array.shape].remove(nearest)
            yield name, nearest
