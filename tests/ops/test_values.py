"""One worked example per op that moves elements about, with the result written out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.special

import nodeflow as nf
from nodeflow.errors import ShapeError
from tests.ops.evaluate import evaluate

M = [[1, 2, 3], [4, 5, 6]]

EXAMPLES: list[tuple[str, list[Any], dict[str, Any], Any]] = [
    ("transpose", [M], {}, [[1, 4], [2, 5], [3, 6]]),
    ("transpose", [[M]], {"perm": [1, 0, 2]}, [[[1, 2, 3]], [[4, 5, 6]]]),
    ("reshape", [M], {"shape": [3, -1]}, [[1, 2], [3, 4], [5, 6]]),
    ("expand_dims", [[1, 2]], {"axis": 1}, [[1], [2]]),
    ("expand_dims", [[1, 2]], {"axis": [0, 2]}, [[[1], [2]]]),
    ("squeeze", [[[[1], [2]]]], {"axis": [0]}, [[1], [2]]),
    ("squeeze", [[[[1], [2]]]], {}, [1, 2]),
    ("concat", [M, [[7, 8, 9]]], {}, [[1, 2, 3], [4, 5, 6], [7, 8, 9]]),
    ("concat", [M, [[7], [8]]], {"axis": -1}, [[1, 2, 3, 7], [4, 5, 6, 8]]),
    ("slice", [M], {"begin": [0, 1], "size": [-1, 2]}, [[2, 3], [5, 6]]),
    ("strided_slice", [M], {"begin": [None, 0], "end": [None, 3], "strides": [-1, 2]},
     [[4, 6], [1, 3]]),
    ("gather", [M, [2, 0, 2]], {"axis": 1}, [[3, 1, 3], [6, 4, 6]]),
    ("gather", [M, [[1], [0]]], {}, [[[4, 5, 6]], [[1, 2, 3]]]),
    ("tile", [[[1, 2]]], {"multiples": [2, 2]}, [[1, 2, 1, 2], [1, 2, 1, 2]]),
    ("pad", [[[1, 2]]], {"paddings": [[1, 0], [0, 2]], "value": 9}, [[9] * 4, [1, 2, 9, 9]]),
    ("broadcast_to", [[[1], [2]]], {"shape": [2, 3]}, [[1, 1, 1], [2, 2, 2]]),
    ("where", [[True, False, True], [1, 2, 3], [7, 8, 9]], {}, [1, 8, 3]),
    ("one_hot", [[1, 0]], {"depth": 3, "dtype": "int32"}, [[0, 1, 0], [1, 0, 0]]),
    ("one_hot", [[1, 0]], {"depth": 3, "dtype": "int32", "axis": 0}, [[0, 1], [1, 0], [0, 0]]),
    ("fill", [], {"shape": [2, 1], "value": 7, "dtype": "int32"}, [[7], [7]]),
    ("zeros_like", [M], {}, [[0] * 3] * 2),
    ("ones_like", [M], {}, [[1] * 3] * 2),
    ("size", [M], {"axis": 1}, 3),
    ("reduce_sum", [M], {"axis": 0}, [5, 7, 9]),
    ("reduce_sum", [M], {"axis": [0, 1], "keepdims": True}, [[21]]),
    ("reduce_prod", [M], {"axis": 1}, [6, 120]),
    ("reduce_max", [M], {"axis": 1, "keepdims": True}, [[3], [6]]),
    ("reduce_min", [M], {}, 1),
    ("argmax", [[[1, 5, 2], [9, 0, 3]]], {"axis": 1}, [1, 0]),
    ("argmin", [[[1, 5, 2], [9, 0, 3]]], {"axis": 0, "keepdims": True}, [[0, 1, 0]]),
    ("matmul", [M, [[1], [0], [2]]], {}, [[7], [16]]),
    ("matmul", [M, M], {"transpose_y": True}, [[14, 32], [32, 77]]),
    ("matmul", [M, M], {"transpose_x": True}, [[17, 22, 27], [22, 29, 36], [27, 36, 45]]),
    ("sum_to_shape_of", [M, [[0], [0]]], {}, [[6], [15]]),
    ("sum_to_shape_of", [M, [0, 0, 0]], {}, [5, 7, 9]),
    ("broadcast_like", [[1, 2, 3], M], {}, [[1, 2, 3], [1, 2, 3]]),
    ("reshape_like", [M, [[0, 0], [0, 0], [0, 0]]], {}, [[1, 2], [3, 4], [5, 6]]),
    ("untile", [[[1, 2, 3, 4]], [[0, 0]]], {"multiples": [1, 2]}, [[4, 6]]),
    ("place_slice", [[7, 8], [0, 0, 0, 0]], {"begin": [3], "end": [None], "strides": [-2]},
     [0, 8, 0, 7]),
    ("part_of_concat", [M, [[0], [0]], [[0, 0], [0, 0]]], {"axis": 1, "index": 1},
     [[2, 3], [5, 6]]),
    ("scatter_add_like", [M, [2, 2], [[0] * 3] * 3], {}, [[0] * 3, [0] * 3, [5, 7, 9]]),
    ("positions", [M], {"axis": 1}, [0, 1, 2]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("op", "inputs", "attrs", "expected"), EXAMPLES, ids=[f"{e[0]}-{e[2]}" for e in EXAMPLES]
)
def test_worked_example(op: str, inputs: list, attrs: dict, expected: Any) -> None:
    with nf.Graph() as graph:
        result = graph.apply(op, *inputs, **attrs)
        array = evaluate([result], {})[0]
    assert result.shape == np.shape(expected)
    assert array.tolist() == expected


def test_split() -> None:
    with nf.Graph():
        equal = evaluate(nf.split(nf.constant(M), 3, axis=1), {})
        assert [p.tolist() for p in equal] == [[[1], [4]], [[2], [5]], [[3], [6]]]
        sizes = evaluate(nf.split(nf.constant(M), [1, 2], axis=-1), {})
        assert [p.tolist() for p in sizes] == [[[1], [4]], [[2, 3], [5, 6]]]
        (whole,) = evaluate(nf.split(nf.constant(M), [3], axis=1), {})
        assert whole.tolist() == M
        with pytest.raises(ShapeError, match="add up to 1, not to the axis's size 3") as caught:
            nf.split(nf.constant(M), [1], axis=1)
        assert caught.value.hint == "For equal parts write their number without brackets: 1."


def test_product_of_others() -> None:
    with nf.Graph():
        x = nf.constant([[1.0, 2.0, 4.0], [0.0, 3.0, 5.0]])
        others = evaluate([nf.product_of_others(x, axis=1)], {})[0]
        assert others.tolist() == [[8, 4, 2], [15, 0, 0]]


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 2e-5), ("float64", 1e-12)])
@pytest.mark.parametrize("tier", ["reference", "compiled"])
def test_the_gradient_of_gelu_is_exact_far_in_its_tail(
    dtype: str, tolerance: float, tier: str
) -> None:
    points = np.linspace(-12, 3, 301).astype(dtype)
    with nf.Graph() as graph:
        x = nf.placeholder(dtype, [None], name="x")
        slope = nf.gradients(nf.reduce_sum(nf.gelu(x)), [x])[0]
    with nf.Session(graph, tier=tier) as session:
        found = session.run(slope, {x: points})
    wide = points.astype("float64")
    density = np.exp(-(wide**2) / 2) / np.sqrt(2 * np.pi)
    terms = scipy.special.ndtr(wide), wide * density
    scale = np.abs(terms).max(0)  # where they cancel, near -0.75, the slope itself is 0
    assert np.all(np.abs(found - sum(terms)) <= tolerance * scale)
