"""Einstein summation: products and sums over named axes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from string import ascii_letters
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.types import NUMBERS, Dim, TensorType, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.linalg.einsum_plan import Lowered, contract
from nodeflow.ops.samples import values


def spelled_out(equation: str, ranks: Sequence[int]) -> str:
    """Return an equation with letters in place of each ellipsis; ellipses align at their last
    axes.
    """
    left, arrow, out = equation.replace(" ", "").partition("->")
    parts = left.split(",")
    free = [c for c in ascii_letters if c not in equation]
    counts = [
        max(rank - len(part) + 3, 0) if "..." in part else 0
        for part, rank in zip(parts, ranks, strict=False)
    ]
    names = "".join(free[: max(counts, default=0)])
    pairs = zip(parts, counts, strict=False)
    spelled = [p.replace("...", names[len(names) - count :]) for p, count in pairs]
    if not arrow:
        letters = "".join(parts).replace("...", "")
        out = "..." + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    return ",".join(spelled + parts[len(spelled) :]) + "->" + out.replace("...", names)


def parse(equation: str, ranks: Sequence[int] = ()) -> tuple[list[str], str]:
    """Return the letters of each input and of the output: ``ij,jk->ik``.

    Args:
        ranks: ranks of the inputs, from which the length of an ellipsis follows.

    Raises:
        AttributeProblem: a character is no letter, or the output has a letter twice or an unknown
            one.
    """
    given = equation
    if "..." in equation:
        equation = spelled_out(equation, ranks)
    left, arrow, out = equation.replace(" ", "").partition("->")
    inputs = left.split(",")
    letters = "".join(inputs)
    strange = sorted(set(letters + out) - set(ascii_letters))
    if strange:
        raise AttributeProblem(
            f"{strange[0]!r} in {given!r} is not a letter",
            port="equation",
            hint="Name every axis by a letter, as in ij,jk->ik; ... stands for any others.",
        )
    if not arrow:  # numpy's rule: the letters that appear once, in alphabetical order
        out = "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    for letter in out:
        if letter not in letters or out.count(letter) > 1:
            raise AttributeProblem(
                f"the output of {equation!r} has {letter!r} "
                f"{'twice' if letter in letters else 'but no input does'}",
                port="equation",
                hint="Name axes of the inputs, each once.",
            )
    return inputs, out


@register
class Einsum(Op):
    """Products and sums over named axes."""

    id = "einsum"
    category = "Matrix"
    keywords = ("einstein", "contraction", "tensordot", "product", "sum", "trace")
    doc = (
        "The product of tensors, summed over the axes that the result does not name.\n\nEach axis "
        "is a letter: ij,jk->ik is the matrix product, ij->ji swaps axes, ii-> is the trace, "
        "bij,bjk->bik a batch of matrix products. Axes of the same letter must have the same "
        "size. Without -> the result has the letters that appear once, in alphabetical order. ... "
        "stands for all other axes, which must be the same in all inputs. Integers wrap."
    )
    differentiable = True
    inputs = (Port("values", "Factors.", NUMBERS, "T", variadic=True),)
    attrs = (Attr("equation", "string", "ij,jk->ik", "Letters of all axes, as in ij,jk->ik."),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        inputs, out = parse(attrs["equation"], [t.rank for t in types])
        if len(inputs) != len(types):
            raise AttributeProblem(
                f"{attrs['equation']!r} names {len(inputs)} inputs, but there are {len(types)}",
                port="equation",
                hint="Separate the letters of each input by a comma.",
            )
        sizes: dict[str, Dim] = {}
        for place, (letters, type_) in enumerate(zip(inputs, types, strict=True)):
            if len(letters) != type_.rank:
                raise ShapeError(
                    f"{letters!r} names {len(letters)} axes of shape {shape_text(type_.shape)}",
                    port=f"values.{place}",
                )
            for letter, size in zip(letters, type_.shape, strict=True):
                known = sizes.setdefault(letter, size)
                if known is not None and size is not None and known != size:
                    raise ShapeError(
                        f"axis {letter!r} has size {size} here and {known} before",
                        port=f"values.{place}",
                    )
                sizes[letter] = size if known is None else known
        return types[0].with_shape(sizes[letter] for letter in out)

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        inputs, out = parse(attrs["equation"], [t.rank for t in types])
        return Lowered(types, inputs).composite(out)

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        inputs, out = parse(attrs["equation"], [a.ndim for a in arrays])
        with np.errstate(all="ignore"):
            return np.array(contract(arrays, inputs, out), arrays[0].dtype, order="C")

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return [self._gradient(node, grads[0], place) for place in range(len(node.inputs))]

    def _gradient(self, node: Node, g: Tensor, place: int) -> Tensor:
        """Return the gradient of an einsum with respect to the input number ``place``.

        The gradient is an einsum of g and the other inputs. It is broadcast along axes that only
        this input has.
        """
        inputs, out = parse(node.attrs["equation"], [len(t.shape) for t in node.inputs])
        x = node.inputs[place]
        factors = [g, *(t for i, t in enumerate(node.inputs) if i != place)]
        letters = [out, *(s for i, s in enumerate(inputs) if i != place)]
        wanted = ""
        for axis, letter in enumerate(inputs[place]):
            if letter in wanted:  # a diagonal: the gradient is zero off it
                first = wanted.index(letter)
                letter, twin = _unused([*inputs, out, wanted]), letter
                factors.append(_diagonal(x, first, axis))
                letters.append(twin + letter)
            wanted += letter
        present = "".join(c for c in wanted if any(c in s for s in letters))
        if letters != [present]:
            g = F.einsum(factors, equation=f"{','.join(letters)}->{present}")
        missing = [axis for axis, c in enumerate(wanted) if c not in present]
        return F.broadcast_like(F.expand_dims(g, axis=missing), x) if missing else g

    def samples(self) -> Iterator[Sample]:
        def call(equation: str, *shapes: tuple[int, ...], dtype: str = "float64") -> Sample:
            arrays = tuple(values(s, dtype, start=1 + 7 * i) for i, s in enumerate(shapes))
            return Sample(arrays, {"equation": equation}, smooth=dtype == "float64")

        for dtype in NUMBERS:
            yield call("ij,jk->ik", (2, 3), (3, 4), dtype=dtype)
        yield call("bij,bjk->bik", (2, 3, 4), (2, 4, 5))
        yield call("ij,kj", (2, 3), (4, 3))
        yield call("ij->ji", (2, 3))
        yield call("ij->", (2, 3))
        yield call("ij->j", (2, 3))
        yield call("ii->", (3, 3))
        yield call("iij->ji", (2, 2, 3))
        yield call("i,j,ik->kj", (2,), (3,), (2, 4))
        yield call("ij,ij->i", (2, 3), (2, 3))
        yield call("ij,k->i", (2, 3), (4,))
        yield call("i,i->", (0,), (0,))
        yield call("i,j->ij", (1,), (1,))
        yield call(",->", (), ())
        yield call("...ij,...jk->...ik", (2, 3, 4), (2, 4, 5))
        yield call("...ii->...i", (2, 3, 3))
        yield call("i...,...->i...", (2, 3), (3,))


def _unused(used: Sequence[str]) -> str:
    """Return a letter that none of the texts contains."""
    return next(c for c in ascii_letters if not any(c in text for text in used))


def _diagonal(x: Tensor, first: int, second: int) -> Tensor:
    """Return a tensor that is 1 where the positions along two axes of x are equal, else 0."""
    rows = F.expand_dims(F.positions(x, axis=first), axis=1)
    return F.cast(F.equal(rows, F.positions(x, axis=second)), dtype=x.dtype)
