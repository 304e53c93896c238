"""Folders of pictures: what is in them, read when needed, and never all at once."""

from __future__ import annotations

import itertools
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nodeflow as nf
from nodeflow.data.catalog import all_rows, dataset_columns, open_dataset, pinned_options, row_texts
from nodeflow.data.errors import DataFormatError, DataNotFound
from nodeflow.data.pictures.files import PictureReader, list_pictures
from nodeflow.data.pictures.pixels import Look, look_of, read_pixels
from nodeflow.data.survey import dataset_statistics, survey
from nodeflow.engine.columns import Column
from nodeflow.engine.runtime import staging
from nodeflow.errors import AttributeProblem
from nodeflow.graph.types import TensorType
from nodeflow.train.loop.event_stream import train
from nodeflow.train.training import Binding, Metric, Training
from tests.data import own_data


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    """The names of the pictures opened, in order."""
    names: list[str] = []
    original = Image.open

    def counting(path, *args, **kwargs):
        names.append(Path(path.name).name)
        return original(path, *args, **kwargs)

    monkeypatch.setattr(Image, "open", counting)
    picture_folder_cache_clear()
    return names


def picture_folder_cache_clear() -> None:
    from nodeflow.data.sources import picture_folder

    for cached in (picture_folder._open, picture_folder.listed, picture_folder._header):
        cached.cache_clear()


def whole(columns) -> dict[str, np.ndarray]:
    return {name: column.rows(slice(None)) for name, column in columns.items()}


def test_classes_are_the_folders_and_pixels_those_of_the_files(tmp_path):
    folder, pixels = own_data.pictures(tmp_path)
    dataset = open_dataset(f"pictures:{folder}", shuffle=False, splits=[1.0])
    assert dataset.columns == {
        "images": TensorType("float32", (None, 12, 10, 3)),
        "labels": TensorType("float32", (None, 3)),
    }
    assert dataset.columns == dataset_columns(f"pictures:{folder}")
    assert dataset.classes == {"labels": ("circles", "lines", "squares")}
    got = whole(dataset.split("train"))
    names = sorted(pixels)
    truth = np.stack([pixels[name] for name in names])
    np.testing.assert_array_equal(got["images"], truth.astype(np.float32) * np.float32(1 / 255))
    kinds = [("circles", "lines", "squares").index(name.split("/")[0]) for name in names]
    np.testing.assert_array_equal(got["labels"], np.eye(3, dtype=np.float32)[kinds])


def test_size_colour_and_layout_can_be_chosen(tmp_path):
    folder, _ = own_data.pictures(tmp_path)
    options = {"size": [6, 5], "color": "grey", "layout": "row", "labels": "class"}
    dataset = open_dataset(f"pictures:{folder}", **options)
    assert dataset.columns == dataset_columns(f"pictures:{folder}", options)
    assert dataset.columns["images"] == TensorType("float32", (None, 30))
    assert dataset.columns["labels"] == TensorType("int64", (None,))
    assert dataset.images == {"images": (6, 5)}
    assert dataset.split("train")["images"].rows([0, 1]).shape == (2, 30)
    with pytest.raises(AttributeProblem, match="a height and a width"):
        open_dataset(f"pictures:{folder}", size=[0, 4])


def test_large_pictures_get_at_most_64_pixels_a_side_unless_told(tmp_path):
    (tmp_path / "a").mkdir()
    Image.new("L", (200, 100), 90).save(tmp_path / "a" / "wide.jpg")
    assert dataset_columns(f"pictures:{tmp_path}")["images"].shape == (None, 32, 64, 1)
    assert dataset_columns(f"pictures:{tmp_path}", {"size": [100]})["images"].shape[1:3] == (
        100,
        100,
    )


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
def test_other_proportions_are_made_to_fit(tmp_path, fit):
    """A wide picture: left half black, right half white."""
    array = np.zeros((10, 40), np.uint8)
    array[:, 20:] = 255
    Image.fromarray(array).save(tmp_path / "x.png")
    got = read_pixels(tmp_path / "x.png", Look(10, 10, False, fit))[:, :, 0]
    if fit == "pad":
        assert not got[:3].any() and not got[-3:].any() and got[5, -1] == 255
    else:
        assert (got[:, 0] == 0).all() and (got[:, -1] == 255).all()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"])
@pytest.mark.parametrize("rgb", [False, True])
def test_pictures_of_every_mode_are_read(tmp_path, mode, rgb):
    if mode == "I;16":
        image = Image.fromarray(np.full((4, 4), 65535, np.uint16))
    else:
        image = Image.new("RGB", (4, 4), "white").convert(mode)
    path = tmp_path / ("x.tif" if mode == "CMYK" else "x.png")
    image.save(path)
    got = read_pixels(path, Look(4, 4, rgb))
    assert got.shape == (4, 4, 3 if rgb else 1) and (got >= 254).all()


def test_transparent_parts_are_white_and_cameras_lying_on_their_side_are_turned(tmp_path):
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (read_pixels(tmp_path / "clear.png", Look(4, 4, False)) == 255).all()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (8, 4), 10).save(tmp_path / "side.jpg", exif=exif)
    assert look_of(tmp_path / "side.jpg")[:2] == (8, 4)


def test_folders_of_splits_lie_above_those_of_classes(tmp_path):
    for split, kind, count in (
        ("train", "cat", 5), ("train", "dog", 4), ("test", "cat", 2), ("test", "dog", 1),
        ("val", "dog", 2),
    ):  # fmt: skip
        place = tmp_path / split / kind
        place.mkdir(parents=True)
        for i in range(count):
            Image.new("L", (8, 8), 20 * i).save(place / f"{i}.png")
    dataset = open_dataset(f"pictures:{tmp_path}")
    assert {s: dataset.size(s) for s in dataset.splits} == {"train": 9, "validation": 2, "test": 3}
    assert dataset.classes["labels"] == ("cat", "dog")
    labels = dataset.split("test")["labels"].rows(slice(None))
    assert labels.tolist() == [[1, 0], [1, 0], [0, 1]]


def test_a_flat_folder_and_a_single_picture_have_no_labels(tmp_path):
    for i in range(3):
        Image.new("L", (8, 8), 50 * i).save(tmp_path / f"{i}.png")
    (tmp_path / "notes.txt").write_text("x")
    assert list(open_dataset(f"pictures:{tmp_path}").columns) == ["images"]
    one = all_rows(f"pictures:{tmp_path / '1.png'}")
    assert one.split("all")["images"].rows([0]).max() == np.float32(50) * np.float32(1 / 255)


@pytest.mark.parametrize(
    ("files", "error", "message"),
    [
        ([], DataNotFound, r"no pictures in .*Pictures end with \.png"),
        (["a/x.png", "y.png"], DataFormatError, r"y\.png lies beside the folders"),
    ],
)
def test_folders_that_are_none_of_pictures_are_refused(tmp_path, files, error, message):
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("L", (8, 8)).save(tmp_path / name)
    with pytest.raises(error, match=message):
        open_dataset(f"pictures:{tmp_path}")


def test_a_second_folder_keeps_the_numbers_of_the_classes(tmp_path):
    folder, _ = own_data.pictures(tmp_path)
    options = pinned_options(f"pictures:{folder}", {})
    assert options == {
        "size": [12, 10],
        "color": "rgb",
        "classes": ["circles", "lines", "squares"],
    }
    second = tmp_path / "second"
    (second / "squares").mkdir(parents=True)
    Image.new("L", (30, 30), 7).save(second / "squares" / "a.png")
    dataset = open_dataset(f"pictures:{second}", **options)
    assert dataset.columns["images"].shape == (None, 12, 10, 3)
    assert dataset.split("train")["labels"].rows([0]).tolist() == [[0, 0, 1]]
    (second / "stars").mkdir()
    Image.new("L", (30, 30), 7).save(second / "stars" / "a.png")
    picture_folder_cache_clear()
    with pytest.raises(
        DataFormatError, match=r"'stars' is a class that is not known.*Known are ci"
    ):
        open_dataset(f"pictures:{second}", **options)
    assert list(all_rows(f"pictures:{second}", **options).columns) == ["images"]


# ---- laziness --------------------------------------------------------------------------------


def test_only_what_is_needed_is_opened(tmp_path, opened):
    folder, pixels = own_data.pictures(tmp_path, each=40)
    opened.clear()
    dataset_columns(f"pictures:{folder}")
    assert len(opened) == 1, "the header of the first"
    dataset = open_dataset(f"pictures:{folder}")
    assert len(opened) == 1
    images = dataset.split("train")["images"]
    assert images.nbytes < 8 * len(pixels) + 1
    images.part(3, 9).rows(slice(None))
    images.rows([3, 4])
    assert len(opened) == 7, "six pictures; those read before are kept"


@pytest.mark.thorough
def test_memory_is_bounded_whatever_the_number_of_pictures(tmp_path):
    folder, _ = own_data.pictures(tmp_path, each=60)
    listing = list_pictures(folder)
    look = Look(64, 64, True)
    bound = 20 * 64 * 64 * 3
    reader = PictureReader(listing, look, kept_bytes=bound)
    reader(np.arange(2))  # imports and threads
    tracemalloc.start()
    for start in range(0, len(listing), 10):
        reader(np.arange(start, start + 10))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert reader.kept_bytes == bound < len(listing) * 64 * 64 * 3
    assert peak < bound + 4 * 10 * 64 * 64 * 3
    again = reader(np.array([0, 179, 3]))
    for number, got in zip((0, 179, 3), again, strict=True):
        np.testing.assert_array_equal(got, read_pixels(listing.path(number), look))


def test_a_broken_picture_is_named_when_it_is_read(tmp_path):
    folder, pixels = own_data.pictures(tmp_path)
    name = sorted(pixels)[5]
    raw = (folder / name).read_bytes()
    (folder / name).write_bytes(raw[: len(raw) // 2])
    dataset = open_dataset(f"pictures:{folder}", shuffle=False, splits=[1.0])
    images = dataset.split("train")["images"]
    images.rows([0, 1])
    with pytest.raises(DataFormatError, match=f"{Path(name).name} is damaged"):
        images.rows(slice(None))


# ---- training --------------------------------------------------------------------------------


def network(side: tuple[int, int, int], classes: int) -> nf.Graph:
    graph = nf.Graph()
    size = int(np.prod(side))
    with graph:
        x = nf.placeholder("float32", [None, *side], name="x")
        y = nf.placeholder("float32", [None, classes], name="y")
        w = nf.variable(np.zeros((size, classes), np.float32), name="w")
        logits = nf.matmul(nf.reshape(x, shape=[-1, size]), w)
        losses = nf.softmax_cross_entropy_with_logits(y, logits)
        loss = nf.reduce_mean(losses, name="loss")
        nf.accuracy(y, logits, name="accuracy")
        nf.gradient_descent(loss, learning_rate=0.3, name="train")
    return graph


@pytest.mark.parametrize("tier", ["reference", "compiled"])
def test_training_reads_lazily_and_has_the_bits_of_a_column_in_memory(tmp_path, tier, monkeypatch):
    folder, _ = own_data.pictures(tmp_path, each=40)
    lazy = open_dataset(f"pictures:{folder}", split="stratified")
    splits = {
        split: {
            name: Column(column.stored(slice(None)), column.dtype, column.scale, column.depth)
            for name, column in columns.items()
        }
        for split, columns in lazy.splits.items()
    }
    monkeypatch.setattr(staging, "STAGED_BYTES", 2 * 3 * 16 * 12 * 10 * 3)  # three steps a block
    found = []
    for dataset in (lazy, replace(lazy, splits=splits)):
        graph = network((12, 10, 3), 3)
        session = nf.Session(graph, tier=tier)
        session.initialize()
        bindings = {
            graph.tensor("x"): Binding(dataset, "images"),
            graph.tensor("y"): Binding(dataset, "labels"),
        }
        training = Training(
            graph.node("train"), graph.tensor("loss"), bindings=bindings, epochs=3, batch_size=16,
            metrics=(Metric(graph.tensor("accuracy"), "test", key="accuracy"),), seed=1,
        )  # fmt: skip
        events = list(train(session, training))
        losses = [e.losses for e in events if type(e).__name__ == "Steps"]
        found.append((np.concatenate(losses), session.variables["w"], events[-1].metrics))
    (losses, w, metrics), (truth, other, same) = found
    assert len(losses) == 3 * (lazy.size("train") // 16)
    np.testing.assert_array_equal(losses, truth)
    np.testing.assert_array_equal(w, other)
    assert metrics == same and losses[-1] < losses[0]


def test_the_cheap_statistics_are_those_of_all_pixels(tmp_path):
    folder, _ = own_data.pictures(tmp_path)
    dataset = open_dataset(f"pictures:{folder}")
    found = dataset_statistics(f"pictures:{folder}")
    train_pixels = dataset.split("train")["images"].rows(slice(None))
    assert list(found) == ["images"]
    assert found["images"][0] == pytest.approx(train_pixels.mean(), rel=1e-5)
    assert found["images"][1] == pytest.approx(train_pixels.std(), rel=1e-5)


# ---- survey ----------------------------------------------------------------------------------


def test_a_survey_counts_classes_and_guesses_the_size(tmp_path):
    folder, pixels = own_data.pictures(tmp_path)
    found = survey(folder)
    assert (found.kind, found.rows, found.classes) == (
        "pictures",
        len(pixels),
        ("circles", "lines", "squares"),
    )
    picture, kind = found.columns
    assert (picture.kind, picture.shape) == ("picture", (12, 10, 3))
    assert dict(kind.categories) == {"circles": 10, "lines": 10, "squares": 10}
    assert found.guess.task == "pictures" and found.guess.options["size"] == [12, 10]
    assert {kind for _, kind in found.head} == {"circles", "lines", "squares"}
    dataset = open_dataset(found.source, **found.guess.options)
    assert dataset.columns == dataset_columns(found.source, found.guess.options)
    name = sorted(pixels)[0]
    (folder / name).write_bytes(b"no picture")
    notice = survey(folder).notice
    assert notice and "is a broken one" in notice and Path(name).name in notice


def test_every_picture_has_its_name_and_class_as_text(tmp_path):
    folder, pixels = own_data.pictures(tmp_path)
    names, rows = row_texts(f"pictures:{folder}")
    assert names == ("file", "class")
    assert [name for name, _ in itertools.islice(rows, 3)] == sorted(pixels)[:3]
