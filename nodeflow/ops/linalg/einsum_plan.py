"""The steps of an einsum: diagonals, sums and products of pairs, planned once for both tiers.

Named axes are letters. The pair with the smallest product comes first, as in numpy's greedy order.
Both tiers follow the same plan, so a value overflows in both or in neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod

import numpy as np

from nodeflow.graph.types import TensorType
from nodeflow.ops import lowering
from nodeflow.ops.base import accumulator


@dataclass(frozen=True)
class Diagonal:
    """A step that takes diagonals, so that each letter remains once."""

    operand: int
    letters: str
    result: str


@dataclass(frozen=True)
class Sum:
    """A step that sums over the letters missing in ``result``."""

    operand: int
    letters: str
    result: str


@dataclass(frozen=True)
class Pair:
    """A step that multiplies two operands and sums over the contracted letters.

    ``batch`` holds the letters of both operands, ``left`` and ``right`` the letters of one only.
    """

    operands: tuple[int, int]
    letters: tuple[str, str]
    batch: str
    left: str
    right: str
    contracted: str

    @property
    def result(self) -> str:
        return self.batch + self.left + self.right


Step = Diagonal | Sum | Pair


def plan(inputs: Sequence[str], out: str, sizes: Mapping[str, int]) -> list[Step]:
    """Plan an einsum as a list of steps on one or two operands. The last result has the letters of
    ``out``, in any order.

    The inputs are operands 0, 1, ...; the result of each step becomes the next operand. Pairs with
    small results are contracted first.

    Args:
        sizes: letter -> size of the axis.
    """
    steps: list[Step] = []
    alive: dict[int, str] = dict(enumerate(inputs))

    def add(step: Step, *used: int) -> None:
        for operand in used:
            del alive[operand]
        alive[len(inputs) + len(steps)] = step.result
        steps.append(step)

    for operand, letters in enumerate(inputs):
        once = "".join(dict.fromkeys(letters))
        if once != letters:
            add(Diagonal(operand, letters, once), operand)
    for operand, letters in list(alive.items()):
        others = out + "".join(t for o, t in alive.items() if o != operand)
        kept = "".join(c for c in letters if c in others)
        if kept != letters:
            add(Sum(operand, letters, kept), operand)
    while len(alive) > 1:
        pairs = [_pair(alive, i, j, out) for i, j in combinations(sorted(alive), 2)]
        best = min(pairs, key=lambda p: prod(sizes[c] for c in p.result))
        add(best, *best.operands)
    return steps


def _pair(alive: Mapping[int, str], i: int, j: int, out: str) -> Pair:
    x, y = alive[i], alive[j]
    later = out + "".join(t for o, t in alive.items() if o not in (i, j))
    return Pair(
        (i, j),
        (x, y),
        batch="".join(c for c in x if c in y and c in later),
        left="".join(c for c in x if c not in y),
        right="".join(c for c in y if c not in x),
        contracted="".join(c for c in x if c in y and c not in later),
    )


# ---- by reference -----------------------------------------------------------------------------


def contract(arrays: Sequence[np.ndarray], inputs: Sequence[str], out: str) -> np.ndarray:
    """Return the result of an einsum, computed in numpy. Sums of float32 accumulate in float64."""
    sizes = {c: d for s, a in zip(inputs, arrays) for c, d in zip(s, a.shape)}
    operands = list(arrays)
    letters = inputs[0]
    for step in plan(inputs, out, sizes):
        operands.append(_step(step, operands))
        letters = step.result
    return np.einsum(f"{letters}->{out}", operands[-1])


def _step(step: Step, operands: Sequence[np.ndarray]) -> np.ndarray:
    if isinstance(step, Diagonal):
        return np.einsum(f"{step.letters}->{step.result}", operands[step.operand])
    if isinstance(step, Sum):
        x = operands[step.operand]
        axes = tuple(i for i, c in enumerate(step.letters) if c not in step.result)
        return np.sum(x, axes, dtype=accumulator(x.dtype.name)).astype(x.dtype)
    x, y = (operands[o] for o in step.operands)
    x = np.einsum(f"{step.letters[0]}->{step.batch}{step.left}{step.contracted}", x)
    y = np.einsum(f"{step.letters[1]}->{step.batch}{step.contracted}{step.right}", y)
    b, e = len(step.batch), len(step.contracted)
    batch, left, right = x.shape[:b], x.shape[b : x.ndim - e], y.shape[b + e :]
    inner = prod(y.shape[b : b + e])
    product = np.matmul(x.reshape(*batch, prod(left), inner), y.reshape(*batch, inner, prod(right)))
    return product.reshape((*batch, *left, *right))


# ---- compiled ---------------------------------------------------------------------------------


class Lowered:
    """A builder of the parts of a contraction for the compiled tier."""

    def __init__(self, types: Sequence[TensorType], inputs: Sequence[str]) -> None:
        self.dtype = types[0].dtype
        self.parts: list[lowering.Part] = []
        self.sizes = {c: d or 0 for s, t in zip(inputs, types) for c, d in zip(s, t.shape)}
        self.operands = [f"x{i}" for i in range(len(types))]
        self.letters = list(inputs)

    def composite(self, out: str) -> lowering.Composite:
        """Return the steps of the contraction as one composite lowering.

        Args:
            out: the letters of the axes of the result, in order.
        """
        names = tuple(self.operands)
        for step in plan(self.letters, out, self.sizes):
            self.operands.append(self._step(step))
            self.letters.append(step.result)
        last = self._ordered(self.operands[-1], self.letters[-1], out)
        self.parts.append(lowering.Part("out", lowering.Alias(), (last,), self._type(out)))
        return lowering.Composite(names, self.parts, ("out",))

    def _type(self, *groups: str) -> TensorType:
        """Return the type of an operand of an einsum. One group of letters gives one axis per
        letter. Several groups give one axis per group, merged from the axes of its letters.
        """
        if len(groups) == 1:
            return TensorType(self.dtype, tuple(self.sizes[c] for c in groups[0]))
        return TensorType(self.dtype, tuple(prod(self.sizes[c] for c in g) for g in groups))

    def _part(self, work: lowering.Lowering, inputs: Sequence[str], type_: TensorType) -> str:
        name = f"part {len(self.parts)}"
        self.parts.append(lowering.Part(name, work, tuple(inputs), type_))
        return name

    def _ordered(self, name: str, letters: str, order: str) -> str:
        """Permute the axes of an einsum operand to the given order of letters. A letter that occurs
        twice selects the diagonal.
        """
        if letters == order:
            return name
        steps = lowering.strides_of([self.sizes[c] for c in letters])
        own = tuple(sum(s for s, c in zip(steps, letters) if c == wanted) for wanted in order)
        type_ = self._type(order)
        sizes = tuple(d or 0 for d in type_.shape)
        block = lowering.Block(sizes, 0, own, 0, lowering.strides_of(sizes))
        return self._part(lowering.Copy((block,)), (name,), type_)

    def _step(self, step: Step) -> str:
        if isinstance(step, Diagonal):
            return self._ordered(self.operands[step.operand], step.letters, step.result)
        if isinstance(step, Sum):
            axes = tuple(i for i, c in enumerate(step.letters) if c not in step.result)
            work = lowering.Reduce("sum", axes)
            return self._part(work, (self.operands[step.operand],), self._type(step.result))
        if step.contracted and (step.left or step.right):
            return self._matmul(step)
        return self._multiply(step)

    def _matmul(self, step: Pair) -> str:
        """Add the contraction of two einsum operands as a batched matrix product. An operand that
        is transposed is not copied, because the product can read it so.
        """
        names, turned = [], []
        for side, own in enumerate((step.left, step.right)):
            letters = step.letters[side]
            groups = (own, step.contracted) if side == 0 else (step.contracted, own)
            other = step.batch + groups[1] + groups[0]
            turned.append(letters == other and letters != step.batch + groups[0] + groups[1])
            order = other if turned[-1] else step.batch + groups[0] + groups[1]
            shape = (step.batch, *(groups[::-1] if turned[-1] else groups))
            name = self._ordered(self.operands[step.operands[side]], letters, order)
            names.append(self._part(lowering.Alias(), (name,), self._type(*shape)))
        work = lowering.Matmul(*turned)
        product = self._part(work, names, self._type(step.batch, step.left, step.right))
        return self._part(lowering.Alias(), (product,), self._type(step.result))

    def _multiply(self, step: Pair) -> str:
        """Add the product of elements, then the sum."""
        shapes = (
            (step.batch, step.left, "", step.contracted),
            (step.batch, "", step.right, step.contracted),
        )
        names = []
        for side, shape in enumerate(shapes):
            operand = self.operands[step.operands[side]]
            name = self._ordered(operand, step.letters[side], "".join(shape))
            names.append(self._part(lowering.Alias(), (name,), self._type(*shape)))
        groups = (step.batch, step.left, step.right, step.contracted)
        work = lowering.Elementwise("x * y", ("x", "y"))
        product = self._part(work, names, self._type(*groups))
        if step.contracted:
            total = self._type(*groups[:3])
            product = self._part(lowering.Reduce("sum", (3,)), (product,), total)
        return self._part(lowering.Alias(), (product,), self._type(step.result))
