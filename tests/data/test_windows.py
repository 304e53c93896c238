"""Windows over data sets, and caches in files: against plain Python."""

from __future__ import annotations

import gc
from itertools import product
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import DataError

Dataset = nf.data.Dataset
DTYPES = ("float32", "bfloat16", "float16", "int8", "uint64", "bool", "complex64")


def plainly(count: int, size: int, shift: int, stride: int, drops: bool) -> list[list[int]]:
    """The numbers of the elements of each window."""
    windows = []
    for begin in range(0, count, shift):
        window = [n for n in range(begin, begin + size * stride, stride) if n < count]
        if not drops or len(window) == size:
            windows.append(window)
    return windows


@pytest.mark.parametrize("drops", [False, True])
def test_windows_hold_the_elements_that_plain_python_picks(drops: bool) -> None:
    for count, size, shift, stride in product((0, 1, 7, 10), (1, 3), (1, 2, 5, 11), (1, 2, 4)):
        windows = Dataset.range(count).window(size, shift, stride, drops)
        expected = plainly(count, size, shift, stride, drops)
        assert [[int(n) for n in window] for window in windows] == expected
        assert [[int(n) for n in window] for window in windows] == expected  # a second pass


def test_a_window_moves_by_its_size_unless_a_shift_is_given() -> None:
    assert [list(w) for w in Dataset.range(7).window(3)] == [[0, 1, 2], [3, 4, 5], [6]]
    assert next(iter(Dataset.range(7).window(3))).output_types == "int64"


def test_windows_of_several_components_are_data_sets_in_the_same_structure() -> None:
    x = np.arange(12, dtype="float32").reshape(6, 2)
    pairs = Dataset.from_tensor_slices({"x": x, "y": np.arange(6)}).window(2, shift=3)
    dataset = pairs.flat_map(lambda w: Dataset.zip((w["x"].batch(2), w["y"].batch(2))))
    found = list(dataset)
    assert [y.tolist() for _, y in found] == [[0, 1], [3, 4]]
    np.testing.assert_array_equal(found[1][0], x[3:5])


def test_windows_made_into_batches_feed_a_graph() -> None:
    windows = Dataset.range(6).window(3, shift=1, drop_remainder=True)
    with nf.Graph() as graph:
        x = windows.flat_map(lambda w: w.batch(3)).make_one_shot_iterator().get_next()
        total = nf.reduce_sum(x)
    with nf.Session(graph) as session:
        assert [session.run(total) for _ in range(4)] == [3, 6, 9, 12]


def source(passes: list[int], dtype: str = "int64") -> nf.data.Dataset:
    """Three elements of a number of ``dtype``, a vector of unknown length and a string."""

    def make():
        passes.append(1)
        return (
            (np.asarray(n % 2 if dtype == "bool" else n), np.arange(n) / 4, f"é{n}\0")
            for n in range(3)
        )

    return Dataset.from_generator(make, (dtype, "float64", str), ((), (None,), ()))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_file_keeps_the_elements_for_other_programs(tmp_path: Path, dtype: str) -> None:
    passes: list[int] = []
    path = tmp_path / "cache"
    plain = list(source([], dtype))
    for _ in range(2):  # a new data set, as another program makes it
        for _ in range(2):
            found = list(source(passes, dtype).cache(str(path)))
            for a, b in zip(found, plain, strict=True):
                assert a[0] == b[0] and a[0].dtype == b[0].dtype and a[2] == b[2]
                np.testing.assert_array_equal(a[1], b[1])
    assert len(passes) == 1 and [p.name for p in tmp_path.iterdir()] == ["cache"]


def test_a_pass_that_ends_early_leaves_no_file(tmp_path: Path) -> None:
    passes: list[int] = []
    elements = iter(source(passes).cache(str(tmp_path / "cache")))
    next(elements)
    del elements
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_something_else_is_answered(tmp_path: Path) -> None:
    path = tmp_path / "cache"
    list(Dataset.range(3).cache(str(path)))
    with pytest.raises(DataError, match="not a cache of this data set"):
        list(source([]).cache(str(path)))
    content = path.read_bytes()
    for broken in (content[:-1], content[:-5], content[:-1] + b"\7"):
        path.write_bytes(broken)
        with pytest.raises(DataError, match=r"cannot be read.*Delete the file"):
            list(Dataset.range(3).cache(str(path)))
    path.write_bytes(b"")
    with pytest.raises(DataError, match="not a cache"):
        list(Dataset.range(3).cache(str(path)))
