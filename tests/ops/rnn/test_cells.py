"""Cells and loops against TensorFlow 1's formulas in numpy: values, gradients, files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit as sigmoid

import nodeflow as nf
from nodeflow.errors import DtypeError, GraphError, ShapeError
from nodeflow.ops.namespaces import nn
from nodeflow.ops.samples import values
from nodeflow.ops.variables import initializers
from nodeflow.ops.variables.scope import (
    AUTO_REUSE,
    get_variable,
    get_variable_scope,
    variable_scope,
)

cells = nn.rnn_cell
ROWS, TIME, FEATURES, UNITS = 3, 5, 4, 2
X = values((ROWS, TIME, FEATURES))
LENGTHS = np.array([5, 2, 0], "int32")
SPREAD = initializers.random_normal(stddev=0.7, seed=11)

Weights = dict[str, np.ndarray]
Formula = Callable[[np.ndarray, Any, Weights], tuple[np.ndarray, Any]]


# ---- TensorFlow 1's formulas --------------------------------------------------------------------


def basic_rnn(x: np.ndarray, h: np.ndarray, w: Weights) -> tuple[np.ndarray, np.ndarray]:
    new = np.tanh(np.concatenate([x, h], 1) @ w["kernel"] + w["bias"])
    return new, new


def gru(x: np.ndarray, h: np.ndarray, w: Weights) -> tuple[np.ndarray, np.ndarray]:
    value = sigmoid(np.concatenate([x, h], 1) @ w["gates/kernel"] + w["gates/bias"])
    r, u = np.split(value, 2, 1)
    both = np.concatenate([x, r * h], 1)
    c = np.tanh(both @ w["candidate/kernel"] + w["candidate/bias"])
    new = u * h + (1 - u) * c
    return new, new


def lstm(forget: float = 1.0, clip: float | None = None, proj_clip: float | None = None) -> Formula:
    def step(x: np.ndarray, state: Any, w: Weights) -> tuple[np.ndarray, Any]:
        c, h = state
        i, j, f, o = np.split(np.concatenate([x, h], 1) @ w["kernel"] + w["bias"], 4, 1)
        see = {g: w.get(f"w_{g}_diag", 0.0) for g in "ifo"}
        new = sigmoid(f + forget + see["f"] * c) * c + sigmoid(i + see["i"] * c) * np.tanh(j)
        new = new if clip is None else np.clip(new, -clip, clip)
        out = sigmoid(o + see["o"] * new) * np.tanh(new)
        if "projection/kernel" in w:
            out = out @ w["projection/kernel"]
            out = out if proj_clip is None else np.clip(out, -proj_clip, proj_clip)
        return out, (new, out)

    return step


CASES: dict[str, tuple[Callable[[], Any], Formula]] = {
    "rnn": (lambda: cells.BasicRNNCell(UNITS), basic_rnn),
    "gru": (lambda: cells.GRUCell(UNITS), gru),
    "basic_lstm": (lambda: cells.BasicLSTMCell(UNITS), lstm()),
    "forget": (lambda: cells.BasicLSTMCell(UNITS, forget_bias=0.3), lstm(0.3)),
    "lstm": (lambda: cells.LSTMCell(UNITS), lstm()),
    "peepholes": (lambda: cells.LSTMCell(UNITS, use_peepholes=True), lstm()),
    "projection": (lambda: cells.LSTMCell(UNITS, num_proj=3), lstm()),
    "all": (
        lambda: cells.LSTMCell(UNITS, True, 0.2, num_proj=3, proj_clip=0.1, forget_bias=0.5),
        lstm(0.5, 0.2, 0.1),
    ),
}


def unrolled(
    step: Formula, x: np.ndarray, state: Any, w: Weights, lengths: Any = None, reverse: bool = False
) -> tuple[np.ndarray, Any]:
    outs: dict[int, np.ndarray] = {}
    many = isinstance(state, tuple)
    for t in reversed(range(x.shape[1])) if reverse else range(x.shape[1]):
        out, new = step(x[:, t], state, w)
        on = np.ones((len(x), 1), bool) if lengths is None else (t < np.asarray(lengths))[:, None]
        pairs = zip(new, state, strict=True) if many else [(new, state)]
        kept = [np.where(on, n, o) for n, o in pairs]
        outs[t] = np.where(on, out, 0)
        state = tuple(kept) if many else kept[0]
    return np.stack([outs[t] for t in range(x.shape[1])], 1), state


def zeros(cell: Any) -> Any:
    size = cell.state_size
    many = isinstance(size, tuple)
    return tuple(np.zeros((ROWS, n)) for n in size) if many else np.zeros((ROWS, size))


def parts(state: Any) -> list[np.ndarray]:
    return list(state) if isinstance(state, tuple) else [state]


def weights_of(session: nf.Session, cell: Any, scope: str) -> Weights:
    return {v.name.removeprefix(f"{scope}/"): session.run(v) for v in cell.variables}


@pytest.fixture(params=["reference", "compiled"])
def tier(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "lengths"])
def test_values(case: str, lengths: Any, tier: Any) -> None:
    make, step = CASES[case]
    with nf.Graph() as graph, variable_scope("net", initializer=SPREAD):
        cell = make()
        outputs, last = nn.dynamic_rnn(cell, X, sequence_length=lengths)
    with nf.Session(graph, tier=tier) as session:
        session.initialize()
        found = session.run([outputs, last])
        w = weights_of(session, cell, f"net/rnn/{cell.base_name}")
    expected = unrolled(step, X, zeros(cell), w, lengths)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-11, atol=1e-13)
    for one, other in zip(parts(found[1]), parts(expected[1]), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-13)


@pytest.mark.sample(5)
@pytest.mark.parametrize("case", CASES)
def test_gradients(case: str, tier: Any) -> None:
    """Of a sum with unequal weights, with respect to every variable and the inputs."""
    make, step = CASES[case]
    with nf.Graph() as graph, variable_scope("net", initializer=SPREAD):
        cell, x = make(), nf.constant(X)
        outputs, last = nn.dynamic_rnn(cell, x, sequence_length=LENGTHS)
        scale = values((ROWS, TIME, cell.output_size), start=8)
        end = last[0] if isinstance(last, tuple) else last
        loss = nf.reduce_sum(outputs * scale) + nf.reduce_sum(nf.square(end))
        wanted = [x, *cell.variables]
        slopes = nf.gradients(loss, wanted)
    with nf.Session(graph, tier=tier) as session:
        session.initialize()
        found = session.run(slopes)
        w = weights_of(session, cell, f"net/rnn/{cell.base_name}")

    def total(x: np.ndarray, w: Weights) -> float:
        outs, last = unrolled(step, x, zeros(cell), w, LENGTHS)
        end = last[0] if isinstance(last, tuple) else last
        return float((outs * scale).sum() + (end**2).sum())

    for name, got in zip(["x", *w], found, strict=True):
        base = X if name == "x" else w[name]
        for place in [*np.ndindex(base.shape)][:: max(1, base.size // 12)]:
            step_ = np.zeros_like(base)
            step_[place] = 1e-6
            up, down = (
                total(X + s, w) if name == "x" else total(X, {**w, name: base + s})
                for s in (step_, -step_)
            )
            assert got[place] == pytest.approx((up - down) / 2e-6, abs=1e-7), (name, place)


@pytest.mark.parametrize("case", CASES)
def test_one_step_is_the_loops_step(case: str) -> None:
    make, _ = CASES[case]
    with nf.Graph() as graph, variable_scope("net", initializer=SPREAD):
        cell = make()
        outputs, last = nn.dynamic_rnn(cell, X)
        state: Any = cell.zero_state(ROWS, "float64")
        outs = []
        for t in range(TIME):
            out, state = cell(nf.constant(X[:, t]), state)
            outs.append(out)
    with nf.Session(graph, tier="reference") as session:
        session.initialize()
        whole, single, ends = session.run([outputs, outs, [last, state]])
    np.testing.assert_allclose(whole, np.stack(single, 1), rtol=1e-11, atol=1e-13)
    for one, other in zip(*map(parts, ends), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-13)


def test_names_and_initial_values_are_tensorflows() -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, TIME, FEATURES])
        stack = cells.MultiRNNCell([cells.BasicLSTMCell(2), cells.GRUCell(3)])
        nn.dynamic_rnn(stack, x)
        nn.bidirectional_dynamic_rnn(cells.BasicRNNCell(2), cells.LSTMCell(2, True), x)
    shapes = {v.name: v.shape for v in graph.variables}
    assert shapes == {
        "rnn/multi_rnn_cell/cell_0/basic_lstm_cell/kernel": (6, 8),
        "rnn/multi_rnn_cell/cell_0/basic_lstm_cell/bias": (8,),
        "rnn/multi_rnn_cell/cell_1/gru_cell/gates/kernel": (5, 6),
        "rnn/multi_rnn_cell/cell_1/gru_cell/gates/bias": (6,),
        "rnn/multi_rnn_cell/cell_1/gru_cell/candidate/kernel": (5, 3),
        "rnn/multi_rnn_cell/cell_1/gru_cell/candidate/bias": (3,),
        "bidirectional_rnn/fw/basic_rnn_cell/kernel": (6, 2),
        "bidirectional_rnn/fw/basic_rnn_cell/bias": (2,),
        "bidirectional_rnn/bw/lstm_cell/kernel": (6, 8),
        "bidirectional_rnn/bw/lstm_cell/bias": (8,),
        "bidirectional_rnn/bw/lstm_cell/w_f_diag": (2,),
        "bidirectional_rnn/bw/lstm_cell/w_i_diag": (2,),
        "bidirectional_rnn/bw/lstm_cell/w_o_diag": (2,),
    }
    with nf.Session(graph, tier="reference") as session:
        session.initialize()
        names = [n for n in shapes if n.endswith("bias")]
        biases = dict(zip(names, session.run(names), strict=True))
        kernel = session.run("rnn/multi_rnn_cell/cell_0/basic_lstm_cell/kernel")
    assert {n: set(b) for n, b in biases.items()} == {n: {float("gates" in n)} for n in names}
    assert 0 < abs(kernel).max() <= np.sqrt(6 / 14)


def test_several_cells_and_both_directions(tier: Any) -> None:
    with nf.Graph() as graph, variable_scope("net", initializer=SPREAD):
        low, high = cells.BasicLSTMCell(UNITS), cells.GRUCell(3)
        stack = cells.MultiRNNCell([low, high])
        outputs, last = nn.dynamic_rnn(stack, X, LENGTHS)
        forth, back = cells.BasicRNNCell(UNITS), cells.GRUCell(UNITS)
        both = nn.bidirectional_dynamic_rnn(forth, back, X, LENGTHS)
    with nf.Session(graph, tier=tier) as session:
        session.initialize()
        found = session.run([outputs, last, both])
        inside = "net/rnn/multi_rnn_cell/cell"
        first = weights_of(session, low, f"{inside}_0/basic_lstm_cell")
        second = weights_of(session, high, f"{inside}_1/gru_cell")
        fw = weights_of(session, forth, "net/bidirectional_rnn/fw/basic_rnn_cell")
        bw = weights_of(session, back, "net/bidirectional_rnn/bw/gru_cell")
    middle, (c, h) = unrolled(lstm(), X, zeros(low), first, LENGTHS)
    top, end = unrolled(gru, middle, zeros(high), second, LENGTHS)
    np.testing.assert_allclose(found[0], top, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(found[1][0].c, c, rtol=1e-11)
    np.testing.assert_allclose(found[1][0].h, h, rtol=1e-11)
    np.testing.assert_allclose(found[1][1], end, rtol=1e-11)
    outs, states = found[2]
    for place, (formula, cell, w, reverse) in enumerate(
        [(basic_rnn, forth, fw, False), (gru, back, bw, True)]
    ):
        expected = unrolled(formula, X, zeros(cell), w, LENGTHS, reverse)
        np.testing.assert_allclose(outs[place], expected[0], rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(states[place], expected[1], rtol=1e-11, atol=1e-13)


def test_lists_of_steps_and_time_first() -> None:
    steps = [X[:, t] for t in range(TIME)]
    with nf.Graph() as graph, variable_scope("net", initializer=SPREAD):
        cell = cells.BasicLSTMCell(UNITS)
        outputs, last = nn.dynamic_rnn(cell, X, LENGTHS)
        listed, end = nn.static_rnn(cell, steps, sequence_length=LENGTHS)
        turned, _ = nn.dynamic_rnn(cell, X.transpose(1, 0, 2), LENGTHS, time_major=True)
        start = cell.zero_state(ROWS, "float64")
        given, _ = nn.dynamic_rnn(cell, X, LENGTHS, initial_state=start)
        pair, fw, bw = nn.static_bidirectional_rnn(
            cells.GRUCell(2), cells.GRUCell(3), steps, dtype="float64"
        )
        assert [t.shape for t in (pair[0], fw, bw)] == [(3, 5), (3, 2), (3, 3)]
        assert len(graph.variables) == 2 + 8
    with nf.Session(graph, tier="reference") as session:
        session.initialize()
        a, b, c, d, ends = session.run([outputs, listed, turned, given, [last, end]])
    np.testing.assert_array_equal(a, np.stack(b, 1))
    np.testing.assert_array_equal(a, c.transpose(1, 0, 2))
    np.testing.assert_array_equal(a, d)
    np.testing.assert_array_equal(*ends)


def test_a_state_that_is_no_tuple() -> None:
    with nf.Graph() as graph, variable_scope("net", initializer=SPREAD):
        tuples, _ = nn.dynamic_rnn(cells.BasicLSTMCell(UNITS, name="a"), X)
        with variable_scope("rnn", reuse=True):
            flat = cells.BasicLSTMCell(UNITS, state_is_tuple=False, name="a", reuse=True)
        with variable_scope(get_variable_scope(), reuse=True):
            other, last = nn.dynamic_rnn(flat, X)
        assert last.shape == (ROWS, 2 * UNITS)
    with nf.Session(graph, tier="reference") as session:
        session.initialize()
        np.testing.assert_allclose(*session.run([tuples, other]), rtol=1e-12)


def test_a_cell_of_your_own() -> None:
    class Adding(cells.RNNCell):
        @property
        def state_size(self) -> int:
            return FEATURES

        @property
        def output_size(self) -> int:
            return FEATURES

        def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
            with variable_scope("adding", reuse=AUTO_REUSE):
                factor = get_variable("factor", initializer=np.float64(2.0))
            new = state + factor * inputs
            return new * 10.0, new

    with nf.Graph() as graph:
        outputs, last = nn.dynamic_rnn(Adding(), X)
        assert [v.name for v in graph.variables] == ["rnn/adding/factor"]
        slope = nf.gradients(nf.reduce_sum(last), graph.variables)[0]
    with nf.Session(graph, tier="reference") as session:
        session.initialize()
        out, end, by_factor = session.run([outputs, last, slope])
    np.testing.assert_allclose(out, 20 * X.cumsum(1), rtol=1e-12)
    np.testing.assert_allclose(end, 2 * X.sum(1), rtol=1e-12)
    np.testing.assert_allclose(by_factor, X.sum(), rtol=1e-12)


def test_dropout_of_inputs_outputs_and_states() -> None:
    x = np.ones((40, 6, 30))
    with nf.Graph() as graph:

        class Passing(cells.RNNCell):
            state_size: Any = 30
            output_size: Any = 30

            def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
                return inputs + 0.0 * state, inputs + 0.0 * state

        keep = nf.placeholder("float64", [])
        inputs, _ = nn.dynamic_rnn(cells.DropoutWrapper(Passing(), keep), x)
        outputs, end = nn.dynamic_rnn(
            cells.DropoutWrapper(Passing(), output_keep_prob=0.5), x, np.full(40, 4)
        )
        same, _ = nn.dynamic_rnn(
            cells.DropoutWrapper(Passing(), 0.5, variational_recurrent=True, seed=3), x
        )
        _, state = nn.dynamic_rnn(cells.DropoutWrapper(Passing(), state_keep_prob=0.25), x)
        single, _ = cells.DropoutWrapper(Passing(), 0.5)(nf.constant(x[:, 0]), nf.constant(x[:, 0]))
    with nf.Session(graph, tier="reference") as session:
        found = session.run([inputs, outputs, end, same, state, single], {keep: 0.5})
        kept = session.run(inputs, {keep: 1.0})
    np.testing.assert_array_equal(kept, x)
    for array, share in zip(found, (0.5, 0.5, 1, 0.5, 0.25, 0.5), strict=True):
        inside = array[:, :4] if array.shape == found[1].shape else array
        assert set(np.unique(inside)) <= {0, 1 / share}
        assert abs(inside.mean() - 1) < 0.15
    assert not found[1][:, 4:].any()
    assert np.ptp(found[0], axis=1).any()
    assert not np.ptp(found[3], axis=1).any()


def test_lstm_state_dropout_leaves_the_memory() -> None:
    x = np.ones((50, 4, FEATURES))
    with nf.Graph() as graph:
        cell = cells.BasicLSTMCell(8)
        _, last = nn.dynamic_rnn(cells.DropoutWrapper(cell, state_keep_prob=0.5), x)
    with nf.Session(graph, tier="reference") as session:
        session.initialize()
        state = session.run(last)
    assert (state.c != 0).all()
    assert 0.3 < (state.h == 0).mean() < 0.7


def test_ways_around() -> None:
    with nf.Graph() as graph:
        cell = cells.BasicRNNCell(FEATURES)
        plain, _ = nn.dynamic_rnn(cell, X, LENGTHS)
        around, _ = nn.dynamic_rnn(cells.ResidualWrapper(cell), X, LENGTHS)
    with nf.Session(graph, tier="reference") as session:
        session.initialize()
        one, other = session.run([plain, around])
    within = (np.arange(TIME) < LENGTHS[:, None])[..., None]
    np.testing.assert_allclose(other, np.where(within, one + X, 0), rtol=1e-12)


def test_unknown_rows_and_time() -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float64", [None, None, FEATURES], name="x")
        n = nf.placeholder("int32", [None], name="n")
        cell = cells.GRUCell(UNITS)
        outputs, last = nn.dynamic_rnn(cell, x, n)
        fixed, _ = nn.dynamic_rnn(cell, X, LENGTHS)
        assert outputs.shape == (None, None, UNITS)
    for tier in ("reference", "compiled"):
        with nf.Session(graph, tier=tier) as session:  # type: ignore[arg-type]
            session.initialize()
            one, other = session.run([outputs, fixed], {x: X, n: LENGTHS})
            np.testing.assert_allclose(one, other, rtol=1e-12)
            assert session.run(last, {x: X[:2, :3], n: [3, 1]}).shape == (2, UNITS)


@pytest.mark.thorough
def test_a_file_reopens_to_the_same_bits(tmp_path: Path) -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, TIME, FEATURES], name="x")
        stack = cells.MultiRNNCell([cells.LSTMCell(3, True, num_proj=2), cells.GRUCell(3)])
        outputs, last = nn.dynamic_rnn(stack, x, LENGTHS)
        loss = nf.reduce_mean(nf.square(outputs), name="loss")
        nf.adam(loss, name="train")
        assert last[1].shape == (3, 3)
    path = tmp_path / "net.flow"
    nf.save(graph, path)
    results = []
    for g in (graph, nf.load(path)):
        with nf.Session(g, tier="reference", seed=4) as session:
            session.initialize()
            feed = {"x": X.astype("float32")}
            results.append([session.run(["loss", "train"], feed)[0] for _ in range(3)])
    assert results[0] == results[1]
    assert results[0][0] != results[0][2]


def test_mistakes_are_named() -> None:
    with nf.Graph():
        cell = cells.BasicLSTMCell(UNITS)
        with pytest.raises(GraphError, match="is not a cell"):
            nn.dynamic_rnn(5, X)  # type: ignore[arg-type]
        with pytest.raises(ShapeError, match="must be"):
            nn.dynamic_rnn(cell, X[0])
        with pytest.raises(DtypeError, match="float64"):
            nn.dynamic_rnn(cell, X, dtype="float32")
        with pytest.raises(ShapeError, match="sequence_length"):
            nn.dynamic_rnn(cell, X, [[1]])
        with pytest.raises(GraphError, match="list of steps"):
            nn.static_rnn(cell, X)  # type: ignore[arg-type]
        with pytest.raises(ShapeError, match="is unknown"):
            nn.dynamic_rnn(cell, nf.placeholder("float32", [None, 3, None]))
        nn.dynamic_rnn(cell, X)
        with pytest.raises(ShapeError, match="one set of weights"):
            nn.dynamic_rnn(cell, X[:, :, :2])
        with pytest.raises(GraphError, match=r"is \(c, h\)"):
            cell(nf.constant(X[:, 0]), nf.constant(X[:, 0]))
        with pytest.raises(GraphError, match="needs a list"):
            cells.MultiRNNCell([])
