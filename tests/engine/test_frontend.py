"""Kernels made into LLVM by our own front end: Python's meaning, numba's bits, everything taken."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.compiler import compile_kernel, frontend
from nodeflow.engine.compiler.frontend import Untranslatable
from nodeflow.engine.compiler.object_code import Kernel, load_object
from nodeflow.engine.gc_pause import uncollected
from nodeflow.engine.ir.plan import is_concrete
from nodeflow.engine.kernels.base_kernels import base_sources
from nodeflow.engine.kernels.cluster_source import elementwise_source
from nodeflow.engine.kernels.random_fill import fill_source
from nodeflow.engine.plan.plan import make_plan
from nodeflow.engine.schedule.schedule import build_schedule
from nodeflow.graph.types import TensorType, numpy_dtype
from nodeflow.ops.samples import special, values

from .test_elementwise import cluster_of, elementwise_cases
from .test_executor import sample_ops

IMPORTS = "from nodeflow.engine.devicelib.intrinsics import set_slot, slot\n"
LOOPS = """
def kernel(args, task, ntasks):
    a, b, step = slot(args, 0), slot(args, 1), slot(args, 2)
    total = 0
    for i in range(a):
        total += i
    for i in range(a, b):
        if i == 3:
            continue
        total = total * 3 + i
        for j in range(b, a, -2):
            if j * i > 20:
                break
            total ^= j
    for k in range(a, b, step):
        total -= k * k
    n = a
    while n < b:
        n += 2
        if n == 5:
            break
    while True:
        total += n
        if total > 1000 or n > 7:
            break
        n += 1
    set_slot(args, 3, total)
    set_slot(args, 4, n)
"""
CONDITIONS = """
def kernel(args, task, ntasks):
    a, b, c = slot(args, 0), slot(args, 1), slot(args, 2)
    kind = 0
    if a < b and (b < c or not a == 1):
        kind = 1
    elif a in (2, 5) or c:
        kind = 2
    else:
        pass
    flag = (a > b) | (b >= c) & (c != 0)
    both = a > 0 and b > 0
    if flag:
        kind += 10
    if not both:
        kind += 100
    set_slot(args, 3, kind if flag else -kind)
    set_slot(args, 4, 1 if both or a == c else 0)
"""
FUNCTIONS = """
def sign(x):
    if x < 0:
        return -1
    if x == 0:
        return 0
    return 1

def gcd(a, b):
    while b != 0:
        a, b = b, a % b
    return a

def store(args, place, value):
    set_slot(args, place, value)

def kernel(args, task, ntasks):
    a, b, c = slot(args, 0), slot(args, 1), slot(args, 2)
    store(args, 3, gcd(a * a, b * b) * sign(c))
    if sign(a) == 0:
        return
    store(args, 4, sign(b) + 2 * sign(a))
"""
NUMBERS = """
def kernel(args, task, ntasks):
    a, b, c = slot(args, 0), slot(args, 1), slot(args, 2)
    first = a // c + 100 * (a % c) + 7 * (b // (0 - c))
    second = (min(a, b) << 3) + (max(b, c) >> 1) + (a & 6 | b ^ c) + ~a - -b
    first, second = second, first
    set_slot(args, 3, first)
    set_slot(args, 4, second)
"""
AFTERWARDS = """
def kernel(args, task, ntasks):
    last = 0
    for i in range(1, 1 + max(1, slot(args, 0))):
        seen = i * 2
        last = seen
    set_slot(args, 3, i + seen)
    set_slot(args, 4, last)
"""


@uncollected
def built(source: str) -> tuple[Kernel, bool]:
    """The kernel, and whether our own front end took it."""
    whole = compile_kernel._compile(source, "<test>")
    kernel = load_object(whole.object_code(), "test", "test")
    return kernel, whole.symbol == compile_kernel.ENTRY_NAME


@uncollected
def by_numba(source: str) -> Kernel:
    whole = compile_kernel._analysed(compile_kernel._entry(source, "<test>"))
    return load_object(whole.object_code(), "numba", "numba")


def in_python(source: str, numbers: list[int]) -> list[int]:
    """The same text run by Python itself, on a list instead of memory."""

    def set_slot(args, place, value):
        args[place] = value

    names = {"slot": lambda args, place: args[place], "set_slot": set_slot}
    exec(source, names)
    args = [*numbers, -1, -1]
    names["kernel"](args, 0, 1)
    return args


@pytest.mark.parametrize(
    ("source", "ours"),
    [
        pytest.param(LOOPS, True, id="loops"),
        pytest.param(CONDITIONS, True, id="conditions"),
        pytest.param(FUNCTIONS, True, id="functions"),
        pytest.param(NUMBERS, True, id="numbers"),
        pytest.param(AFTERWARDS, False, id="names that outlive their loop"),
    ],
)
def test_a_kernel_means_what_it_means_in_python(source: str, ours: bool) -> None:
    kernel, taken = built(IMPORTS + source)
    assert taken == ours
    for numbers in itertools.product((-3, 0, 2, 5, 9), (-4, 0, 1, 3, 8), (-2, 1, 3)):
        args = np.array([*numbers, -1, -1], np.int64)
        assert kernel(args) == 0
        assert list(args) == in_python(source, list(numbers)), numbers


@pytest.mark.sample(3)
@pytest.mark.parametrize(("op", "dtype"), list(elementwise_cases()))
def test_both_front_ends_give_the_same_bits(op, dtype) -> None:
    dtypes = [dtype if dtype in p.dtypes else p.dtypes[0] for p in op.inputs]
    attrs = {a.name: a.default for a in op.attrs}
    types = [TensorType(d, (4,)) for d in dtypes]
    out = op.infer(*types, **attrs).dtype
    lowering = op.lower(types, [TensorType(out, (4,))], **attrs)
    cluster = cluster_of(lowering.expression, " ".join(lowering.names), dtypes, out, **attrs)
    source = elementwise_source(cluster)
    kernel, taken = built(source)
    assert taken
    inputs = [operands(d, k) for k, d in enumerate(dtypes)]
    size = inputs[0].size if inputs else 77
    found = []
    for each in (kernel, by_numba(source)):
        result = np.zeros(size, numpy_dtype(out))
        arrays = [a.ctypes.data for a in (*inputs, result)]
        assert each(np.array([0, 0, size, size, *arrays], np.int64)[2:]) == 0
        found.append(result)
    assert np.array_equal(*(r.view(np.uint8) for r in same_nans(found)))


def operands(dtype: str, number: int) -> np.ndarray:
    """Numbers of all kinds, in another order for each operand."""
    ordinary = values((77,), dtype, -90.0, 90.0, start=1 + number)
    if not dtype.startswith("float"):
        return ordinary
    return np.concatenate([ordinary, np.roll(np.repeat(special(dtype), 6), 7 * number)])


def same_nans(arrays: list[np.ndarray]) -> list[np.ndarray]:
    """The sign and the payload of NaN are nobody's promise."""
    if arrays[0].dtype.kind != "f":
        return arrays
    return [np.where(np.isnan(a), np.nan, a) for a in arrays]


def sample_sources() -> dict[str, str]:
    """Texts of the kernels of every sample of every op, with the op's name."""
    found = dict.fromkeys(base_sources(), "the driver")
    for op in sample_ops():
        for sample in op.samples():
            graph = nf.Graph()
            arrays = [np.asarray(a) for a in sample.inputs]
            fed = [graph.apply("placeholder", dtype=a.dtype.name, shape=a.shape) for a in arrays]
            schedule = build_schedule(list(graph.add_node(op, fed, sample.attrs).outputs), fed)
            types = schedule.specialise({})
            if is_concrete(types):
                found |= dict.fromkeys(make_plan(schedule, types).sources(), op.id)
    return found


TWO_LOOPS = """
import numpy as np
from nodeflow.engine.devicelib.intrinsics import interleaved, slot, view1
from nodeflow.engine.devicelib.math_functions import exp
def kernel(args, task, ntasks):
    x = view1(slot(args, 0), slot(args, 1), np.float32)
    y = view1(slot(args, 2), slot(args, 1), np.float32)
    for i in range(interleaved(x.size)):
        y[i] = exp(x[i])
    for i in range(interleaved(x.size)):
        y[i] = y[i] + x[i]
"""


@pytest.mark.thorough
def test_interleaved_loops_ask_llvm_for_it_and_change_no_bit() -> None:
    _, module, _ = compile_kernel.translate_source(
        TWO_LOOPS, compile_kernel._entry(TWO_LOOPS, "<test>")
    )
    loops = re.findall(r"!llvm.loop (!\d+)", str(module))
    assert len(set(loops)) == len(loops) == 2
    assert '!"llvm.loop.interleave.count", i32 4 }' in str(module)
    for loop in loops:
        assert re.search(rf"^{loop} = !{{ {loop}, (!\d+), ", str(module), re.MULTILINE)
    ours, plain = built(TWO_LOOPS), by_numba(TWO_LOOPS)
    assert ours[1]
    for n in (0, 1, 15, 16, 63, 64, 65, 200):
        x = np.linspace(-3, 3, n, dtype=np.float32)
        results = np.zeros((2, n), np.float32)
        for kernel, y in zip((ours[0], plain), results, strict=True):
            kernel(np.array([x.ctypes.data, n, y.ctypes.data], np.int64))
        np.testing.assert_array_equal(*results)
        np.testing.assert_allclose(results[0], np.exp(x.astype(float)) + x, rtol=1e-6, atol=3e-7)


APART = """
from nodeflow.engine.devicelib.intrinsics import independent, slot, view1

def kernel(args, task, ntasks):
    n = slot(args, 1)
    x = view1(slot(args, 0), n, np.float32)
    y = view1(slot(args, 2), n, np.float32)
    for i in range(independent(n)):
        y[i] = x[i] * y[i]
"""


@pytest.mark.thorough
def test_independent_loops_need_no_look_at_where_arrays_lie() -> None:
    text = "import numpy as np" + APART
    plain = text.replace("range(independent(n))", "range(n)")
    _, module, _ = compile_kernel.translate_source(text, compile_kernel._entry(text, "<test>"))
    (group,) = set(re.findall(r"!llvm.access.group (!\d+)", str(module)))
    assert re.search(rf"^{group} = distinct !{{}}", str(module), re.MULTILINE)
    assert f'!"llvm.loop.parallel_accesses", {group} }}' in str(module)
    ours, theirs = (compile_kernel.inspect_source(each).llvm for each in (text, plain))
    assert "memcheck" not in ours and len(ours) < len(theirs)
    for n in (0, 1, 15, 16, 63, 64, 65, 200):
        x = np.linspace(-3, 3, n, dtype=np.float32)
        for into in (x + np.float32(1), x):  # also over what is read
            results = []
            for source in (text, plain):
                y = into.copy()
                read = y if into is x else x
                built(source)[0](np.array([read.ctypes.data, n, y.ctypes.data], np.int64))
                results.append(y)
            np.testing.assert_array_equal(results[0], into * x)
            np.testing.assert_array_equal(results[1], into * x)


@uncollected
def refusal(source: str) -> str:
    """Why our own front end does not take a kernel; nothing if it does."""
    try:
        compile_kernel.translate_source(source, compile_kernel._entry(source, "<test>"))
    except Untranslatable as error:
        return str(error)
    return ""


def refused_helpers() -> set[str]:
    """The functions of `devicelib` that numba compiled, so far."""
    return {helper.name for (helper, _), taken in frontend._taken.items() if not taken}


@pytest.mark.thorough
def test_numbas_front_end_is_not_needed_for_any_op(monkeypatch) -> None:
    """It would be right, and take three times as long."""
    monkeypatch.setattr(frontend, "_taken", {})
    wide = ("float64", "int64)", "uint8")  # as the others, with other names
    texts = {t: op for t, op in sample_sources().items() if not any(w in t for w in wide)}
    assert len(texts) > 200
    assert {op: why for text, op in texts.items() if (why := refusal(text))} == {}
    assert refused_helpers() <= {"_power_integer"}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("distribution", ["uniform", "normal", "truncated_normal"])
def test_it_is_not_needed_for_random_numbers(monkeypatch, distribution: str, dtype: str) -> None:
    """It would take a second for each of the processes that compile."""
    monkeypatch.setattr(frontend, "_taken", {})
    assert refusal(fill_source(distribution, dtype)) == ""
    assert "threefry2x32" in {helper.name for helper, _ in frontend._taken}
    assert refused_helpers() == set()


def test_another_numba_compiles_by_its_own_front_end(monkeypatch) -> None:
    """Ours uses internals; where a release moves them, kernels still compile."""

    def moved(*_):
        raise AttributeError("module 'numba.core' has no attribute 'typing'")

    monkeypatch.setattr(compile_kernel, "translate_source", moved)
    kernel, taken = built(IMPORTS + NUMBERS)
    assert not taken
    args = np.array([5, 3, 2, -1, -1], np.int64)
    assert kernel(args) == 0
    assert list(args) == in_python(NUMBERS, [5, 3, 2])


CALLS = """
import numpy as np
from nodeflow.engine.devicelib.intrinsics import slot, view1
from nodeflow.engine.devicelib.math_functions import clip, {name}
def kernel(args, task, ntasks):
    x = view1(slot(args, 0), slot(args, 1), np.{dtype})
    y = view1(slot(args, 2), slot(args, 1), np.{dtype})
    for i in range(x.size):
        y[i] = clip({name}(x[i]), x[i], {name}(x[0]))
"""


@pytest.mark.sample(10)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["exp", "tanh", "sigmoid", "erf", "sin", "rsqrt", "sign", "cbrt"])
def test_helpers_are_translated_with_the_bits_of_numba(monkeypatch, name: str, dtype: str) -> None:
    source = CALLS.format(name=name, dtype=dtype)
    found, libraries = [], []
    real = compile_kernel._optimized

    def optimized(module, library, machine):
        libraries.append(len(library._linking_libraries))
        return real(module, library, machine)

    monkeypatch.setattr(compile_kernel, "_optimized", optimized)
    x = special(dtype)
    for helper_for in (frontend.helper_for, lambda *_: None):
        monkeypatch.setattr(frontend, "helper_for", helper_for)
        kernel, taken = built(source)
        assert taken
        found.append(np.zeros_like(x))
        kernel(np.array([x.ctypes.data, len(x), found[-1].ctypes.data], np.int64))
    assert np.array_equal(*(r.view(np.uint8) for r in same_nans(found)))
    assert libraries[1] > 0, "numba compiles what is left to it"
    assert libraries[0] == 0 or name in ("sin", "cbrt"), "and nothing that is not"


def test_a_helper_that_cannot_be_translated_is_left_to_numba() -> None:
    """Powers of integers change the type of a variable, and only they are numba's."""
    source = (
        "import numpy as np\n"
        "from nodeflow.engine.devicelib.intrinsics import set_slot, slot\n"
        "from nodeflow.engine.devicelib.math_functions import maximum, pow\n"
        "def kernel(args, task, ntasks):\n"
        "    x = maximum(np.int32(slot(args, 0)), np.int32(2))\n"
        "    set_slot(args, 1, pow(x, np.int32(slot(args, 2))))\n"
    )
    kernel, taken = built(source)
    assert taken
    args = np.array([-5, 0, 9], np.int64)
    assert kernel(args) == 0 and args[1] == 2**9
