"""Compiled against reference on unusual feeds: special values, sizes 0 and 1, ranks, layouts.

Everything is enumerated from the registry: each op, set of attributes and dtypes that its samples
name gets every shape its inference accepts, every pool of values and every memory layout.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from nodeflow.engine.session import Session
from nodeflow.errors import NodeflowError, RunError, ShapeError
from nodeflow.graph.graph import Graph, Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import COMPLEX, HALVES, TensorType, dtype_name, type_of_array
from nodeflow.ops.composed import Composed
from nodeflow.ops.elementwise import Elementwise
from nodeflow.ops.samples import values

from .test_executor import SKIPPED

SHAPES = ((), (3,), (2, 3), (2, 2, 3), (2, 1, 2, 3))
"""Ranks 0 to 4, which every input is tried with besides its own shapes."""
EMPTY_AND_ONE = (0, 1)
CANCELLING = ("plain", "nan", "infinite", "negative infinite")
PRODUCT_SUMS = ("conv1d", "conv2d", "conv3d")
"""How ids of ops begin whose kernels add products in another order than numpy does. All their
inputs multiply, so the op of magnitudes is the sum of the magnitudes of what is added."""
MINIMUM_CASES = 60
"""Of each op; all of them together are about 76 000."""
MINIMUM_OPS = 150
OTHERWISE = {
    "linear_attention": "subtracts sums of products, which cancel out at every magnitude",
    "layers/shared": "computes what the layer does that it names",
    "orthogonal": "takes nothing but two sizes or more",
    "unit_forget_bias": "takes nothing but one size",
}
"""Ops that are no case here, and why."""

Shapes = tuple[tuple[int, ...], ...]


def ops() -> list[Op]:
    """Everything that computes its outputs from its inputs."""
    runnable = [op for op in REGISTRY if not op.macro or isinstance(op, Composed)]
    return [
        op
        for op in runnable
        if op.inputs and op.id not in (*SKIPPED, *OTHERWISE) and any(map(in_kernels, op.samples()))
    ]


def in_kernels(call: Sample) -> bool:
    """Whether kernels take its dtypes: half floats become float32 before, and complex numbers are
    computed by the reference in both tiers."""
    dtypes = {dtype_name(np.asarray(a).dtype) for a in call.inputs}
    return not dtypes & {*HALVES, *COMPLEX}


# ---- values ---------------------------------------------------------------------------------


def pools(dtype: str, sums: bool, products: bool = False) -> dict[str, np.ndarray]:
    """Values at which numbers of this dtype go wrong, one kind of trouble each.

    ``sums``: the op may add up; the largest numbers then leave room for it, since a total may
    overflow in float32 kernels and not in the reference, which adds in float64. ``products``: it
    multiplies what it has added up, as layers do, where the order of terms decides what overflows.
    """
    if dtype == "bool":
        return {"bools": np.array([True, False, False, True])}
    if not dtype.startswith("float"):
        info = np.iinfo(dtype)
        return {"extremes": np.array([info.max, info.min, 1, 0, info.max - 1, 2], dtype)}
    info = np.finfo(dtype)
    tiny, least = float(info.tiny), float(info.smallest_subnormal)
    largest = float(info.max) ** 0.25 if products else float(info.max) / (64 if sums else 1)
    lists = {
        "nan": [math.nan, 1.5, -0.5, 2.0, math.nan],
        "infinite": [math.inf, 1.0, -2.0, 0.5, 3.0],
        "negative infinite": [-math.inf, 1.0, 0.25, -3.0],
        "both infinities": [math.inf, -math.inf, 1.0, math.inf, -math.inf],
        "zeros": [-0.0, 0.0, -0.0, -0.0, 0.0],
        "denormals": [least, -least, tiny / 2, -tiny / 8, 3 * least],
        "tiny": [tiny, -tiny, 0.0, tiny * 1.5],
        "extremes": [largest, 1.0, -1.0, 0.5],
        "negative extremes": [-largest, -1.0, 1.0, 0.5],
    }
    return {name: np.array(v, dtype) for name, v in lists.items()}


def feeds_of(call: Sample, op: Op, shapes: Shapes) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Arrays of these shapes: plain values, then each pool in every float input at once."""
    dtypes = [a.dtype.name for a in call.inputs]
    plain = [values(s, d, 0.0, 2.0, 3 + i) for i, (s, d) in enumerate(zip(shapes, dtypes))]
    if shapes == tuple(a.shape for a in call.inputs):
        plain = [np.asarray(a) for a in call.inputs]
    yield "plain", plain
    if sum(math.prod(s) for s in shapes) < 3:
        return
    sums, products = not isinstance(op, Elementwise), op.id.startswith("layers/")
    for name in pools("float32", sums):
        if not any(d.startswith("float") for d in dtypes):
            break
        yield (
            name,
            [
                filled(pools(d, sums, products)[name], s, place) if d.startswith("float") else array
                for place, (d, s, array) in enumerate(zip(dtypes, shapes, plain))
            ],
        )
    if any(not d.startswith("float") for d in dtypes):
        yield (
            "whole extremes",
            [
                array
                if d.startswith("float")
                else filled(next(iter(pools(d, sums).values())), s, place)
                for place, (d, s, array) in enumerate(zip(dtypes, shapes, plain))
            ],
        )


def filled(pool: np.ndarray, shape: tuple[int, ...], start: int) -> np.ndarray:
    """The pool's values again and again, from another one on for each input."""
    return (
        np.resize(np.roll(pool, -start), shape) if math.prod(shape) else np.empty(shape, pool.dtype)
    )


# ---- layouts --------------------------------------------------------------------------------


def transposed(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array.T).T


def reversed_(array: np.ndarray) -> np.ndarray:
    """Equal values behind negative strides on every axis."""
    flip = (slice(None, None, -1),) * array.ndim
    return np.ascontiguousarray(array[flip])[flip] if array.ndim else array


def spaced(array: np.ndarray) -> np.ndarray:
    """Equal values with gaps between them, starting at an odd address."""
    strides = tuple(2 * s for s in np.ascontiguousarray(array).strides[: array.ndim])
    room = np.zeros(2 * array.nbytes + 2 * array.itemsize + 1, np.uint8)
    apart = np.ndarray(array.shape, array.dtype, room, 1, strides)
    apart[...] = array
    return apart


def spread(array: np.ndarray) -> np.ndarray:
    """The first element everywhere, with strides of 0; whole, so that its mean is exact."""
    if not array.size:
        return array
    first = np.round(array.ravel()[0]) if array.dtype.kind == "f" else array.ravel()[0]
    return np.broadcast_to(first, array.shape)


LAYOUTS = {"transposed": transposed, "reversed": reversed_, "spaced": spaced, "broadcast": spread}


# ---- shapes ---------------------------------------------------------------------------------


def pairs_of(
    op: Op, call: Sample, attrs: Mapping[str, Any], full: bool
) -> Iterator[tuple[Shapes, Pair]]:
    """The call with shapes that inference accepts: its own and, if ``full``, smaller ones, empty
    ones and those of other ranks."""
    own = tuple(np.asarray(a).shape for a in call.inputs)
    tried = [own, ((2, 1, 2, 3),) * len(own)]
    if full:
        for size in sorted({d for shape in own for d in shape}):
            for other in EMPTY_AND_ONE:
                tried.append(tuple(tuple(other if d == size else d for d in s) for s in own))
        tried += [(shape,) * len(own) for shape in SHAPES]
        tried += [((1,) * rank,) * len(own) for rank in (1, 4)]
        tried += [((0,) * rank,) * len(own) for rank in (1, 2) if not isinstance(op, Composed)]
    for shapes in dict.fromkeys(tried):
        types = [TensorType(a.dtype.name, s) for a, s in zip(call.inputs, shapes)]
        try:
            op.infer(*types, **attrs)
        except NodeflowError:
            continue
        try:
            pair = Pair(op, call, shapes)
        except NodeflowError:
            if not isinstance(op, Composed):  # what that is made of may refuse more
                raise
            continue
        yield shapes, pair


def calls_of(op: Op) -> list[tuple[Sample, bool]]:
    """One sample for each set of attributes and dtypes, and whether its attributes, or its dtypes,
    are new. Of ops that are made of ops only those: the others have the same kernels."""
    best: dict[tuple, Sample] = {}
    for call in filter(in_kernels, op.samples()):
        arrays = [np.asarray(a) for a in call.inputs]
        key = repr(call.attrs), tuple(dtype_name(a.dtype) for a in arrays)
        size = sum(a.size for a in arrays)
        if key not in best or sum(np.size(a) for a in best[key].inputs) < size < 200:
            best[key] = call
    seen: set[Any] = set()
    chosen = []
    for (attrs, dtypes), call in best.items():
        full = dtypes not in seen or (attrs not in seen and not isinstance(op, Composed))
        seen |= {attrs, dtypes}
        if full or not isinstance(op, Composed):
            chosen.append((call, full))
    return chosen


# ---- running --------------------------------------------------------------------------------


class Pair:
    """One application of an op, runnable in both tiers."""

    def __init__(self, op: Op, call: Sample, shapes: Shapes) -> None:
        graph = Graph()
        self.fed: list[Tensor] = [
            graph.apply("placeholder", dtype=a.dtype.name, shape=s)
            for a, s in zip(call.inputs, shapes)
        ]
        self.outputs = list(graph.add_node(op, self.fed, call.attrs).outputs)
        self.sessions = [Session(graph, tier=t, seed=5) for t in ("compiled", "reference")]

        for session in self.sessions:
            session.initialize()

    def run(self, arrays: list[np.ndarray]) -> list[Any]:
        """Values of both tiers, or the texts of their errors."""
        return [self._outcome(session, arrays) for session in self.sessions]

    def by_reference(self, arrays: list[np.ndarray]) -> Any:
        """What the reference tier alone gives."""
        return self._outcome(self.sessions[1], arrays)

    def _outcome(self, session: Session, arrays: list[np.ndarray]) -> Any:
        session.runs = 0  # random ops draw the same numbers each time
        try:
            return session.run(self.outputs, dict(zip(self.fed, arrays)))
        except (RunError, ShapeError) as error:  # of shapes that a run finds out
            return str(error)


def agree(found: Any, expected: Any, what: str, cancels: bool, added: Any = None) -> None:
    """Errors word by word, dtypes and integers exactly, floats but for rounding.

    ``cancels``: terms of about 1 may have cancelled out, which leaves their rounding errors.
    ``added``: for each output the sum of the terms' magnitudes, to which rounding is relative.
    """
    if isinstance(expected, str):
        assert found == expected, what
        return
    for place, (ours, theirs) in enumerate(zip(found, expected, strict=True)):
        ours, theirs = np.asarray(ours), np.asarray(theirs)
        assert type_of_array(ours) == type_of_array(theirs), what
        if ours.tobytes() == theirs.tobytes():
            continue
        if dtype_name(ours.dtype) in HALVES:
            ours, theirs = ours.astype("float32"), theirs.astype("float32")
            np.testing.assert_array_equal(ours, theirs, err_msg=what)
            continue
        if ours.dtype.kind != "f":
            np.testing.assert_array_equal(ours, theirs, err_msg=what)
            continue
        info = np.finfo(ours.dtype)
        rtol = 1e-5 if ours.dtype == np.float32 else 1e-12
        atol = rtol / 10 if cancels else float(info.tiny)
        if added is not None:
            with np.errstate(all="ignore"):
                near = np.abs(ours - theirs) <= rtol / 10 * added[place]
            ours = np.where(near & np.isfinite(added[place]), theirs, ours)
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol, err_msg=what)


def check(op: Op) -> int:
    """Run every case of an op; returns how many gave values."""
    counted, summing = 0, not isinstance(op, Elementwise)
    for call, full in calls_of(op):
        attrs = op.bind_attrs(call.attrs)
        for shapes, pair in pairs_of(op, call, attrs, full):
            for name, arrays in feeds_of(call, op, shapes):
                given = {"C": arrays}
                if name == "plain" and full:
                    given |= {k: [lay(a) for a in arrays] for k, lay in LAYOUTS.items()}
                for layout, laid in given.items():
                    before = [a.copy() for a in laid]
                    found, expected = pair.run(laid)
                    what = f"{op.id} {dict(call.attrs)} {shapes} {name} {layout}"
                    added = None
                    if op.id.startswith(PRODUCT_SUMS):
                        added = pair.by_reference([np.abs(a) for a in laid])
                    agree(found, expected, what, summing and name in CANCELLING, added)
                    for array, copy in zip(laid, before):
                        assert array.tobytes() == copy.tobytes(), what
                    counted += not isinstance(expected, str)
    return counted


@pytest.mark.sample(2)
@pytest.mark.parametrize("op", ops(), ids=lambda op: op.id)
def test_both_tiers_agree_on_unusual_feeds(op: Op, record_property) -> None:
    cases = check(op)
    record_property("cases", cases)
    assert cases >= MINIMUM_CASES


def test_enough_ops_are_enumerated() -> None:
    assert len(ops()) >= MINIMUM_OPS
