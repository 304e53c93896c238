"""What ops compute on JAX and by their references, on their own samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from nodeflow.engine.threefry_streams import Stream as NumpyStream
from nodeflow.errors import RunError
from nodeflow.graph.inference.constant_propagation import known_value
from nodeflow.graph.inference.infer_types import infer_types
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.reference_evaluation import evaluate
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import TensorType, number_kind, type_of_array
from nodeflow.integrations.jax.evaluate import apply
from nodeflow.integrations.jax.failures import Failures
from nodeflow.integrations.jax.refused import REFUSED
from nodeflow.integrations.jax.settings import settings
from nodeflow.integrations.jax.streams import Stream
from nodeflow.ops.runtime_attributes import RuntimeAttributes
from tests.ops.evaluate import widened

BY_SESSION = ("variable", "placeholder", "assign", "group", "initialize")
"""What a session does itself."""
NAME, SEED = "here", 5

CLOSE = {
    "float64": 1e-9, "complex128": 1e-9, "float32": 2e-5, "complex64": 2e-5,
    "float16": 2**-10, "bfloat16": 2**-7,
}  # fmt: skip
"""The largest difference, relative to the largest of the expected numbers."""


def ops() -> list[Op]:
    """Those that schedules hold: not what expands into others."""
    return [op for op in REGISTRY if not op.macro and op.id not in BY_SESSION]


def computed_ops() -> list[Op]:
    return [op for op in ops() if op.id not in REFUSED]


def is_refused(op: Op, sample: Sample) -> bool:
    """Whether a call needs what only a run knows: a size, or how often a node ran."""
    attrs = op.bind_attrs(sample.attrs)
    if op.id == "print":
        return attrs["first_n"] is not None
    if op.id == "while_loop":
        return attrs["history"] and attrs["maximum_iterations"] is None
    return op.id == "range" and any(number_kind(a.dtype) == "f" for a in sample.inputs)


SLOW = ("betainc", "expm", "igamma", "igammac", "polygamma", "tiled_attention", "zeta")
"""Ops that XLA takes a second or more to compile for one sample."""


def few(op: Op, samples: Sequence[Sample]) -> list[Sample]:
    """Of one for each set of attributes and shapes, and one for each dtype that is rare, at most
    three, spread evenly."""
    kept: dict[Any, Sample] = {}
    for sample in samples:
        shapes = tuple(a.shape for a in sample.inputs)
        kept.setdefault((repr(sample.attrs), shapes), sample)
        dtypes = tuple(a.dtype.name for a in sample.inputs)
        if not {"bfloat16", "uint8", "bool", "complex64"}.isdisjoint(dtypes):
            kept.setdefault(dtypes, sample)
    found, count = list(kept.values()), 1 if op.id in SLOW else 3
    chosen = np.linspace(0, len(found) - 1, min(count, len(found))).round().astype(int)
    return [found[i] for i in chosen]


def input_types(op: Op, arrays: Sequence[np.ndarray]) -> list[TensorType]:
    """Types of a sample's inputs; of those that stand for attributes, the values are known."""
    types = [type_of_array(a) for a in arrays]
    if op.id == "range":
        return [t.with_value(known_value(a)) for t, a in zip(types, arrays, strict=True)]
    if not isinstance(op, RuntimeAttributes):
        return types
    first = len(op.inputs) - len(op.runtime)
    return [
        t.with_value(known_value(a)) if i >= first else t
        for i, (t, a) in enumerate(zip(types, arrays, strict=True))
    ]


def on_jax(op: Op, samples: Sequence[Sample]) -> list[list[np.ndarray] | str]:
    """The outputs for each sample, or the text of the error; all in one jitted function."""
    ready: list[list[np.ndarray] | str | None] = [None] * len(samples)
    places: dict[int, list[tuple[str, str]]] = {}

    def all_of_them(given: list[tuple[Any, ...]], execution: Any) -> dict[int, Any]:
        found = {}
        for number, (sample, arrays) in enumerate(zip(samples, given, strict=True)):
            attrs = op.bind_attrs(sample.attrs)
            types = input_types(op, sample.inputs)
            failures = Failures()
            stream = Stream(attrs.get("seed") or SEED, NAME, "", execution) if op.random else None
            try:
                outs = infer_types(op, types, attrs, NAME)
                made = apply(NAME, op, attrs, arrays, types, outs, stream, failures)
            except RunError as error:
                ready[number] = f"{type(error).__name__}: {error} {error.hint or ''}"
                continue
            places[number] = failures.places
            found[number] = made, failures.stacked()
        return found

    with settings():
        arrays = [tuple(np.asarray(a) for a in s.inputs) for s in samples]
        found = jax.jit(all_of_them)(arrays, np.uint32(3))
        for number, (made, flags) in found.items():
            failed = [text for (_, text), bad in zip(places[number], flags, strict=True) if bad]
            ready[number] = failed[0] if failed else [np.asarray(m) for m in made]
    return [made for made in ready if made is not None]


def by_reference(op: Op, sample: Sample) -> list[np.ndarray] | str:
    attrs = op.bind_attrs(sample.attrs)
    stream = {"stream": NumpyStream(attrs.get("seed") or SEED, NAME, 3)} if op.random else {}
    try:
        with np.errstate(all="ignore"):
            made = evaluate(op, sample.inputs, attrs, **stream)
    except RunError as error:
        return str(error)
    return [np.asarray(m) for m in (made if isinstance(made, (tuple, list)) else [made])]


def compare(op: Op, sample: Sample, found: Any, expected: Any) -> None:
    """The same numbers, or an error in both."""
    what = f"{op.id} {sample}"
    if isinstance(found, str) or isinstance(expected, str):
        assert isinstance(found, str) and isinstance(expected, str), (what, found, expected)
        return
    assert len(found) == len(expected), what
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape), what
        if number_kind(ours.dtype) not in "fc":
            np.testing.assert_array_equal(ours, theirs, err_msg=what)
            continue
        close = CLOSE[ours.dtype.name]
        ours, theirs = (widened(a) for a in (ours, theirs))
        sizes = np.abs(theirs[np.isfinite(theirs)])
        scale = float(sizes.max()) if sizes.size else 1.0
        np.testing.assert_allclose(ours, theirs, rtol=close, atol=close * scale, err_msg=what)
