"""Iterators of data sets in a graph: one element a run, as TensorFlow 1's tutorials use them."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.data.pipeline.namespace import (
    get_output_shapes,
    get_output_types,
    make_initializable_iterator,
    make_one_shot_iterator,
)
from nodeflow.errors import DataError, NodeflowError, NotInitialized, OutOfRangeError

Dataset = nf.data.Dataset


@pytest.fixture(params=["reference", "compiled"])
def tier(request) -> str:
    return request.param


def drained(session: nf.Session, fetch) -> list:
    """What a fetch gives until the data set ends."""
    values = []
    with pytest.raises(OutOfRangeError, match="no further elements"):
        while True:
            values.append(np.asarray(session.run(fetch)).tolist())
    return values


def test_a_one_shot_iterator_gives_one_element_a_run(tier: str) -> None:
    with nf.Graph() as graph:
        x, y = Dataset.from_tensor_slices(
            (np.arange(5, dtype="float32"), np.arange(5) * 10)
        ).batch(2).make_one_shot_iterator().get_next()  # fmt: skip
        both = x + nf.cast(y, "float32")
        total = nf.reduce_sum(both)
    assert x.shape == (None,) and y.dtype == "int64"
    with nf.Session(graph, tier=tier) as session:
        first, again, ys = session.run([both, total, y])
        assert first.tolist() == [0, 11] and again == 11 and ys.tolist() == [0, 10]
        assert drained(session, total) == [55, 44]
        with pytest.raises(OutOfRangeError):
            session.run(x)
    with nf.Session(graph, tier=tier) as session:  # begins again
        assert session.run(y).tolist() == [0, 10]


def test_what_is_fed_comes_first_and_takes_no_element() -> None:
    with nf.Graph() as graph:
        x = Dataset.range(3).make_one_shot_iterator().get_next(name="number")
    assert x.name == "number"
    with nf.Session(graph) as session:
        assert session.run(x, {x: 7}) == 7
        assert drained(session, x) == [0, 1, 2]


def test_a_run_that_needs_no_element_takes_none() -> None:
    with nf.Graph() as graph:
        x = Dataset.range(3).make_one_shot_iterator().get_next()
        other = nf.constant(1.0) * 2.0
    with nf.Session(graph) as session:
        session.run(other)
        assert session.run(x) == 0


def test_each_get_next_takes_an_element_of_its_own() -> None:
    with nf.Graph() as graph:
        iterator = Dataset.range(4).make_one_shot_iterator()
        first, second = iterator.get_next(), iterator.get_next()
    with nf.Session(graph) as session:
        assert session.run([first, second]) == [0, 1]
        assert session.run([first, first]) == [2, 2]


def test_components_stay_together_where_another_iterator_begins(tier: str) -> None:
    """What a data set is made from is computed by a run within the run."""
    with nf.Graph() as graph:
        rows, labels = nf.constant(np.arange(4)), nf.constant(np.arange(4) * 10)
        pairs = Dataset.from_tensor_slices((rows, labels)).make_one_shot_iterator()
        other = Dataset.from_tensor_slices(nf.constant(np.arange(4) + 100)).make_one_shot_iterator()
        row, label = pairs.get_next()
        between = other.get_next()
    with nf.Session(graph, tier=tier) as session:
        found = np.array([session.run([row, between, label]) for _ in range(4)])
    assert found.tolist() == [[i, i + 100, i * 10] for i in range(4)]


def test_an_initializable_iterator_is_fed_where_it_begins(tier: str) -> None:
    with nf.Graph() as graph:
        rows = nf.placeholder("float32", [None, 2], name="rows")
        labels = nf.placeholder("int64", [None], name="labels")
        dataset = Dataset.from_tensor_slices((rows, labels)).batch(2)
        iterator = dataset.make_initializable_iterator()
        x, y = iterator.get_next()
        total = nf.reduce_sum(x) + nf.cast(nf.reduce_sum(y), "float32")
    with nf.Session(graph, tier=tier) as session:
        with pytest.raises(NotInitialized, match="Run its initializer first"):
            session.run(total)
        feeds = {rows: np.ones((3, 2), "float32"), labels: np.arange(3)}
        assert session.run(iterator.initializer, feeds) is None
        assert drained(session, total) == [5, 4]
        session.run(iterator.initializer, {rows: np.zeros((1, 2), "float32"), labels: [9]})
        assert drained(session, total) == [9]


def test_a_session_shuffles_each_pass_anew_and_every_session_alike() -> None:
    with nf.Graph() as graph:
        iterator = Dataset.range(20).shuffle(20).batch(20).make_initializable_iterator()
        x = iterator.get_next()

    def passes() -> list:
        with nf.Session(graph) as session:
            found = []
            for _ in range(2):
                session.run(iterator.initializer)
                found.append(session.run(x).tolist())
            return found

    first, second = passes()
    assert first != second and passes() == [first, second]


def test_one_iterator_serves_several_data_sets() -> None:
    train = Dataset.from_tensor_slices(np.arange(3, dtype="float32")).batch(2)
    test = Dataset.from_tensor_slices(np.float32([7, 8])).batch(5)
    with nf.Graph() as graph:
        iterator = nf.data.Iterator.from_structure(train.output_types, train.output_shapes)
        x = iterator.get_next()
        to_train, to_test = iterator.make_initializer(train), iterator.make_initializer(test)
        with pytest.raises(DataError, match="is int64"):
            iterator.make_initializer(Dataset.range(3).batch(2))
        with pytest.raises(DataError, match="another structure"):
            iterator.make_initializer(Dataset.zip((train, train)))
        with pytest.raises(DataError, match="no data set of its own"):
            iterator.initializer  # noqa: B018
    with nf.Session(graph) as session:
        session.run(to_train)
        assert drained(session, x) == [[0, 1], [2]]
        session.run(to_test)
        assert drained(session, x) == [[7, 8]]


def test_an_initializer_runs_where_another_node_waits_for_it() -> None:
    with nf.Graph() as graph:
        iterator = Dataset.range(2).make_initializable_iterator()
        x = iterator.get_next()
        start = nf.group(iterator.initializer)
    with nf.Session(graph) as session:
        session.run(start)
        assert drained(session, x) == [0, 1]


def test_placeholders_are_named_for_their_components() -> None:
    with nf.Graph():
        element = Dataset.from_tensors({"image": 1.0, "a b": (2, 3)}).make_one_shot_iterator()
        found = element.get_next(name="batch")
    assert found["image"].name == "batch/image"
    assert [t.name for t in found["a b"]] == ["batch/a_b/component_0", "batch/a_b/component_1"]


def test_data_is_bound_to_placeholders_that_are_there(tier: str) -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 2], name="x")
        y = nf.placeholder("int64", [None], name="y")
        total = nf.reduce_sum(x) + nf.cast(nf.reduce_sum(y), "float32")
    data = Dataset.from_tensor_slices({"a": np.ones((3, 2), "float32"), "b": np.arange(3)})
    data.batch(2).bind({x: "a", "y": "b"}, graph=graph)
    with nf.Session(graph, tier=tier) as session:
        assert drained(session, total) == [5, 4]
    with pytest.raises(DataError, match="x: it is bound to a data set already"):
        data.batch(2).bind(x, y)
    with nf.Graph():
        z = nf.placeholder("float32", [None, 3], name="z")
        with pytest.raises(DataError, match=r"z: expected float32 \(\?, 3\), but a is"):
            data.batch(2).bind({z: "a"})
        with pytest.raises(DataError, match="no component 'c'"):
            data.batch(2).bind({z: "c"})
        with pytest.raises(DataError, match="2 components, and 1 placeholders"):
            data.batch(2).bind(z)
        with pytest.raises(DataError, match="only a placeholder"):
            data.batch(2).bind({z * 2.0: "a"})


def test_a_training_loop_of_runs_ends_with_the_data(tier: str) -> None:
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(32, 2)).astype("float32")
    targets = rows @ np.float32([[2], [-1]])
    with nf.Graph() as graph:
        data = Dataset.from_tensor_slices((rows, targets)).shuffle(32).repeat(20).batch(8)
        x, y = data.make_one_shot_iterator().get_next()
        w = nf.variable(np.zeros((2, 1), "float32"), name="w")
        loss = nf.reduce_mean(nf.square(x @ w - y))
        train = nf.gradient_descent(loss, learning_rate=0.1)
    with nf.Session(graph, tier=tier) as session:
        session.initialize()
        steps = 0
        try:
            while True:
                session.run(train)
                steps += 1
        except nf.errors.OutOfRangeError:
            pass
        assert steps == 80
        np.testing.assert_allclose(session.variables["w"], [[2], [-1]], atol=1e-3)


def test_closing_a_session_ends_the_threads_of_its_data_sets() -> None:
    before = threading.active_count()
    with nf.Graph() as graph:
        x = Dataset.range(1000).prefetch(3).make_one_shot_iterator().get_next()
    with nf.Session(graph) as session:
        assert session.run(x) == 0
        assert threading.active_count() > before
    assert not [t for t in threading.enumerate() if t.name == "nodeflow prefetch"]


def test_iterators_are_made_by_functions_too() -> None:
    with nf.Graph() as graph:
        dataset = nf.data.Dataset.from_tensor_slices(np.arange(3))
        assert get_output_types(dataset) == "int64"
        assert tuple(get_output_shapes(dataset)) == ()
        once = make_one_shot_iterator(dataset)
        again = make_initializable_iterator(dataset)
        first, second = once.get_next(), again.get_next()
    with nf.Session(graph) as session:
        session.run(again.initializer)
        assert session.run([first, second]) == [0, 0]
        assert session.run(first) == 1


def test_a_fed_handle_chooses_the_iterator(tier: str) -> None:
    """As in TensorFlow 1's guide: training and validation through one graph."""
    with nf.Graph() as graph:
        training = Dataset.range(100).repeat().make_one_shot_iterator()
        validation = Dataset.range(1000, 1003).make_initializable_iterator()
        handle = nf.placeholder("int64", [])
        chosen = nf.data.Iterator.from_string_handle(handle, training.output_types, ())
        result = nf.identity(chosen.get_next()) * 2
        handles = [training.string_handle(), validation.string_handle()]
        begin = validation.initializer
    assert training.string_handle() is handles[0]
    with nf.Session(graph, tier=tier) as session:
        first, second = session.run(handles)
        assert first != second
        found = []
        for _ in range(2):
            found.append([int(session.run(result, {handle: first})) for _ in range(3)])
            session.run(begin)
            ended = []
            with pytest.raises(OutOfRangeError):
                while True:
                    ended.append(int(session.run(result, {handle: second})))
            found.append(ended)
        assert found == [[0, 2, 4], [2000, 2002, 2004], [6, 8, 10], [2000, 2002, 2004]]


def test_what_is_wrong_about_a_handle_is_said() -> None:
    from_handle = nf.data.Iterator.from_string_handle
    with nf.Graph() as graph:
        handle = nf.placeholder("int64", [], name="handle")
        numbers = Dataset.range(3).make_initializable_iterator()
        floats = Dataset.from_tensor_slices([1.5]).make_one_shot_iterator()
        pair = Dataset.from_tensor_slices(([1], [2])).make_one_shot_iterator()
        chosen = from_handle(handle, "int64", ())
        x = chosen.get_next()
        handles = [it.string_handle() for it in (numbers, floats, pair)]
        with pytest.raises(DataError, match="placeholder of int64"):
            from_handle(nf.placeholder("float32", []), "int64")
        with pytest.raises(DataError, match="chosen by a handle"):
            chosen.string_handle()
        with pytest.raises(DataError, match="chosen by a handle"):
            chosen.make_initializer(Dataset.range(3))
    with nf.Session(graph) as session:
        a, b, c = session.run(handles)
        for fed, error, said in (
            (a, NotInitialized, "has not begun"),
            (b, DataError, "is float32"),
            (c, DataError, "another structure"),
            (99, DataError, "99 is not the handle"),
        ):
            with pytest.raises(error, match=said):
                session.run(x, {handle: fed})
        with pytest.raises(NodeflowError, match="handle"):
            session.run(x)
