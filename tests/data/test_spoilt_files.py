"""Readers of files: whatever the bytes are, errors are typed, and memory stays within the limit."""

from __future__ import annotations

import gzip
import io
import json
import os
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nodeflow.cli.option_values import read_feed
from nodeflow.data.array_files import opened_npz, read_npy
from nodeflow.data.catalog import dataset_columns, open_dataset
from nodeflow.data.idx import read_idx
from nodeflow.data.pictures.pixels import Look, look_of, read_pixels
from nodeflow.data.survey import survey
from nodeflow.document.edit import commands
from nodeflow.document.io.embedded_graph import load_picture, with_text_in_png, with_text_in_svg
from nodeflow.document.io.flow import dumps
from nodeflow.document.io.journal import Journal, pending, recover
from nodeflow.document.model.document import Document
from nodeflow.errors import NodeflowError
from nodeflow.file_reading import ReadLimit, limited
from nodeflow.graph.types import TensorType
from nodeflow.train.saving.weights import load_saved, save_weights
from tests.data.byte_mutations import mutant
from tests.volumes import is_nightly, seeds

USUAL, BATCH = 60, 5_000
NUMBERS = seeds("inputs of a reader") if is_nightly() else range(USUAL)
"""Those of the spoilt files of each reader; a hundredth would take ten minutes."""
STARTS = range(NUMBERS.start, NUMBERS.stop, BATCH)
CORPUS = Path(__file__).parent / "spoilt"
"""Findings: files that raised something else once."""
MATRIX = TensorType("float32", (None, 4))
Reader = Callable[[Path], object]


def npy() -> bytes:
    out = io.BytesIO()
    np.save(out, np.arange(40, dtype=np.float32).reshape(10, 4))
    return out.getvalue()


def npz(save=np.savez) -> bytes:
    out = io.BytesIO()
    save(out, x_train=np.ones((6, 4), np.float32), y_train=np.arange(6) % 3,
         x_test=np.zeros((3, 4), np.float32), y_test=np.arange(3))  # fmt: skip
    return out.getvalue()


def csv() -> bytes:
    rows = "".join(f"{n},{n}.5,{'abc'[n % 3]},2021-0{n % 9 + 1}-03\n" for n in range(12))
    return b"\xef\xbb\xbfid,size,kind,day\n" + rows.encode()


def series() -> bytes:
    return "sep=;\n# a comment\nTag;Wert\n".encode("cp1252") + b"".join(
        b"%d.1.2021;%d,5\r\n" % (n, n) for n in range(1, 28)
    )


def text() -> bytes:
    return "Wer, wie, was?\nDér, die, das!\n".encode() * 9


def idx() -> bytes:
    return struct.pack(">HBB3I", 0, 8, 3, 5, 4, 4) + bytes(80)


def picture(kind: str, mode: str = "RGB", **more) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    shape = {"L": (9, 7), "RGB": (9, 7, 3), "RGBA": (9, 7, 4)}.get(mode, (9, 7, 3))
    values = np.random.default_rng(1).integers(0, 255, shape).astype(np.uint8)
    image = Image.fromarray(values)
    (image.convert("P") if mode == "P" else image).save(out, kind, **more)
    return out.getvalue()


def exif_jpeg() -> bytes:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    return picture("JPEG", exif=exif.tobytes())


def graph() -> Document:
    document = Document()
    a = commands.add_node(document, "constant", (0, 0), "a", {"value": [1.0, 2.0]})
    b = commands.add_node(document, "relu", (9, 0), "b")
    commands.connect(document, a, "out", b, "x")
    return document


def weights() -> bytes:
    path = Path(os.environ["PYTEST_SCRATCH"]) / "w.safetensors"
    save_weights(
        path,
        {"W": np.ones((3, 2), np.float32), "b": np.zeros(2, np.complex64)},
        {"W": ("n1", "W"), "b": ("n2", "b")},
    )
    return path.read_bytes()


def png_with_graph() -> bytes:
    return with_text_in_png(picture("PNG"), dumps(graph()))


def svg_with_graph() -> bytes:
    return with_text_in_svg('<svg xmlns="x"></svg>', dumps(graph())).encode()


def journal() -> bytes:
    document = graph()
    kept = Journal(document, Path(os.environ["PYTEST_SCRATCH"]))
    for number in range(5):
        commands.move(document, {next(iter(document.nodes)): (number, number)})
    path = kept.path
    assert path is not None
    while not kept.is_on_disk:
        time.sleep(0.01)
    content = path.read_bytes()
    kept.close()
    return content


def old_journal() -> bytes:
    document = graph()
    changes = []
    document.subscribe(lambda change: changes.append(change.text))
    header = {"journal": 1, "path": "/tmp/x.flow", "started": 1.0, "revision": 1}
    header["base"] = dumps(document)
    commands.move(document, {next(iter(document.nodes)): (3, 4)})
    return "\n".join([json.dumps(header), *changes, ""]).encode()


def rows(source: str) -> Reader:
    def read(path: Path) -> object:
        dataset_columns(f"{source}:{path}")
        opened = open_dataset(f"{source}:{path}")
        for split in opened.splits:
            for column in opened.split(split).values():
                column.rows(np.arange(min(3, len(column))))
        return opened

    return read


def feed(path: Path) -> object:
    key = ":x_train" if path.suffix == ".npz" else ""
    return read_feed("x", f"@{path}{key}", MATRIX, path.parent, False)


def feed_picture(path: Path) -> object:
    return read_feed(
        "x", f"@{path}", TensorType("float32", (None, 64)), path.parent, False, "mnist"
    )


def arrays(path: Path) -> object:
    with opened_npz(path) as archive:
        return archive.read(archive.keys)


def pixels(path: Path) -> object:
    look_of(path)
    return read_pixels(path, Look(6, 6, True, "pad"))


def left(path: Path) -> object:
    return pending(path.parent)


READERS: dict[str, tuple[str, Callable[[], bytes], list[Reader]]] = {
    "npy": ("x.npy", npy, [read_npy, rows("npy"), survey, feed]),
    "npz": ("x.npz", npz, [arrays, rows("npz"), survey, feed]),
    "packed npz": ("x.npz", lambda: npz(np.savez_compressed), [arrays, rows("npz"), survey]),
    "csv": ("x.csv", csv, [rows("csv"), survey]),
    "numbers": ("x.csv", lambda: b"1,2,3,4\n5,6,7,8.5\n", [feed, rows("csv")]),
    "series": ("x.csv", series, [rows("csv"), survey]),
    "text": ("x.txt", lambda: b"the quick brown fox\njumps over it\n" * 9, [rows("text")]),
    "tokens": ("x.txt", text, [rows("tokens"), survey]),
    "idx": ("x.idx", idx, [lambda path: read_idx(path, 3)]),
    "packed idx": ("x.gz", lambda: gzip.compress(idx()), [lambda path: read_idx(path, 3)]),
    "png": ("x.png", lambda: picture("PNG"), [pixels, rows("pictures"), feed_picture]),
    "grey png": ("x.png", lambda: picture("PNG", "L"), [pixels, feed_picture]),
    "palette": ("x.png", lambda: picture("PNG", "P"), [pixels, feed_picture]),
    "clear png": ("x.png", lambda: picture("PNG", "RGBA"), [pixels, feed_picture]),
    "jpeg": ("x.jpg", exif_jpeg, [pixels, feed_picture]),
    "bmp": ("x.bmp", lambda: picture("BMP"), [pixels, feed_picture]),
    "gif": ("x.gif", lambda: picture("GIF"), [pixels, feed_picture]),
    "webp": ("x.webp", lambda: picture("WEBP", lossless=True), [pixels]),
    "tiff": ("x.tiff", lambda: picture("TIFF"), [pixels]),
    "packed tiff": ("x.tiff", lambda: picture("TIFF", compression="tiff_lzw"), [pixels]),
    "weights": ("x.safetensors", weights, [load_saved]),
    "graph in png": ("x.png", png_with_graph, [load_picture]),
    "graph in svg": ("x.svg", svg_with_graph, [load_picture]),
    "journal": ("x.journal", journal, [recover, left]),
    "old journal": ("x.journal", old_journal, [recover, left]),
}


pytestmark = pytest.mark.filterwarnings("ignore")  # what Pillow says of damaged notes


@pytest.fixture(autouse=True)
def small_limit(tmp_path, monkeypatch):
    """No spoilt file may take more than 64 MB."""
    monkeypatch.setenv("PYTEST_SCRATCH", str(tmp_path))
    with limited(ReadLimit(64_000_000, preview=True)):
        yield


def check(path: Path, readers: list[Reader], note: str) -> int:
    """Read a file in all ways; returns how many readers took it."""
    good = 0
    for read in readers:
        try:
            read(path)
            good += 1
        except NodeflowError as error:
            text = str(error)
            assert text and "Traceback" not in text
        except Exception as error:
            error.add_note(note)
            raise
    return good


def check_spoilt(path: Path, original: bytes, readers: list[Reader], first: int, kind: str) -> None:
    """Write a file as it is, then a batch of its mutants, and read each in all ways."""
    path.write_bytes(original)
    assert check(path, readers, f"{kind} as it is") == len(readers)
    for number in range(first, min(first + BATCH, NUMBERS.stop)):
        path.unlink()  # another file: nothing that is remembered of the last one counts
        path.write_bytes(mutant(original, number))
        os.utime(path, ns=(number, number))
        check(path, readers, f"byte_mutations.mutant of {kind}, number {number}")


@pytest.mark.sample(9)
@pytest.mark.parametrize("first", STARTS)
@pytest.mark.parametrize("kind", READERS)
def test_spoilt_bytes_raise_typed_errors(tmp_path, kind, first):
    name, make, readers = READERS[kind]
    check_spoilt(tmp_path / name, make(), readers, first, kind)


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*")), ids=lambda path: path.name)
def test_what_was_found_raises_typed_errors(tmp_path, path):
    """A file is called KIND.WHAT."""
    name, _, readers = READERS[path.name.partition(".")[0].replace("_", " ")]
    copy = tmp_path / name
    copy.write_bytes(path.read_bytes())
    assert check(copy, readers, path.name) < len(readers)


def test_ways_of_packing_that_unpack_without_a_limit_are_refused(tmp_path):
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("x.npy", npy())
    with pytest.raises(NodeflowError, match="packed in a way that numpy does not use"):
        arrays(path)
