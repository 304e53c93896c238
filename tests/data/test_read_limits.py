"""Files that take more than they say, or never end: refused in words, before memory is taken."""

from __future__ import annotations

import gzip
import io
import os
import struct
import threading
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest

from nodeflow import file_reading
from nodeflow.cli.option_values import read_feed
from nodeflow.data import text_encoding
from nodeflow.data.catalog import dataset_columns, open_dataset, source_at
from nodeflow.data.errors import DataFormatError
from nodeflow.data.idx import read_idx
from nodeflow.data.pictures.pixels import Look, look_of, read_pixels
from nodeflow.data.survey import survey
from nodeflow.errors import FileProblem, NodeflowError, ReadRefused
from nodeflow.file_reading import (
    ReadLimit,
    allow,
    current_limit,
    limited,
    parse_bytes,
    physical_memory,
    read_bytes,
)
from nodeflow.graph.types import TensorType
from nodeflow.train.saving.weights import load_weights, save_weights

GB = 1 << 30
MOST_TAKEN = 100 << 20
"""What refusing may take, in Python's and numpy's own allocations."""


@pytest.fixture
def preview():
    """The limit of previews, and that nothing large is allocated meanwhile."""
    tracemalloc.start()
    with limited(current_limit().for_preview()):
        yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MOST_TAKEN


def npy_header(shape, dtype="<f4"):
    out = io.BytesIO()
    described = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(out, described)
    return out.getvalue()


def npz_of_zeros(path, count, name="x.npy"):
    """An archive that packs ``count`` zero bytes."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(name, "w", force_zip64=True) as member,
    ):
        member.write(npy_header((count // 784, 784), "|u1"))
        block = bytes(1 << 20)
        left = count // 784 * 784
        while left:
            member.write(block[: min(left, len(block))])
            left -= min(left, len(block))


def png_header(width, height, tail=1300):
    """A picture of one bit a pixel, of which only the header is there."""

    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(tail * 300)))
    )


# ---- more than the limit ------------------------------------------------------------------------


@pytest.mark.thorough
def test_an_npz_of_a_megabyte_that_unpacks_to_a_gigabyte(tmp_path, preview):
    path = tmp_path / "bomb.npz"
    npz_of_zeros(path, GB)
    assert path.stat().st_size < 1.2e6
    for read in (lambda: open_dataset(f"npz:{path}"), lambda: survey(path)):
        with pytest.raises(ReadRefused, match=r"bomb.npz takes .* a preview may take 1 GB"):
            read()
    assert dataset_columns(f"npz:{path}")["x"].shape == (None, 784)  # its header tells


@pytest.mark.parametrize("shape", [(2**45,), (2**45, 0), (2**62, 2**62), (2**40, 28, 28)])
def test_an_npz_header_that_promises_terabytes(tmp_path, preview, shape):
    path = tmp_path / "huge.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", npy_header(shape) + bytes(100))
    with pytest.raises((ReadRefused, DataFormatError), match=r"takes|announces"):
        open_dataset(f"npz:{path}")
    with pytest.raises((ReadRefused, DataFormatError), match=r"takes|announces"):
        survey(path)


@pytest.mark.parametrize("shape", [(2**45,), (2**45, 0), (2**62, 2**62)])
def test_an_npy_header_that_promises_terabytes(tmp_path, preview, shape):
    path = tmp_path / "huge.npy"
    path.write_bytes(npy_header(shape) + bytes(100))
    for read in (open_dataset, dataset_columns):
        with pytest.raises((ReadRefused, DataFormatError), match=r"takes|announces|no rows"):
            read(f"npy:{path}")
    with pytest.raises(NodeflowError, match=r"takes|announces"):
        read_feed("x", "@huge.npy", TensorType("float32", (None,)), tmp_path, False)


def test_a_sparse_npy_is_mapped_and_only_its_rows_count(tmp_path, preview):
    path = tmp_path / "sparse.npy"
    path.write_bytes(npy_header((1000, 1 << 22)))
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size + (1000 << 24))  # 16 GB without a block
    opened = open_dataset(f"npy:{path}")
    assert opened.split("train")["features"].rows([3])[0, :3].tolist() == [0, 0, 0]
    with pytest.raises(ReadRefused, match=r"takes .* a preview may take"):
        opened.split("train")["features"].rows(np.arange(100))


def test_a_picture_of_a_kilobyte_and_billions_of_pixels(tmp_path, preview):
    folder = tmp_path / "pictures"
    folder.mkdir()
    path = folder / "bomb.png"
    path.write_bytes(png_header(60_000, 32_000))
    assert path.stat().st_size < 1400
    for read in (
        lambda: look_of(path),
        lambda: read_pixels(path, Look(28, 28, False)),
        lambda: open_dataset(f"pictures:{folder}"),
        lambda: survey(folder),
        lambda: read_feed("x", "@bomb.png", TensorType("float32", (None, 784)), folder, False),
    ):
        with pytest.raises(ReadRefused, match=r"bomb.png has more than 178 million pixels"):
            read()


def test_a_picture_below_the_bound_of_pixels_is_judged_by_the_limit(tmp_path, preview):
    path = tmp_path / "large.png"
    path.write_bytes(png_header(10_000, 15_000))
    with pytest.raises(ReadRefused, match=r"large.png takes 1.8 GB"):
        read_pixels(path, Look(28, 28, False))


def packed_idx(shape, elements):
    head = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
    packer = zlib.compressobj(9, wbits=31)
    out = packer.compress(head)
    block = bytes(1 << 20)
    while elements:
        out += packer.compress(block[: min(elements, len(block))])
        elements -= min(elements, len(block))
    return out + packer.flush()


def test_a_packed_idx_of_two_gigabytes(tmp_path, preview):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(struct.pack(">HBB3I", 0, 8, 3, 2_700_000, 28, 28) + bytes(9)))
    with pytest.raises(ReadRefused, match=r"bomb.gz takes 2.1 GB"):
        read_idx(path, 3)


@pytest.mark.thorough
def test_a_packed_idx_stops_where_its_header_says(tmp_path, preview):
    path = tmp_path / "longer.gz"
    path.write_bytes(packed_idx((10, 28, 28), 100 << 20))
    with pytest.raises(DataFormatError, match=r"announces 10 x 28 x 28 bytes, but more follow"):
        read_idx(path, 3)


@pytest.mark.thorough
def test_a_table_is_counted_while_it_is_read(tmp_path):
    path = tmp_path / "table.csv"
    rows = np.random.default_rng(1).integers(0, 9, (20_000, 20))
    np.savetxt(path, rows, "%d", ",")
    open_dataset(f"csv:{path}", features=["0"], label_kind="none")
    path.touch()
    os.utime(path, ns=(1, 1))
    with limited(ReadLimit(2_000_000)), pytest.raises(ReadRefused, match=r"takes .* may take 2 MB"):
        open_dataset(f"csv:{path}")


def test_a_table_is_judged_by_its_first_rows_before_it_is_decoded(tmp_path, monkeypatch):
    path = tmp_path / "large.csv"
    path.write_text("a,b\n" + "1,2\n" * 1_000_000)
    decoded = []
    whole = text_encoding._decodes
    monkeypatch.setattr(
        text_encoding, "_decodes", lambda *given: decoded.append(given[2]) or whole(*given)
    )
    with limited(ReadLimit(2_000_000)), pytest.raises(ReadRefused, match=r"large.csv takes 16 MB"):
        open_dataset(f"csv:{path}")
    assert decoded and None not in decoded


def test_a_table_with_a_line_of_a_million_columns(tmp_path, preview):
    path = tmp_path / "wide.csv"
    path.write_text("," * (4 << 20) + "\n1,2\n")
    with pytest.raises(ReadRefused, match=r"wide.csv takes 4.2 GB"):
        dataset_columns(f"csv:{path}")


@pytest.mark.thorough
def test_a_series_with_windows_of_a_billion_rows(tmp_path, preview):
    path = tmp_path / "series.csv"
    path.write_text("a,b\n" + "".join(f"{n},{n}\n" for n in range(20_000)))
    with pytest.raises(ReadRefused, match=r"series.csv takes"):
        open_dataset(f"csv:{path}", window=10**9)
    with pytest.raises(ReadRefused, match=r"series.csv takes"):
        open_dataset(f"csv:{path}", window=3, horizon=10**12)


@pytest.mark.thorough
def test_a_text_with_more_pairs_than_fit(tmp_path, preview):
    path = tmp_path / "text.txt"
    path.write_text("a b c d " * 10_000)
    with pytest.raises(ReadRefused, match=r"takes .* a preview may take"):
        open_dataset(f"text:{path}", window=10**6)


def test_weights_above_the_limit(tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(path, {"W": np.zeros(500_000, np.float32)})
    assert load_weights(path)["W"].shape == (500_000,)
    with (
        limited(ReadLimit(3_000_000)),
        pytest.raises(ReadRefused, match=r"w.safetensors takes 4 MB"),
    ):
        load_weights(path)


# ---- no regular file ----------------------------------------------------------------------------


def readers(path):
    """Everything that reads a file, by the ending that it wants."""
    weights = path.with_suffix(".safetensors")
    return {
        ".csv": [lambda p: open_dataset(f"csv:{p}"), lambda p: dataset_columns(f"csv:{p}"), survey],
        ".npy": [lambda p: open_dataset(f"npy:{p}"), lambda p: dataset_columns(f"npy:{p}"), survey],
        ".npz": [lambda p: open_dataset(f"npz:{p}"), lambda p: dataset_columns(f"npz:{p}"), survey],
        ".txt": [lambda p: open_dataset(f"text:{p}")],
        ".png": [
            lambda p: open_dataset(f"pictures:{p}"),
            lambda p: read_pixels(p, Look(8, 8, False)),
            look_of,
        ],
        ".gz": [lambda p: read_idx(p, 3)],
        weights.suffix: [load_weights],
        ".feed.csv": [
            lambda p: read_feed("x", f"@{p}", TensorType("float32", (None,)), p.parent, False)
        ],
    }


ENDINGS = sorted(readers(file_reading.Path("x")))


def irregular(tmp_path, kind, ending):
    path = tmp_path / f"data{ending}"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to({"zero": "/dev/zero", "proc": "/proc/self/maps"}[kind])
    return path


WORDS = {"pipe": "a pipe", "zero": "a device", "proc": r"generated by the system \(proc\)"}


@pytest.mark.parametrize("kind", sorted(WORDS))
@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_no_regular_file_is_refused_in_words(tmp_path, kind, ending, preview):
    path = irregular(tmp_path, kind, ending)
    for read in readers(path)[ending]:
        with pytest.raises(NodeflowError, match=f"is {WORDS[kind]}, not a regular file") as caught:
            read(path)
        assert isinstance(caught.value, (ReadRefused, FileProblem))
        assert "--any-file" in caught.value.text("cli")


def test_a_text_that_is_a_pipe_is_no_table(tmp_path, preview):
    assert source_at(str(irregular(tmp_path, "pipe", ".txt"))).startswith("tokens:")


def test_a_pipe_among_pictures_is_named(tmp_path, preview):
    from PIL import Image

    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.new("L", (8, 8)).save(tmp_path / name / "1.png")
    os.mkfifo(tmp_path / "b" / "2.png")
    images = open_dataset(f"pictures:{tmp_path}", splits=[1]).split("train")["images"]
    with pytest.raises(ReadRefused, match=r"2.png is a pipe"):
        images.rows(np.arange(len(images)))


def test_where_the_user_allows_any_file_a_pipe_is_read_once(tmp_path):
    path = irregular(tmp_path, "pipe", ".csv")
    text = "a,b\n" + "".join(f"{n},{n % 2}\n" for n in range(200))
    writer = threading.Thread(target=lambda: path.write_text(text))
    writer.start()
    with limited(ReadLimit(10**9, any_file=True)):
        assert open_dataset(f"csv:{path}").size("train") > 100
        assert dataset_columns(f"csv:{path}")["features"].shape == (None, 1)
    writer.join()


def test_any_file_still_ends_at_the_limit(tmp_path):
    path = irregular(tmp_path, "zero", ".npy")
    with (
        limited(ReadLimit(5_000_000, any_file=True)),
        pytest.raises(ReadRefused, match=r"takes .* may take 5 MB"),
    ):
        open_dataset(f"npy:{path}")


# ---- the limit ----------------------------------------------------------------------------------


def test_the_default_is_half_of_the_memory(monkeypatch):
    monkeypatch.setattr(file_reading, "_process", [])
    file_reading.default_limit.cache_clear()
    monkeypatch.delenv(file_reading.LIMIT_VARIABLE, raising=False)
    assert current_limit() == ReadLimit(physical_memory() // 2)
    assert current_limit().for_preview() == ReadLimit(10**9, preview=True)
    file_reading.default_limit.cache_clear()
    monkeypatch.setenv(file_reading.LIMIT_VARIABLE, "64MB")
    monkeypatch.setenv(file_reading.ANY_FILE_VARIABLE, "1")
    assert current_limit() == ReadLimit(64_000_000, any_file=True)
    assert current_limit().for_preview().bytes == 64_000_000
    file_reading.default_limit.cache_clear()


def test_sizes_are_read_as_people_write_them():
    assert [parse_bytes(t) for t in ("800MB", "4 GB", "1.5gb", "2000000")] == [
        800_000_000, 4_000_000_000, 1_500_000_000, 2_000_000,
    ]  # fmt: skip
    for text in ("", "GB", "4 cows", "1kB", "-3GB", "inf", "nan"):
        with pytest.raises(ValueError):
            parse_bytes(text)


def test_a_file_is_read_as_far_as_its_size_says(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    assert read_bytes(path) == b"abc"
    with pytest.raises(FileNotFoundError):
        read_bytes(tmp_path / "none")
    with limited(ReadLimit(10)), pytest.raises(ReadRefused, match="the thing takes 11 B"):
        allow(11, "the thing")
