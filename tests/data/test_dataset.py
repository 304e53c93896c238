"""`nf.data.Dataset`: what its elements are, against plain numpy and Python."""

from __future__ import annotations

import gc
import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.data.shuffling import epoch_order
from nodeflow.errors import DataError, NodeflowError, NotInitialized
from nodeflow.graph.shapes import UNKNOWN

Dataset = nf.data.Dataset
X = np.arange(20, dtype="float32").reshape(10, 2)
Y = np.arange(10)


def numbers(dataset) -> list:
    return [np.asarray(element).tolist() for element in dataset]


def test_slices_are_rows_in_the_structure_of_the_arrays() -> None:
    dataset = Dataset.from_tensor_slices({"image": X, "label": (Y, Y * 2)})
    elements = list(dataset)
    assert len(elements) == 10
    np.testing.assert_array_equal(elements[3]["image"], X[3])
    assert elements[3]["label"] == (3, 6)
    assert dataset.output_types == {"image": "float32", "label": ("int64", "int64")}
    assert dataset.output_shapes == {"image": (2,), "label": ((), ())}
    assert numbers(Dataset.from_tensor_slices([1, 2, 3])) == [1, 2, 3]
    assert Dataset.from_tensor_slices([1.5]).output_types == "float32"
    assert list(Dataset.from_tensor_slices(["a", "b"])) == ["a", "b"]


def test_one_element_of_whole_arrays() -> None:
    (element,) = Dataset.from_tensors((X, 5))
    np.testing.assert_array_equal(element[0], X)
    assert element[1] == 5


def test_batches_stack_and_may_drop_the_last_one() -> None:
    dataset = Dataset.from_tensor_slices((X, Y))
    batches = list(dataset.batch(4))
    assert [b[1].tolist() for b in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    np.testing.assert_array_equal(batches[1][0], X[4:8])
    assert len(list(dataset.batch(4, drop_remainder=True))) == 2
    assert dataset.batch(4).output_shapes == ((None, 2), (None,))
    assert dataset.batch(4, drop_remainder=True).output_shapes == ((4, 2), (4,))
    slow = Dataset.from_generator(lambda: zip(X, Y), ("float32", "int64"), ((2,), ()))
    for fast, other in zip(batches, slow.batch(4), strict=True):
        np.testing.assert_array_equal(fast[0], other[0])
        assert fast[0].dtype == other[0].dtype


@pytest.mark.parametrize("buffer", [1, 2, 7, 99, 100, 101, 1000])
@pytest.mark.parametrize("plain", [True, False])
def test_shuffling_loses_and_repeats_nothing(buffer: int, plain: bool) -> None:
    source = Dataset.range(100)
    source = source if plain else source.map(lambda x: x, python=True)
    first, second = numbers(source.shuffle(buffer, seed=3)), None
    assert sorted(first) == list(range(100))
    # no element comes before its place by more than the buffer allows
    assert all(number < place + buffer for place, number in enumerate(first))
    assert (first == list(range(100))) == (buffer == 1)
    dataset = source.shuffle(buffer, seed=3)
    assert numbers(dataset) == first
    second = numbers(dataset)
    assert (second == first) == (buffer == 1)
    fixed = source.shuffle(buffer, seed=3, reshuffle_each_iteration=False)
    assert numbers(fixed) == numbers(fixed) == first


def test_a_whole_shuffle_has_the_order_of_a_training() -> None:
    dataset = Dataset.range(50).shuffle(50, seed=8).repeat(2)
    expected = [*epoch_order(50, 8, 0), *epoch_order(50, 8, 1)]
    assert numbers(dataset) == expected
    assert np.concatenate(list(dataset.take(0).concatenate(dataset).batch(7))).shape == (100,)


@pytest.mark.thorough
def test_a_small_buffer_draws_each_of_its_elements_about_equally_often() -> None:
    first = Counter(
        next(iter(Dataset.range(10).shuffle(4, seed=seed))).item() for seed in range(2000)
    )
    assert set(first) == {0, 1, 2, 3}
    # 500 expected of 2000 draws: deviation 19.4, so that 100 is more than five of them
    assert all(abs(count - 500) < 100 for count in first.values())


def test_parts_and_repetition() -> None:
    five = Dataset.range(5)
    assert numbers(five.take(2)) == [0, 1] and numbers(five.take(-1)) == [0, 1, 2, 3, 4]
    assert numbers(five.skip(3)) == [3, 4] and numbers(five.skip(-1)) == []
    assert numbers(five.shard(2, 1)) == [1, 3]
    assert numbers(five.repeat(2).take(7)) == [0, 1, 2, 3, 4, 0, 1]
    assert numbers(five.repeat(0)) == [] and numbers(five.repeat().take(6))[-1] == 0
    assert numbers(five.repeat(2).batch(4)) == [[0, 1, 2, 3], [4, 0, 1, 2], [3, 4]]
    assert numbers(Dataset.range(0).repeat()) == []
    assert numbers(Dataset.range(2, 9, 3)) == [2, 5, 8]
    assert numbers(five.concatenate(Dataset.range(7, 9))) == [0, 1, 2, 3, 4, 7, 8]
    assert [(i.item(), x.item()) for i, x in five.skip(3).enumerate(start=5)] == [(5, 3), (6, 4)]
    assert numbers(five.batch(2).unbatch()) == [0, 1, 2, 3, 4]
    assert numbers(five.apply(lambda dataset: dataset.take(1))) == [0]


def test_zip_goes_as_far_as_the_shortest() -> None:
    zipped = Dataset.zip((Dataset.range(5), {"x": Dataset.from_tensor_slices(X)}))
    elements = list(zipped)
    assert len(elements) == 5
    np.testing.assert_array_equal(elements[4][1]["x"], X[4])
    batch = next(iter(zipped.shuffle(10, seed=1).batch(5)))
    np.testing.assert_array_equal(batch[1]["x"], X[batch[0]])
    different = Dataset.zip((Dataset.range(10).shuffle(10, 1), Dataset.range(10).shuffle(10, 2)))
    assert any(a != b for a, b in different)


def test_map_by_ops_is_traced_once_and_run_by_the_engine() -> None:
    calls = []

    def double(x, y):
        calls.append((x, y))
        assert isinstance(x, nf.Tensor)
        return {"x": x * 2.0 + 1.0, "y": nf.cast(y, "float32")}

    dataset = Dataset.from_tensor_slices((X, Y)).map(double, num_parallel_calls=4)
    assert len(list(dataset)) == len(list(dataset)) == 10 and len(calls) == 1
    batch = next(iter(dataset.batch(10)))
    np.testing.assert_array_equal(batch["x"], X * 2 + 1)
    assert dataset.output_types == {"x": "float32", "y": "float32"}
    assert dataset.output_shapes == {"x": (2,), "y": ()}
    assert numbers(
        Dataset.range(3).map(lambda x: (x, 7)).map(lambda a, b: a + nf.cast(b, "int64"))
    ) == [7, 8, 9]


def test_random_ops_of_a_map_draw_other_numbers_for_each_element_and_pass() -> None:
    noisy = Dataset.range(3).map(lambda x: nf.random_uniform([], seed=4))
    first, second = numbers(noisy), numbers(noisy)
    assert len({*first, *second}) == 6
    again = Dataset.range(3).map(lambda x: nf.random_uniform([], seed=4))
    assert numbers(again) == first


def test_map_by_python_functions() -> None:
    dataset = Dataset.range(4).map(lambda x: (int(x) ** 2, f"n{x}"), python=True)
    assert dataset.output_types == ("int32", "string")
    assert [(a.item(), b) for a, b in dataset] == [(0, "n0"), (1, "n1"), (4, "n2"), (9, "n3")]
    typed = Dataset.range(2).map(lambda x: x, python=True, output_types="float64", output_shapes=())
    assert [type(x) for x in typed] == [np.float64] * 2
    ragged = Dataset.range(3).map(lambda n: np.arange(n), python=True)
    with pytest.raises(DataError, match="one shape, and the elements has"):
        list(ragged.batch(3))
    with pytest.raises(DataError, match="the function failed: ZeroDivisionError"):
        list(Dataset.range(2).map(lambda x: 1 // int(x), python=True))


def test_filter_by_ops_and_by_python() -> None:
    assert numbers(Dataset.range(9).filter(lambda x: nf.greater(x, 5))) == [6, 7, 8]
    assert numbers(Dataset.range(9).filter(lambda x: x % 4 == 0, python=True)) == [0, 4, 8]
    with pytest.raises(DataError, match="gives a bool"):
        Dataset.range(9).filter(lambda x: x)


def test_flat_map_and_interleave() -> None:
    nested = Dataset.range(1, 4)
    assert numbers(nested.flat_map(lambda n: Dataset.range(n))) == [0, 0, 1, 0, 1, 2]
    tens = Dataset.range(3).interleave(
        lambda n: Dataset.range(10 * n, 10 * n + 3), cycle_length=2, block_length=2
    )
    assert numbers(tens) == [0, 1, 10, 11, 2, 20, 21, 12, 22]
    in_turn = Dataset.range(3).interleave(
        lambda n: Dataset.range(10 * n, 10 * n + 3), cycle_length=3, block_length=1
    )
    assert numbers(in_turn) == [0, 10, 20, 1, 11, 21, 2, 12, 22]
    with pytest.raises(DataError, match="gives a Dataset, not int"):
        list(nested.flat_map(lambda n: 5))


def test_padded_batches() -> None:
    ragged = Dataset.range(1, 6).map(lambda n: np.full(n, n), python=True, output_types="int64",
                                     output_shapes=(None,))  # fmt: skip
    first, second, third = ragged.padded_batch(2)
    assert first.tolist() == [[1, 0], [2, 2]] and second.tolist() == [[3, 3, 3, 0], [4] * 4]
    assert third.tolist() == [[5] * 5]
    (wide, _) = ragged.padded_batch(2, (7,), padding_values=-1, drop_remainder=True)
    assert wide.tolist() == [[1, *[-1] * 6], [2, 2, *[-1] * 5]]
    assert ragged.padded_batch(2, (None,)).output_shapes == (None, None)
    with pytest.raises(DataError, match="does not fit the padded"):
        list(ragged.padded_batch(2, (3,)))


def test_generators_are_called_again_and_checked() -> None:
    passes = []

    def count(stop):
        passes.append(stop)
        yield from ({"a": n, "b": [n, n]} for n in range(stop))

    dataset = Dataset.from_generator(
        count, {"a": "int32", "b": "float32"}, {"a": (), "b": (2,)}, args=(3,)
    )
    assert [e["b"].tolist() for e in dataset.repeat(2)] == [[n, n] for n in (0.0, 1, 2)] * 2
    assert passes == [3, 3]
    assert Dataset.from_generator(count, "int32").output_shapes is UNKNOWN
    assert numbers(Dataset.from_generator(lambda: [np.float32(2.0)], "int32", ())) == [2]
    for gives, said in (
        ([1.5], "is not int32"), ([np.float32(1.5)], "is not int32.*float32"),
        ([[1]], "shape"), ([(1, 2)], "not int32"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=said):
            list(Dataset.from_generator(lambda gives=gives: gives, "int32", ()))
    with pytest.raises(DataError, match="takes a function"):
        Dataset.from_generator(count(3), "int32")


def test_a_cache_reads_its_source_once() -> None:
    passes = []
    dataset = Dataset.from_generator(lambda: passes.append(1) or iter([1, 2, 3]), "int32", ())
    cached = dataset.cache()
    next(iter(cached))  # not whole, so not kept
    assert numbers(cached) == numbers(cached) == [1, 2, 3] and len(passes) == 2


def test_prefetching_works_ahead_in_a_thread_that_ends() -> None:
    made = []

    def source():
        for n in range(100):
            made.append((n, threading.current_thread().name))
            yield n

    dataset = Dataset.from_generator(source, "int64", ()).prefetch(5)
    assert numbers(dataset) == list(range(100))
    assert {name for _, name in made} == {"nodeflow prefetch"}
    made.clear()
    before = threading.active_count()
    elements = iter(dataset)
    assert next(elements) == 0 and len(made) < 100
    elements.close()
    gc.collect()
    assert threading.active_count() == before
    failing = Dataset.range(3).map(lambda x: 1 // (2 - int(x)), python=True).prefetch(2)
    with pytest.raises(DataError, match="ZeroDivisionError"):
        list(failing)


def test_lines_of_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("3\n1\n")
    (tmp_path / "b.txt").write_bytes("4é\r\n\r\nend".encode())
    lines = nf.data.TextLineDataset([tmp_path / "a.txt", str(tmp_path / "b.txt")])
    assert list(lines) == ["3", "1", "4é", "", "end"]
    values = nf.data.TextLineDataset(tmp_path / "a.txt").map(int, python=True).batch(2)
    assert numbers(values) == [[3, 1]]
    with pytest.raises(DataError, match="strings are not tensors"):
        lines.map(lambda line: line)
    with pytest.raises(DataError, match="cannot read"):
        list(nf.data.TextLineDataset(tmp_path / "c.txt"))
    with pytest.raises(DataError, match="is a string"):
        lines.make_one_shot_iterator().get_next()


def test_sources_of_files_give_their_columns(tmp_path: Path) -> None:
    rows = "\n".join(f"{n},{n * 2},{n % 2}" for n in range(40))
    (tmp_path / "t.csv").write_text(f"a,b,label\n{rows}\n")
    train = nf.data.csv(str(tmp_path / "t.csv"))
    opened = nf.data.csv(str(tmp_path / "t.csv"), "test")
    names = list(train.output_types)
    assert names and names == list(opened.output_types)
    whole = [next(iter(d.batch(100))) for d in (train, opened)]
    assert sum(len(batch[names[0]]) for batch in whole) <= 40
    np.savez(tmp_path / "t.npz", x=X, y=Y)
    arrays = nf.data.from_file(str(tmp_path / "t.npz"))
    assert set(arrays.output_types) == {"x", "y"}
    some = nf.data.Dataset.from_source(f"npz:{tmp_path / 't.npz'}", columns=["y"])
    assert list(some.output_types) == ["y"]
    with pytest.raises(DataError, match="no column 'z'"):
        nf.data.Dataset.from_source(f"npz:{tmp_path / 't.npz'}", columns=["z"])


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda: Dataset.from_tensor_slices((X, Y[:3])), "10 rows and 1 has 3 rows"),
        (lambda: Dataset.from_tensor_slices(3), "single number"),
        (lambda: Dataset.from_tensor_slices(()), "at least one array"),
        (lambda: Dataset.range(5).batch(0), "batch_size is at least 1, not 0"),
        (lambda: Dataset.range(5).batch(2.5), "batch_size is at least 1, not 2.5"),
        (lambda: Dataset.range(5).shuffle("all"), "buffer_size is a whole number"),
        (lambda: Dataset.range(5).map(3), "map takes a function"),
        (lambda: Dataset.range(5).map(lambda x: None), "gives None"),
        (lambda: Dataset.range(5).map(lambda x: int(x)), "cannot be traced"),
        (lambda: Dataset.range(5).shard(2, 2), "below the 2 shards"),
        (lambda: Dataset.range(5).cache(3), "filename is a path, not int"),
        (lambda: list(Dataset.range(5).cache("no such folder/file")), "cannot be written"),
        (lambda: Dataset.range(5).window(2).cache("file"), "no data sets"),
        (lambda: Dataset.range(5).window(0), "size is at least 1, not 0"),
        (lambda: Dataset.range(5).window(2, stride=0), "stride is at least 1, not 0"),
        (lambda: list(Dataset.range(5).window(2).batch(2)), "are data sets"),
        (lambda: Dataset.range(5).window(2).map(lambda w: w), "are data sets"),
        (lambda: Dataset.range(5).window(2).make_one_shot_iterator().get_next(), "a data set"),
        (lambda: Dataset.zip([Dataset.range(5)]), "tuple or dict of data sets"),
        (
            lambda: Dataset.range(5).concatenate(Dataset.from_tensor_slices(X)),
            "is int64 in the first",
        ),
        (lambda: Dataset.range(1, 2, 0), "Dataset.range"),
        (lambda: Dataset.range(5).unbatch().output_types, "first axis"),
        (lambda: Dataset(5), "made by its methods"),
    ],
)
def test_what_cannot_be_is_said(make, said: str) -> None:
    with pytest.raises(NodeflowError, match=said):
        make()


def test_a_map_uses_its_arguments_only() -> None:
    with nf.Graph():
        outside = nf.constant(1.0)
        with pytest.raises(DataError, match="of another graph"):
            Dataset.from_tensor_slices(X).map(lambda x: outside)


def test_tensors_of_a_graph_have_values_in_a_run_only() -> None:
    with nf.Graph():
        dataset = Dataset.from_tensor_slices(nf.placeholder("float32", [None, 2]))
    assert dataset.output_shapes == (2,)
    with pytest.raises(NotInitialized, match="made from tensors"):
        next(iter(dataset))
