"""Texts that ops take apart: pictures, numbers and examples, from files, feeds and data sets.

TensorFlow 2.21.0 gives the same arrays: PNG exactly but for grey made of colours (1 level), and
JPEG exactly with ``dct_method="INTEGER_ACCURATE"``; its faster default differs by up to 11 levels.
"""

from __future__ import annotations

import gc
import io
import weakref
from typing import Any

import numpy as np
import pytest
from PIL import Image

import nodeflow.tensorflow1 as tf
from nodeflow.document.model.errors import NotInFile
from nodeflow.errors import DtypeError, FileProblem, GraphError, RunError

BLOCKS = np.random.RandomState(0).randint(0, 255, (6, 5, 4))
PIXELS = np.kron(BLOCKS, np.ones((3, 3, 1))).astype("uint8")
SMOOTH = np.add.outer(np.arange(16), 3 * np.arange(12)).astype("uint8")


@pytest.fixture(autouse=True)
def graph() -> Any:
    with tf.Graph().as_default() as graph:
        yield graph


def run(fetches: Any, feeds: Any = None) -> Any:
    with tf.Session() as session:
        return session.run(fetches, feeds)


def written(array: np.ndarray, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_png_file_has_the_pixels_that_it_was_made_of(channels: int) -> None:
    pixels = PIXELS[..., :channels] if channels > 1 else PIXELS[..., 0]
    text = written(pixels, "PNG")
    decoded = tf.image.decode_png(text)
    wanted = pixels.reshape(18, 15, channels)
    np.testing.assert_array_equal(run(decoded), wanted)
    assert decoded.shape == (None, None, None)
    asked = tf.image.decode_image(text, channels=channels)
    np.testing.assert_array_equal(run(asked), wanted)
    assert asked.shape == (None, None, channels)


def test_channels_are_added_and_left_out() -> None:
    grey, colours = written(PIXELS[..., 0], "PNG"), written(PIXELS, "PNG")
    np.testing.assert_array_equal(run(tf.image.decode_png(grey, 3))[..., 2], PIXELS[..., 0])
    np.testing.assert_array_equal(run(tf.image.decode_png(colours, 3)), PIXELS[..., :3])
    luma = PIXELS[..., :3] @ [0.299, 0.587, 0.114]
    np.testing.assert_allclose(run(tf.image.decode_png(colours, 1))[..., 0], luma, atol=1)
    file = io.BytesIO()
    Image.fromarray(PIXELS[..., :3]).quantize(255).save(file, "PNG")
    assert run(tf.image.decode_png(file.getvalue())).shape == (18, 15, 3)


def test_jpeg_bmp_and_gif_are_read() -> None:
    grey = written(SMOOTH, "JPEG", quality=95)
    np.testing.assert_allclose(run(tf.image.decode_jpeg(grey))[..., 0], SMOOTH, atol=3)
    assert run(tf.image.decode_jpeg(grey, channels=3)).shape == (16, 12, 3)
    colours = written(PIXELS[..., :3], "BMP")
    np.testing.assert_array_equal(run(tf.image.decode_bmp(colours)), PIXELS[..., :3])
    frames = [Image.fromarray(np.full((4, 5), level, "uint8")) for level in (0, 255)]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    found = run(tf.image.decode_gif(file.getvalue()))
    assert found.shape == (2, 4, 5, 3) and found[0].max() == 0 and found[1].min() == 255


def test_pixels_become_files_again(tmp_path) -> None:
    text = tf.image.encode_png(tf.constant(PIXELS))
    assert isinstance(run(text), bytes) and run([{"a": text}])[0]["a"][:4] == b"\x89PNG"
    np.testing.assert_array_equal(run(tf.image.decode_png(text)), PIXELS)
    picture = tf.image.encode_jpeg(tf.constant(SMOOTH[..., None]), quality=95)
    np.testing.assert_allclose(run(tf.image.decode_jpeg(picture))[..., 0], SMOOTH, atol=3)
    (tmp_path / "one.png").write_bytes(run(text))
    name = tf.placeholder(tf.string, name="name")
    content = tf.read_file(name)
    decoded = tf.io.decode_png(content)
    found = run([content, decoded], {name: str(tmp_path / "one.png")})
    assert found[0] == (tmp_path / "one.png").read_bytes()
    np.testing.assert_array_equal(found[1], PIXELS)


def test_numbers_are_taken_from_their_bytes() -> None:
    text = tf.placeholder(tf.string, [])
    bytes_ = bytes(range(1, 9))
    np.testing.assert_array_equal(
        run(tf.decode_raw(text, tf.int16), {text: bytes_}), [0x0201, 0x0403, 0x0605, 0x0807]
    )
    big = tf.decode_raw(tf.constant("abcd"), tf.int32, little_endian=False)
    np.testing.assert_array_equal(run(big), [0x61626364])
    assert run(text, {text: "ä"}) == "ä".encode()
    with pytest.raises(RunError, match="8 bytes are no whole number of"):
        run(tf.decode_raw(text, tf.complex128), {text: bytes_})


def example(**features: Any) -> bytes:
    made = {}
    for name, values in features.items():
        kinds = {bytes: "bytes_list", float: "float_list", int: "int64_list"}
        kind = kinds[type(values[0])]
        lists = {"bytes_list": tf.train.BytesList, "float_list": tf.train.FloatList}
        value = lists.get(kind, tf.train.Int64List)(value=values)
        made[name] = tf.train.Feature(**{kind: value})
    return tf.train.Example(features=tf.train.Features(feature=made)).SerializeToString()


FEATURES = {
    "x": tf.FixedLenFeature([2, 2], tf.float32),
    "label": tf.FixedLenFeature([], tf.int64),
    "image": tf.FixedLenFeature([], tf.string),
    "more": tf.FixedLenFeature([2], tf.int64, default_value=[5, 6]),
}


def test_an_example_has_its_features() -> None:
    text = tf.placeholder(tf.string)
    found = tf.parse_single_example(text, FEATURES)
    values = run(found, {text: example(x=[1.0, 2.0, 3.0, 4.0], label=[7], image=[b"\x01\x02"])})
    np.testing.assert_array_equal(values["x"], np.array([[1, 2], [3, 4]], "float32"))
    assert (values["label"], values["image"], values["more"].tolist()) == (7, b"\x01\x02", [5, 6])
    assert found["x"].shape == (2, 2) and found["label"].dtype == tf.int64
    for wrong, said in (
        (example(label=[7]), "has no feature 'image'"),
        (example(x=[1.0], label=[7], image=[b""]), r"'x' has 1 floats, which do not fit \(2, 2\)"),
        (example(x=[1.0] * 4, label=[7], image=[b"", b""]), "'image' has 2 texts, not one"),
    ):
        with pytest.raises(RunError, match=said):
            run(found, {text: wrong})


def test_a_data_set_of_records_is_parsed(tmp_path) -> None:
    path = str(tmp_path / "rows.tfrecord")
    rows = np.random.RandomState(1).randint(0, 255, (5, 4)).astype("uint8")
    with tf.python_io.TFRecordWriter(path) as writer:
        for number, row in enumerate(rows):
            writer.write(example(label=[number], image=[row.tobytes()]))
    features = {key: FEATURES[key] for key in ("label", "image")}

    def parse(record: Any) -> Any:
        found = tf.parse_single_example(record, features)
        image = tf.reshape(tf.decode_raw(found["image"], tf.uint8), [4])
        return image, found["label"]

    batch = tf.data.TFRecordDataset([path]).map(parse).batch(3).make_one_shot_iterator().get_next()
    with tf.Session() as session:
        parts = [session.run(batch) for _ in range(2)]
        with pytest.raises(tf.errors.OutOfRangeError):
            session.run(batch)
    np.testing.assert_array_equal(np.concatenate([images for images, _ in parts]), rows)
    assert np.concatenate([labels for _, labels in parts]).tolist() == [0, 1, 2, 3, 4]


def test_what_cannot_be_is_said(graph, tmp_path) -> None:
    with pytest.raises(RunError, match="no picture in PNG, or damaged"):
        run(tf.image.decode_png(b"\x89PNG broken"))
    with pytest.raises(RunError, match="no picture in JPEG"):
        run(tf.image.decode_jpeg(written(PIXELS, "PNG")))
    with pytest.raises(DtypeError, match="decoded to uint8, not uint16"):
        tf.image.decode_png(b"", dtype=tf.uint16)
    with pytest.raises(GraphError, match="channels must be"):
        tf.image.decode_png(b"", channels=7)
    with pytest.raises(GraphError, match="no arrays of texts"):
        tf.placeholder(tf.string, [None])
    with pytest.raises(GraphError, match="'t': a graph has no arrays of texts"):
        tf.parse_single_example(b"", {"t": tf.FixedLenFeature([2], tf.string)})
    with pytest.raises(GraphError, match="is no text"):
        tf.decode_raw(tf.constant([1.0]), tf.uint8)
    with pytest.raises(GraphError, match="not compressed"):
        tf.data.TFRecordDataset("a", "GZIP")
    with pytest.raises((FileProblem, RunError), match="nowhere"):
        run(tf.read_file(str(tmp_path / "nowhere")))
    tf.read_file("a")
    with pytest.raises(NotInFile, match="runs a Python function"):
        graph.as_graph_def().SerializeToString()


def test_a_graph_with_texts_is_freed() -> None:
    graph = tf.Graph()
    with graph.as_default():
        tf.placeholder(tf.string)
    gone = weakref.ref(graph)
    del graph
    gc.collect()
    assert gone() is None
