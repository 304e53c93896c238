"""Rows of mapped files: what is gathered from them has the bits of rows in memory."""

from __future__ import annotations

import gc
import pickle
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine import mapped_rows
from nodeflow.engine.columns import Column, LazyColumn, mapped_column
from nodeflow.engine.mapped_rows import FileMap
from nodeflow.engine.runtime.staging import staging_of
from nodeflow.engine.session import Session
from nodeflow.errors import DataError
from nodeflow.ops.training.optimizers import GradientDescentOptimizer

RNG = np.random.default_rng(3)
ROWS, BATCH = 37, 4


def written(path: Path, array: np.ndarray, start: int = 0) -> FileMap:
    path.write_bytes(b"\x7f" * start + array.tobytes())
    return FileMap(path, array.shape, array.dtype, start)


def arrays() -> dict[str, np.ndarray]:
    return {
        "uint8": RNG.integers(0, 256, (ROWS, 5), np.uint8),
        "int16": RNG.integers(-9, 9, (ROWS, 5)).astype(np.int16),
        "int64": RNG.integers(-(2**40), 2**40, (ROWS, 5)),
        "float16": RNG.normal(size=(ROWS, 5)).astype(np.float16),
        "float32": RNG.normal(size=(ROWS, 5)).astype(np.float32),
        "float64": RNG.normal(size=(ROWS, 5)),
        "bool": RNG.normal(size=(ROWS, 5)) > 0,
    }


def trained(column: Column, tier: str, threads: int = 1) -> tuple[list[float], np.ndarray]:
    """Losses and weights of two epochs of a small regression, in different orders."""
    with nf.Graph() as g:
        x = nf.placeholder("float32", [None, column.type.shape[1]], name="x")
        y = nf.placeholder("float32", [None, 1], name="y")
        w = nf.variable(np.full((column.type.shape[1], 1), 0.1, np.float32), name="w")
        loss = nf.reduce_mean(nf.square(nf.tanh(x) @ w - y))
        train = GradientDescentOptimizer(0.1).minimize(loss)
    labels = Column(np.linspace(-1, 1, len(column), dtype=np.float32)[:, None])
    losses: list[float] = []
    with Session(g, tier=tier, threads=threads) as session:  # type: ignore[arg-type]
        session.initialize()
        stepper = session.stepper([train], [loss], {x: column, y: labels}, BATCH)
        for seed in range(2):
            stepper.start_epoch(np.random.default_rng(seed).permutation(len(column)))
            while stepper.steps_left:
                losses += stepper.run(stepper.steps_left)[1][:, 0].tolist()
        return losses, session.variables["w"]


@pytest.mark.parametrize("start", [0, 3], ids=["aligned", "unaligned"])
@pytest.mark.parametrize("dtype", list(arrays()))
@pytest.mark.parametrize("fits", [True, False], ids=["direct", "staged"])
def test_training_from_a_file_has_the_bits_of_training_from_memory(
    tmp_path, monkeypatch, dtype, start, fits
):
    monkeypatch.setattr(mapped_rows, "most_resident", lambda: 2**40 if fits else 0)
    array = arrays()[dtype]
    which = RNG.permutation(ROWS)[:30]
    scale = 1 / 255 if dtype == "uint8" else None
    mapped = mapped_column(written(tmp_path / "rows", array, start), "float32", scale).take(which)
    assert isinstance(mapped, LazyColumn) and mapped.nbytes == which.nbytes
    assert (staging_of({"x": mapped}, BATCH) is None) == fits
    stored = array[which] if scale else array[which].astype(np.float32)
    memory = Column(stored, "float32", scale)
    np.testing.assert_array_equal(mapped.rows(slice(None)), memory.rows(slice(None)))
    for tier in ("reference", "compiled"):
        ours, theirs = trained(mapped, tier, 2), trained(memory, tier)
        assert ours[0] == theirs[0]
        np.testing.assert_array_equal(ours[1], theirs[1])


def test_some_columns_of_a_table(tmp_path):
    table = RNG.normal(size=(ROWS, 6)).astype(np.float32)
    file = written(tmp_path / "rows", table, 5)
    features = mapped_column(file, "float32", columns=(1, 5))
    ours, theirs = trained(features, "compiled"), trained(Column(table[:, 1:5]), "compiled")
    assert ours[0] == theirs[0]


def test_class_numbers_become_one_hot_rows_beside_mapped_ones(tmp_path):
    """The order of each column is its own: labels in memory have no row numbers."""
    array = RNG.normal(size=(ROWS, 3)).astype(np.float32)
    which = RNG.permutation(ROWS)
    classes = np.arange(ROWS) % 4
    x = mapped_column(written(tmp_path / "rows", array), "float32").take(which)
    y = Column(classes[which], depth=4)
    with nf.Graph() as g:
        fed = nf.placeholder("float32", [None, 3], name="x")
        hot = nf.placeholder("float32", [None, 4], name="y")
        w = nf.variable(np.zeros((3, 4), np.float32), name="w")
        total = nf.reduce_sum(nf.matmul(fed, hot, transpose_a=True), name="total")
        count = nf.assign_add(w, nf.matmul(fed, hot, transpose_a=True))
    with Session(g, tier="compiled") as session:
        session.initialize()
        stepper = session.stepper([count], [total], {fed: x, hot: y}, 1)
        stepper.start_epoch(np.arange(ROWS)[::-1])
        stepper.run(ROWS)
        found = session.variables["w"]
    expected = array.T.astype(np.float64) @ np.eye(4)[classes]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_a_file_that_is_shortened_is_an_error_and_no_crash(tmp_path):
    array = RNG.normal(size=(20_000, 5)).astype(np.float32)
    path = tmp_path / "rows"
    column = mapped_column(written(path, array), "float32")
    with path.open("r+b") as file:
        file.truncate(4096)
    with pytest.raises(DataError, match="rows was shortened while it was read"):
        trained(column, "compiled")
    with pytest.raises(DataError, match="was shortened"):
        column.rows([0])


def test_a_file_that_is_too_short_is_refused(tmp_path):
    (tmp_path / "rows").write_bytes(b"1234")
    with pytest.raises(DataError, match="shorter than its header says"):
        FileMap(tmp_path / "rows", (2,), np.dtype(np.float32), 0)


def test_reading_in_pieces_sees_every_row_once(tmp_path, monkeypatch):
    monkeypatch.setattr(mapped_rows, "GIVEN_BACK", 100)
    array = RNG.integers(0, 100, (ROWS, 5), np.uint8)
    pieces = [piece.copy() for piece in written(tmp_path / "rows", array).pieces()]
    assert len(pieces) > 1
    np.testing.assert_array_equal(np.concatenate(pieces), array)


def test_a_mapped_column_travels_between_processes(tmp_path):
    array = RNG.normal(size=(ROWS, 5))
    column = mapped_column(written(tmp_path / "rows", array, 8), "float32").take([4, 2])
    again = pickle.loads(pickle.dumps(column))
    np.testing.assert_array_equal(again.rows([0, 1]), array[[4, 2]].astype(np.float32))


@pytest.mark.thorough
def test_a_map_ends_with_its_column(tmp_path):
    """On Windows a file that is mapped cannot be replaced."""
    column = mapped_column(written(tmp_path / "rows", np.zeros((9, 2), np.float32)), "float32")
    del column
    gc.collect()
    maps = Path("/proc/self/maps")
    if maps.exists():
        assert str(tmp_path / "rows") not in maps.read_text()
