"""What every registered op must keep, checked on its own samples."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import (
    AttributeProblem,
    DtypeError,
    MissingInput,
    NodeflowError,
    RunError,
    ShapeError,
    UnknownRank,
)
from nodeflow.graph.gradients import gradients
from nodeflow.graph.inference.constant_propagation import known_value
from nodeflow.graph.inference.infer_types import infer_types
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.shapes import UNKNOWN
from nodeflow.graph.types import DTYPES, TensorType, dtype_name, number_kind, type_of_array
from nodeflow.ops import CATEGORIES
from nodeflow.ops.composed import Composed, resolve
from nodeflow.ops.samples import values
from tests.ops.evaluate import assert_equal, build, evaluate, run_reference
from tests.ops.many import varying

OPS = list(REGISTRY)
CALLS = {op.id: list(op.samples()) for op in OPS}
BY_NODE = ("assign", "layers/shared")
"""Ops that mean the node that a wire comes from, so arrays alone do not run them."""
RUNNABLE = [op for op in OPS if (not op.macro or isinstance(op, Composed)) and op.id not in BY_NODE]
DIFFERENTIABLE = [
    op
    for op in RUNNABLE
    if op.differentiable and op.id not in ("stop_gradient", "variable", "shape", "rank")
]
# Ops that must know all sizes but these axes of their first input.
NEED_SIZES = {
    "linear_attention": (0,),
    "batch_normalization": (0,), "rnn_cell": (0,), "gru_cell": (0,), "lstm_cell": (0,),
    "layers/dense": (0,), "layers/conv2d": (0, 1, 2), "layers/conv1d": (0, 1),
    "layers/separable_conv2d": (0, 1, 2), "layers/separable_conv1d": (0, 1),
    "layers/depthwise_conv2d": (0, 1, 2), "layers/conv3d": (0, 1, 2, 3),
    "layers/conv1d_transpose": (0, 1), "layers/conv3d_transpose": (0, 1, 2, 3),
    "layers/conv2d_transpose": (0, 1, 2), "layers/batch_normalization": (0,),
    "layers/layer_normalization": (0,), "layers/multi_head_attention": (0, 1),
    "layers/residual_dense": (0,), "layers/residual_conv": (0, 1, 2),
    "layers/transformer_block": (0, 1),
    "layers/random_flip": (0,), "layers/random_rotation": (0,), "layers/random_translation": (0,),
    "layers/random_zoom": (0,), "layers/random_contrast": (0,), "layers/random_brightness": (0,),
    "layers/random_crop": (0,),
    "layers/rnn": (0, 1), "layers/gru": (0, 1), "layers/lstm": (0, 1),
    "rnn": (0, 1), "gru": (0, 1), "lstm": (0, 1),
    "frame": (), "overlap_and_add": (), "stft": (), "inverse_stft": (),
    "unstack": (), "meshgrid": (), "kron": (), "group_normalization": (0,),
    "interpolate": (), "image_gradients": (), "sobel_edges": (), "ssim": (), "ssim_multiscale": (),
    "central_crop": (), "resize_with_crop_or_pad": (), "grid_sample": (0, 1),
    "rotary_embedding": (0,), "rotate": (), "projective_transform": (),
    "image_patches": (0,), "crop_and_resize": (0, 3), "roi_align": (0,),
    "extract_glimpse": (0,), "random_rotation": (0,), "fold": (0,), "random_categorical": (0,),
    "dilation2d": (0, 3), "deform_conv2d": (0,),
    "scatter_nd": (0,), "scatter_nd_like": (0, 1),
    "gather_nd": (0, 1, 2), "tensor_scatter": (0, 1, 2),
}  # fmt: skip

# Ops whose result has a size that only their input's elements tell, or that a run decides.
SIZED_BY_DATA = {
    "placeholder", "cond", "while_loop", "boolean_mask", "nonzero", "unique_with_counts",
    "non_max_suppression", "batched_non_max_suppression",
}  # fmt: skip

# Ops that need two elements (glu halves an axis), three channels, or neighbours.
NEVER_SINGLE = {
    "glu", "grayscale_to_rgb", "rgb_to_grayscale", "rgb_to_hsv", "hsv_to_rgb", "rgb_to_yuv",
    "yuv_to_rgb", "rgb_to_yiq", "yiq_to_rgb", "adjust_saturation", "adjust_hue",
    "random_saturation", "random_hue", "sobel_edges", "affine_grid",
}  # fmt: skip


def kind(call: Sample) -> Hashable:
    """What samples of one kind share: the attributes they name and the kinds of their numbers."""
    return tuple(sorted(call.attrs)), tuple(number_kind(a.dtype) for a in call.inputs)


def one_of_each_kind(calls: list[Sample]) -> list[Sample]:
    """The first sample of each kind."""
    return list({kind(call): call for call in reversed(calls)}.values())


def of_each_op(ops: list[Op], few: Callable[[list[Sample]], list[Sample]], calls: dict):
    """Cases of a few samples of each op, and thorough ones of the others."""
    cases = []
    for op in ops:
        chosen = few(calls[op.id])
        others = [call for call in calls[op.id] if not any(call is c for c in chosen)]
        cases.append(pytest.param(op, chosen, id=op.id))
        if others:
            marks = pytest.mark.thorough
            cases.append(pytest.param(op, others, id=f"{op.id}-others", marks=marks))
    return pytest.mark.parametrize(("op", "calls"), cases)


def reference_of(op: Op, call: Sample) -> list[np.ndarray]:
    """The outputs of the reference for a sample, computed once for all tests."""
    if id(call) not in _OUTPUTS:
        outputs = run_reference(op, call.inputs, op.bind_attrs(call.attrs))
        for output in outputs:
            if isinstance(output, np.ndarray):
                output.flags.writeable = False
        _OUTPUTS[id(call)] = outputs
    return _OUTPUTS[id(call)]


_OUTPUTS: dict[int, list[np.ndarray]] = {}


every_op = pytest.mark.parametrize("op", OPS, ids=lambda op: op.id)
every_runnable_op = pytest.mark.parametrize("op", RUNNABLE, ids=lambda op: op.id)
every_sample = of_each_op(RUNNABLE, one_of_each_kind, CALLS)


def test_enough_is_enumerated() -> None:
    """An empty registry or samples that vanish must not pass unseen."""
    calls = [call for op in RUNNABLE for call in CALLS[op.id]]
    assert len(OPS) >= 175
    assert {op.category for op in OPS} == set(CATEGORIES)
    assert len(calls) >= 2180
    assert sum(call.smooth for call in calls) >= 680
    assert len(DIFFERENTIABLE) >= 120
    assert {a.dtype.name for call in calls for a in call.inputs} == set(DTYPES)


@every_op
def test_is_documented(op: Op) -> None:
    assert re.fullmatch("((layers|summary)/)?[a-z][a-z0-9_]*", op.id)
    assert op.summary.endswith((".", "?")) or ":" in op.summary, op.summary
    assert len(op.summary) <= 100
    assert op.category in CATEGORIES
    assert op.hidden == (op.category == "Internal")
    assert op.own is False, "one of the user's, or the attribute is hidden by another"
    assert op.keywords or op.hidden or op.id == "sign"
    assert all(attr.doc for attr in op.attrs)
    assert op.hidden or not any(attr.required for attr in op.attrs), "not addable by a click"
    ports = [port.name for port in op.inputs]
    attrs = [attr.name for attr in op.attrs]
    assert len(set(ports)) == len(ports) and len(set(attrs)) == len(attrs)
    assert all(p.optional for p in op.inputs if p.name in attrs), "it overrides the attribute"
    assert all(port.doc for port in op.inputs if port.name not in ("x", "y"))


@every_op
def test_defaults_are_canonical(op: Op) -> None:
    for attr in op.attrs:
        if not attr.required:
            assert attr.check(attr.default) == attr.default


@every_runnable_op
def test_samples_cover_sizes(op: Op) -> None:
    calls = CALLS[op.id]
    assert calls
    if not op.inputs or op.id in ("variable", "print", "group", "constant", "summary/scalar"):
        return
    shapes = [array.shape for call in calls for array in call.inputs]
    shapes += [s[:-1] for s in shapes if len(s) > 2 and s[-2] == s[-1]]  # square matrices
    if len(op.twins) < len(op.inputs):  # else all inputs are sizes
        assert any(0 in shape for shape in shapes), "no empty sample"
        distinct = any(len(set(s)) == len(s) >= 2 and 1 not in s for s in shapes)
        is_small = max(map(len, shapes)) < 2 or op.id == "grayscale_to_rgb"  # vectors, one channel
        assert distinct or is_small, "no distinct sizes"
        single = any(np.prod(shape, dtype=int) == 1 for shape in shapes)
        assert single or op.id in NEVER_SINGLE, "no sample of size 1"
    accepted = {d for port in op.inputs for d in port.dtypes}
    assert {a.dtype.name for call in calls for a in call.inputs} == accepted


@every_runnable_op
def test_samples_cover_attributes(op: Op) -> None:
    """Every choice, dtype and switch is sampled, so both tiers and gradients are tested with it."""
    bound = [op.bind_attrs(call.attrs) for call in CALLS[op.id]]
    for attr in op.attrs:
        for value in (False, True) if attr.kind == "bool" else attr.choices or ():
            assert any(b[attr.name] == value for b in bound), (attr.name, value)


@every_sample
def test_reference_returns_what_inference_says(op: Op, calls: list[Sample]) -> None:
    for call in calls:
        node, _ = build(op, call)
        outputs = reference_of(op, call)
        for output, symbolic in zip(outputs, node.outputs, strict=True):
            assert isinstance(output, np.ndarray), call
            assert symbolic.type.accepts(type_of_array(output)), call
        assert is_inferred(op, call.inputs, node.attrs, outputs), call


def is_inferred(
    op: Op, arrays: Sequence[np.ndarray], attrs: Mapping, outputs: list[np.ndarray]
) -> bool:
    """Whether the types of inputs, with the few integers in them, say the outputs' types."""
    types = [type_of_array(a).with_value(known_value(a)) for a in arrays]
    inferred = infer_types(op, types, attrs)
    assert len(inferred) == len(outputs)
    for type_, output in zip(inferred, outputs, strict=True):
        if type_.array is not None:
            assert_equal(type_.array, output)
        # Of a range only integers are followed.
        of_floats = op.id == "range" and number_kind(output.dtype) == "f"
        if op.id in SIZED_BY_DATA or (of_floats and len(arrays)):
            assert type_.accepts(type_of_array(output))
        elif type_.with_value(None) != type_of_array(output):
            return False
    return True


@every_sample
def test_inference_with_unknown_sizes_is_compatible(op: Op, calls: list[Sample]) -> None:
    for call in calls:
        attrs = op.bind_attrs(call.attrs)
        outputs = [type_of_array(o) for o in reference_of(op, call)]
        for types in with_unknowns([type_of_array(a) for a in call.inputs]):
            if op.id == "variable":
                continue  # has one size for good
            try:
                inferred = op.infer(*types, **attrs)
            except ShapeError:
                assert needs_sizes(op, call), call
                continue
            inferred = [inferred] if isinstance(inferred, TensorType) else list(inferred)
            assert len(inferred) == len(outputs)
            assert all(i.accepts(o) for i, o in zip(inferred, outputs, strict=True)), call


@every_sample
def test_inference_with_unknown_ranks_is_compatible(op: Op, calls: list[Sample]) -> None:
    """What is inferred for every rank holds for the real one, or the op says that it needs it."""
    for call in calls:
        if op.id in ("variable", "cond", "while_loop"):
            continue
        attrs = op.bind_attrs(call.attrs)
        types = [type_of_array(a) for a in call.inputs]
        outputs = [type_of_array(o) for o in reference_of(op, call)]
        for hidden in [range(len(types)), *([i] for i in range(len(types)))]:
            given = [t.with_shape(UNKNOWN) if i in hidden else t for i, t in enumerate(types)]
            try:
                inferred = infer_types(op, given, attrs)
            except NodeflowError as error:
                assert needs_sizes(op, call) or isinstance(error, UnknownRank), error
                continue
            assert len(inferred) == len(outputs)
            assert all(i.accepts(o) for i, o in zip(inferred, outputs, strict=True)), call


def needs_sizes(op: Op, call: Sample) -> bool:
    """Whether an op cannot do with unknown sizes, and says so."""
    return op.id in NEED_SIZES


@of_each_op([op for op in OPS if isinstance(op, Composed)], one_of_each_kind, CALLS)
@pytest.mark.parametrize("unknown", [False, True], ids=["static", "unknown"])
def test_composed_ops_infer_the_types_of_what_they_stand_for(
    op: Op, calls: list[Sample], unknown: bool
) -> None:
    for call in calls:
        node, _ = build(op, call, unknown=NEED_SIZES.get(op.id, True) if unknown else False)
        for output in node.outputs:
            made = resolve(output)
            assert made.node.name.startswith(f"{node.name}/"), call
            assert made.node.derived_from == node.name, call
            assert output.type == made.type if not unknown else output.type.accepts(made.type)


def with_unknowns(types: list[TensorType]) -> list[list[TensorType]]:
    """The types with each dimension unknown in turn, and with all of them."""
    variants = [[t.with_shape([None] * t.rank) for t in types]]
    for place, type_ in enumerate(types):
        for axis in range(type_.rank):
            shape = [None if i == axis else d for i, d in enumerate(type_.shape)]
            variants.append([*types[:place], type_.with_shape(shape), *types[place + 1 :]])
    return variants


@every_sample
def test_inputs_are_not_changed(op: Op, calls: list[Sample]) -> None:
    for call in calls:
        arrays = [a.copy() for a in call.inputs]
        for array in arrays:
            array.flags.writeable = False
        attrs = op.bind_attrs(call.attrs)
        for output in run_reference(op, arrays, attrs):
            assert all(not np.shares_memory(output, a) for a in arrays), call
        for array, original in zip(arrays, call.inputs, strict=True):
            assert_equal(array, original)


@every_sample
def test_reference_is_deterministic(op: Op, calls: list[Sample]) -> None:
    for call in calls:
        attrs = op.bind_attrs(call.attrs)
        again = run_reference(op, call.inputs, attrs)
        for a, b in zip(reference_of(op, call), again, strict=True):
            assert_equal(a, b)


@every_sample
def test_attributes_survive_the_file(op: Op, calls: list[Sample]) -> None:
    for call in calls:
        bound = op.bind_attrs(call.attrs)
        again = op.bind_attrs(json.loads(json.dumps(bound, default=as_lists)))
        for before, after in zip(
            reference_of(op, call),
            run_reference(op, call.inputs, again),
            strict=True,
        ):
            assert before.dtype == after.dtype
            assert_equal(before, after)
        assert op.bind_attrs(again) == again


def as_lists(value: object) -> object:
    assert isinstance(value, np.ndarray)
    return value.tolist()


# ---- gradients --------------------------------------------------------------------------------

STEP = 1e-5
NOT_DERIVED = {
    "polygamma": (0,), "igamma": (0,), "igammac": (0,), "betainc": (0, 1), "zeta": (0,),
    "gamma_quantile": (0,),
}  # fmt: skip
"""Parameters of special functions that no gradient flows into, as their documentation says."""


SMOOTH = {op.id: [call for call in CALLS[op.id] if call.smooth] for op in DIFFERENTIABLE}


def smallest(calls: list[Sample]) -> list[Sample]:
    """The sample with the fewest elements in which something is larger than 1 and nothing empty."""
    sizes = [[a.size for a in call.inputs] for call in calls]
    usual = [n for n, some in enumerate(sizes) if min(some) > 0 and max(some) > 1]
    return [calls[min(usual or range(len(calls)), key=lambda n: sum(sizes[n]))]]


every_smooth_sample = of_each_op(DIFFERENTIABLE, smallest, SMOOTH)


@every_smooth_sample
def test_gradients_match_finite_differences(op: Op, calls: list[Sample]) -> None:
    assert calls
    for call in calls:
        for order in two_orders(op, call):
            order.compare(f"{op.id} {call}")


@pytest.mark.sample(40)
@pytest.mark.parametrize("op", DIFFERENTIABLE, ids=lambda op: op.id)
def test_gradients_with_unknown_sizes_are_the_same(op: Op) -> None:
    for call in SMOOTH[op.id]:
        pairs = zip(two_orders(op, call), two_orders(op, call, unknown=True), strict=True)
        for static, unknown in pairs:
            unknown.agree(static, f"{op.id} {call}")


@dataclass
class Order:
    """Gradients of a scalar with respect to placeholders."""

    value: nf.Tensor
    xs: list[nf.Tensor]
    found: list[nf.Tensor | None]
    given: dict[nf.Tensor, np.ndarray]

    def arrays(self) -> list[np.ndarray | None]:
        there = [g for g in self.found if g is not None]
        arrays = iter(evaluate(there, self.given))
        return [None if g is None else next(arrays) for g in self.found]

    def compare(self, what: str) -> None:
        """With finite differences."""
        for x, gradient, got in zip(self.xs, self.found, self.arrays(), strict=True):
            expected = differences(varying(self.value, self.given, x), self.given[x])
            if gradient is None or got is None:
                np.testing.assert_allclose(expected, 0, atol=1e-7, err_msg=what)
                continue
            assert gradient.type.accepts(type_of_array(self.given[x])), what
            assert got.shape == self.given[x].shape, what
            np.testing.assert_allclose(got, expected, rtol=1e-6, atol=2e-8, err_msg=what)

    def agree(self, other: Order, what: str) -> None:
        """With the gradients of another graph."""
        for a, b in zip(self.arrays(), other.arrays(), strict=True):
            assert (a is None) == (b is None), what
            if a is not None:
                np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14, err_msg=what)


def two_orders(op: Op, call: Sample, unknown: bool = False) -> list[Order]:
    """First order, and second order of a weighted sum of the first."""
    node, placeholders = build(op, call, unknown=NEED_SIZES.get(op.id, True) if unknown else False)
    given = dict(zip(placeholders, call.inputs, strict=True))
    fixed = NOT_DERIVED.get(op.id, ())
    xs = [p for i, p in enumerate(placeholders) if p.dtype == "float64" and i not in fixed]
    value = weighted_sum([o for o in node.outputs if o.dtype == "float64"], given, start=3)
    first = Order(value, xs, gradients(value, xs), given)
    reached = [g for g in first.found if g is not None]
    if not reached:
        return [first]
    slope = weighted_sum(reached, given, start=11)
    return [first, Order(slope, xs, gradients(slope, xs), given)]


def weighted_sum(tensors: list[nf.Tensor], given: dict, start: int) -> nf.Tensor:
    """A scalar in which every element of every tensor has a weight of its own."""
    arrays = evaluate(tensors, given)
    terms = [
        nf.reduce_sum(t * values(a.shape, "float64", 0.5, 1.5, start + i))
        for i, (t, a) in enumerate(zip(tensors, arrays, strict=True))
    ]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def differences(function: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    """Numerical gradient: central differences of fourth order.

    Args:
        function: takes many arrays like x along a first axis, and gives a scalar for each.
    """
    offsets, factors = np.array([-2, -1, 1, 2]), np.array([1, -8, 8, -1])
    steps = offsets[:, None] * STEP * np.eye(x.size)[:, None]
    found = function(x + steps.reshape(4 * x.size, *x.shape))
    return (found.reshape(-1, 4) @ factors / (12 * STEP)).reshape(x.shape)


# ---- what must be refused ---------------------------------------------------------------------


@every_op
def test_wrong_dtypes_are_refused_with_node_and_port(op: Op) -> None:
    for place, port in enumerate(op.inputs):
        for dtype in set(DTYPES) - set(port.dtypes):
            graph = nf.Graph()
            inputs = [
                graph.apply("placeholder", dtype=p.dtypes[0], shape=[2, 2]) for p in op.inputs
            ]
            inputs[place] = graph.apply("placeholder", dtype=dtype, shape=[2, 2])
            with pytest.raises(DtypeError) as caught:
                graph.apply(op, *inputs, name="here", **required(op))
            assert caught.value.node == "here"
            assert caught.value.port == op.input_name(place)
            assert dtype in caught.value.message
            assert "Cast" in (caught.value.hint or "")


def required(op: Op) -> dict:
    """Values for the attributes that have no default."""
    return {a.name: {"ints": [1, 1]}[a.kind] for a in op.attrs if a.required}


@pytest.mark.parametrize(
    "op",
    [op for op in OPS if sum(p.group == "T" for p in op.inputs) > 1],
    ids=lambda op: op.id,
)
def test_mixed_dtypes_are_refused(op: Op) -> None:
    graph = nf.Graph()
    place = max(i for i, p in enumerate(op.inputs) if p.group == "T")
    ports = [p for i, p in enumerate(op.inputs) if i <= place or not p.optional]
    kinds = [p.dtypes[0] for p in ports]
    others = [d for d in ports[place].dtypes if d not in kinds]
    if not others:
        assert ports[place].dtypes == ("bool",)
        return
    kinds[place] = others[0]
    with pytest.raises(DtypeError, match="does not cast silently") as caught:
        graph.apply(op, *(graph.apply("placeholder", dtype=k, shape=[2, 2]) for k in kinds))
    assert caught.value.port == op.inputs[place].name


@every_op
def test_missing_inputs_and_unknown_attributes_are_refused(op: Op) -> None:
    graph = nf.Graph()
    if op.inputs and not op.inputs[0].optional and not op.inputs[0].variadic:
        with pytest.raises(MissingInput) as missing:
            graph.apply(op, name="here", **required(op))
        assert (missing.value.node, missing.value.port) == ("here", op.inputs[0].name)
    with pytest.raises(AttributeProblem, match="has no attribute") as unknown:
        graph.apply(op, no_such_attribute=1)
    assert unknown.value.port == "no_such_attribute"
    assert not [n for n in graph.nodes if n.op is op]


BAD_VALUES = {
    "float": ["x", [1], True], "int": ["x", 1.5, True], "bool": [1, "true"], "string": [3, None],
    "dtype": ["float8", "string"], "shape": ["x", [1.5], ["a"]], "ints": ["x", [1.5], 2.5],
    "axes": ["x", [0.5]], "literal": ["x", {"a": 1}], "initializer": [3, {}, {"op": 1}],
    "number": ["x", [1], True], "sizes": ["x", [1.5], 2.5, True],
    "names": ["W", [1]], "choice": ["x", 3, [1]], "json": [],
}  # fmt: skip


@every_op
def test_bad_attribute_values_are_refused(op: Op) -> None:
    for attr in op.attrs:
        for bad in BAD_VALUES[attr.kind]:
            if bad is None and attr.optional:
                continue
            with pytest.raises(NodeflowError):
                op.bind_attrs({**required(op), attr.name: bad})


SHAPES = ((), (2,), (1, 3), (2, 3), (0, 3), (2, 3, 4))


@pytest.mark.sample(80)
@every_runnable_op
def test_any_shapes_work_or_are_refused_by_a_typed_error(op: Op) -> None:
    """No crash inside an op: what inference lets through runs, or fails as a RunError."""
    tried = 0
    for call in distinct_calls(op):
        attrs = op.bind_attrs(call.attrs)
        every = len(SHAPES) ** len(call.inputs) // 1000 + 1  # about a thousand of all
        products = itertools.product(SHAPES, repeat=len(call.inputs))
        for shapes in itertools.islice(products, 0, None, every):
            arrays = [
                values(s, a.dtype.name, 0, 2) for s, a in zip(shapes, call.inputs, strict=True)
            ]
            tried += 1
            try:
                infer_types(op, [type_of_array(a) for a in arrays], attrs)
            except NodeflowError as error:
                assert error.message
                continue
            try:
                outputs = run_reference(op, arrays, attrs)
            except RunError:
                continue
            assert is_inferred(op, arrays, attrs, outputs)
    assert tried >= min(len(CALLS[op.id]), 1)


def distinct_calls(op: Op) -> list[Sample]:
    """One sample for each set of attributes and number of inputs."""
    seen = {}
    for call in CALLS[op.id]:
        if all(dtype_name(a.dtype) == dtype_name(call.inputs[0].dtype) for a in call.inputs):
            seen.setdefault((repr(call.attrs), len(call.inputs)), call)
        else:
            seen.setdefault((repr(call.attrs), -len(call.inputs)), call)
    return list(seen.values())


ALONE = """
import os, sys, traceback
from nodeflow.graph.registry import REGISTRY
ops = list(REGISTRY)
assert "ml_dtypes" not in sys.modules
for op in ops:
    child = os.fork()
    if not child:
        try:
            list(op.samples())
        except Exception:
            print(op.id, traceback.format_exc())
        sys.stdout.flush()
        os._exit(0)
    os.waitpid(child, 0)
"""


@pytest.mark.thorough
@pytest.mark.skipif(not hasattr(os, "fork"), reason="one process for each op")
def test_samples_of_an_op_need_no_import_by_another_op() -> None:
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=True)
    assert done.stdout == ""
