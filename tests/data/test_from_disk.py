"""Large files stay on disk: their rows are those of the same file in memory, packed or not."""

from __future__ import annotations

import gzip
import threading
import zipfile

import numpy as np
import pytest

from nodeflow.data import unpacking
from nodeflow.data.catalog import all_rows, open_dataset
from nodeflow.data.errors import DataFormatError
from nodeflow.data.sources import mnist, npy_file, npz_file
from nodeflow.engine import mapped_rows
from nodeflow.engine.columns import LazyColumn
from nodeflow.errors import Cancelled, DataError
from nodeflow.graph.session_hooks import activity
from nodeflow.graph.session_hooks.interrupt import interruptible
from tests.data.helpers import idx_bytes, small_mnist

RNG = np.random.default_rng(11)
ROWS = 60


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setattr(unpacking, "cache_folder", lambda: folder)
    return folder / "unpacked"


@pytest.fixture
def large(monkeypatch):
    """Says from how many bytes on a file is a large one."""

    def set_bytes(count: int) -> None:
        monkeypatch.setattr(mapped_rows, "LARGE_BYTES", count)
        for opened in (npy_file._open, npz_file._open, mnist._read_full):
            opened.cache_clear()

    yield set_bytes
    set_bytes(1 << 26)


def arrays() -> dict[str, np.ndarray]:
    return {
        "pictures": RNG.integers(0, 256, (ROWS, 9, 8), np.uint8),
        "doubles": RNG.normal(size=(ROWS, 3)),
        "floats": RNG.normal(size=(ROWS, 2)).astype(np.float32),
        "shorts": RNG.integers(-99, 99, (ROWS, 4)).astype(np.int16),
        "big_endian": RNG.normal(size=(ROWS, 3)).astype(">f4"),
        "by_columns": np.asfortranarray(RNG.normal(size=(ROWS, 3))),
        "numbers": RNG.normal(size=ROWS),
        "labels": np.arange(ROWS) % 3,
    }


def opened(large, source: str, bound: int, **options):
    large(bound)
    return open_dataset(source, **options)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed], ids=["plain", "packed"])
@pytest.mark.parametrize(
    "options",
    [{}, {"floats": "stored", "scale": False}, {"vectors": "column", "labels": "class"}],
    ids=["default", "stored", "column"],
)
def test_an_npz_file_has_the_same_rows_from_disk(tmp_path, large, cache, save, options):
    save(tmp_path / "a.npz", **arrays())
    source = f"npz:{tmp_path / 'a.npz'}"
    disk, memory = (opened(large, source, n, **options) for n in (0, 1 << 30))
    assert disk.columns == memory.columns and disk.images == memory.images
    lazy = {name for name, c in disk.split("train").items() if isinstance(c, LazyColumn)}
    assert lazy == {"pictures", "doubles", "floats", "shorts", "numbers"}
    for split in memory.splits:
        for name, column in memory.split(split).items():
            ours = disk.split(split)[name]
            np.testing.assert_array_equal(ours.rows(slice(None)), column.rows(slice(None)))
            assert ours.rows([1]).dtype == column.rows([1]).dtype
    assert cache.exists() == (save is np.savez_compressed)
    large(0)
    every = all_rows(source, **options).split("all")
    expected = arrays_of(tmp_path / "a.npz")["floats"]
    np.testing.assert_array_equal(every["floats"].rows(slice(None)), expected)


def arrays_of(path) -> dict[str, np.ndarray]:
    with np.load(path) as found:
        return dict(found)


def test_splits_in_arrays_of_their_own_join(tmp_path, large, cache):
    train, test = RNG.normal(size=(5, 2)), RNG.normal(size=(3, 2))
    np.savez(tmp_path / "a.npz", x_train=train, x_test=test)
    large(0)
    every = all_rows(f"npz:{tmp_path / 'a.npz'}", floats="stored").split("all")["x"]
    expected = np.concatenate([train, test])
    np.testing.assert_array_equal(every.rows([7, 0, 5, 4]), expected[[7, 0, 5, 4]])


def test_what_is_packed_is_unpacked_once(tmp_path, large, cache, monkeypatch):
    np.savez_compressed(tmp_path / "a.npz", x=RNG.normal(size=(ROWS, 3)))
    first = opened(large, f"npz:{tmp_path / 'a.npz'}", 0).split("train")["x"].rows([0, 1])
    monkeypatch.setattr(unpacking, "_write", None)  # would raise
    again = opened(large, f"npz:{tmp_path / 'a.npz'}", 0).split("train")["x"].rows([0, 1])
    np.testing.assert_array_equal(first, again)
    assert [path.suffix for path in cache.iterdir()] == [".bin"]


def test_a_packed_file_that_changes_is_unpacked_again(tmp_path, large, cache):
    for value in (1.0, 2.0):
        np.savez_compressed(tmp_path / "a.npz", x=np.full((ROWS + int(value), 3), value))
        dataset = opened(large, f"npz:{tmp_path / 'a.npz'}", 0)
        assert dataset.split("train")["x"].rows([0])[0, 0] == value


def test_unpacked_files_have_a_limit(tmp_path, large, cache, monkeypatch):
    for name in "ab":
        np.savez_compressed(tmp_path / f"{name}.npz", x=np.zeros((ROWS, 3)))
    one = ROWS * 3 * 8 + 128
    monkeypatch.setattr(unpacking, "DEFAULT_LIMIT", one)
    for name in "ab":
        opened(large, f"npz:{tmp_path / name}.npz", 0)
        assert len([*cache.iterdir()]) == 1, "the other one had to go"
    monkeypatch.setattr(unpacking, "DEFAULT_LIMIT", one - 1)
    np.savez_compressed(tmp_path / "c.npz", x=np.zeros((ROWS, 3)))
    with pytest.raises(DataError, match=r"c\.npz takes .* unpacked, and unpacked files may take"):
        opened(large, f"npz:{tmp_path / 'c.npz'}", 0)
    monkeypatch.setattr(unpacking, "DEFAULT_LIMIT", 1 << 40)
    monkeypatch.setattr(unpacking, "LEFT_FREE", 1 << 60)
    with pytest.raises(DataError, match="are free in"):
        opened(large, f"npz:{tmp_path / 'c.npz'}", 0)


def test_unpacking_says_how_far_it_is_and_stops(tmp_path, large, cache, monkeypatch):
    said: list[tuple[str, float]] = []
    stop = threading.Event()
    clock = iter(range(10**6))
    monkeypatch.setattr(unpacking, "PIECE", 100)
    monkeypatch.setattr(unpacking.time, "monotonic", lambda: float(next(clock)))
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros((ROWS, 3)))
    activity.show_progress_by(lambda what, part: said.append((what, part)))
    try:
        stop.set()
        with interruptible(stop), pytest.raises(Cancelled):
            opened(large, f"npz:{tmp_path / 'a.npz'}", 0)
        assert not [*cache.iterdir()], "nothing is left of half a file"
        opened(large, f"npz:{tmp_path / 'a.npz'}", 0)
    finally:
        activity.show_progress_by(None)
    assert {what for what, _ in said} == {"unpacking a.npz", ""}
    parts = [part for _, part in said]
    assert parts == sorted(parts) and len(parts) > 3 and parts[-1] == 1.0


@pytest.mark.parametrize("packed", [True, False], ids=["packed", "plain"])
def test_mnist_has_the_same_rows_from_disk(tmp_path, large, cache, packed):
    small_mnist(tmp_path / "files", packed=packed)
    disk, memory = (
        opened(large, "mnist", n, data_dir=tmp_path / "files") for n in (60_000, 1 << 30)
    )
    for split in memory.splits:
        ours, theirs = disk.split(split), memory.split(split)
        assert isinstance(ours["images"], LazyColumn)
        for name in theirs:
            np.testing.assert_array_equal(
                ours[name].rows(slice(None)), theirs[name].rows(slice(None))
            )


@pytest.mark.thorough
def test_a_packed_idx_file_that_ends_early_or_late_is_damaged(tmp_path, large, cache):
    folder = tmp_path / "files"
    small_mnist(folder)
    images = RNG.integers(0, 256, (5200, 28, 28), np.uint8)
    path = folder / "train-images-idx3-ubyte.gz"
    packed = gzip.compress(idx_bytes(images), 1)
    for content, why in (
        (packed[: len(packed) // 2], "cannot be unpacked"),
        (gzip.compress(idx_bytes(images)[:-5], 1), "fewer bytes"),
        (gzip.compress(idx_bytes(images) + b"12345", 1), "more bytes"),
    ):
        path.write_bytes(content)
        with pytest.raises(DataFormatError, match=why):
            opened(large, "mnist", 60_000, data_dir=folder)


def test_a_damaged_archive_is_one_error(tmp_path, large, cache):
    path = tmp_path / "a.npz"
    np.savez(path, x=RNG.normal(size=(ROWS, 3)))
    with zipfile.ZipFile(path) as archive:
        at = archive.infolist()[0].header_offset
    content = bytearray(path.read_bytes())
    content[at : at + 4] = b"nope"
    path.write_bytes(content)
    with pytest.raises(DataFormatError, match=r"a\.npz cannot be read as \.npz"):
        opened(large, f"npz:{path}", 0)
