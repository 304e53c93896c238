"""What users may write after ``--feed`` and ``--set``."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from nodeflow.cli.option_values import ArgumentProblem, parse_setting, read_feed
from nodeflow.data.feed_files import read_picture
from nodeflow.data.pictures.digit_preparation import prepare_mnist
from nodeflow.errors import FeedError, FileProblem, LiteralError, NodeflowError
from nodeflow.graph.types import TensorType

ROWS = TensorType("float32", (None, 2))
DIGIT = TensorType("float32", (None, 784))


def feed(text, type_=ROWS, folder=None, invert=False):
    return read_feed("x", text, type_, folder, invert)


def test_json_takes_the_placeholders_dtype():
    value = feed("[[1, 2], [3, 4.5]]")
    assert value.dtype == np.float32
    assert value.tolist() == [[1, 2], [3, 4.5]]


def test_json_knows_nan_and_infinity_as_strings():
    value = feed('[["NaN", "-Infinity"]]')
    assert np.isnan(value[0, 0]) and value[0, 1] == -np.inf


def test_a_fraction_for_an_integer_placeholder_is_refused_by_name():
    with pytest.raises(LiteralError) as caught:
        feed("[5.5]", TensorType("int32", (None,)))
    assert caught.value.node == "x"


def test_text_that_is_no_json_says_what_to_write():
    with pytest.raises(FeedError, match="JSON"):
        feed("one")


def test_npy_keeps_its_own_dtype(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(6, dtype="int64").reshape(3, 2))
    assert feed("@x.npy", folder=tmp_path).dtype == np.int64


def test_npz_needs_a_key_when_it_has_several_arrays(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.ones(2), b=np.zeros(3))
    assert feed("@x.npz:b", folder=tmp_path).shape == (3,)
    with pytest.raises(FileProblem, match="several arrays"):
        feed("@x.npz", folder=tmp_path)
    with pytest.raises(FileProblem, match="no array 'c'"):
        feed("@x.npz:c", folder=tmp_path)


def test_a_pickled_npy_is_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(FileProblem):
        feed("@x.npy", folder=tmp_path)


def test_csv_with_and_without_a_header(tmp_path):
    (tmp_path / "plain.csv").write_text("1,2\n3,4\n")
    (tmp_path / "named.csv").write_text("u,v\n1,2\n3,4\n")
    for name in ("plain", "named"):
        value = feed(f"@{name}.csv", folder=tmp_path)
        assert value.dtype == np.float32 and value.tolist() == [[1, 2], [3, 4]]


def test_csv_of_other_countries_is_read_as_a_data_set_reads_it(tmp_path):
    (tmp_path / "x.csv").write_bytes("größe;b\r\n1,5;1.000,25\r\nNaN;-2\r\n".encode("cp1252"))
    value = feed("@x.csv", folder=tmp_path)
    np.testing.assert_array_equal(value, np.float32([[1.5, 1000.25], [np.nan, -2]]))


@pytest.mark.parametrize(("cell", "what"), [("x", "'x' is not a number"), ("", "is missing")])
def test_a_csv_to_feed_has_numbers_alone(tmp_path, cell, what):
    (tmp_path / "x.csv").write_text(f"a,b\n1,2\n3,{cell}\n5,6\n")
    with pytest.raises(NodeflowError, match=f"line 3, column 'b': .*{what}"):
        feed("@x.csv", folder=tmp_path)


def test_csv_of_whole_numbers_feeds_an_integer_placeholder(tmp_path):
    (tmp_path / "x.csv").write_text("1\n2\n3\n")
    value = feed("@x.csv", TensorType("int32", (None,)), tmp_path)
    assert value.dtype == np.int32 and value.tolist() == [1, 2, 3]


def test_a_picture_is_grey_resized_and_scaled(tmp_path):
    pixels = np.zeros((56, 56), np.uint8)
    pixels[:, 28:] = 255
    Image.fromarray(pixels).save(tmp_path / "digit.png")
    value = read_picture(tmp_path / "digit.png", DIGIT)
    assert value.shape == (1, 784) and value.dtype == np.float32
    picture = value.reshape(28, 28)
    assert np.all(picture[:, :13] < 0.01) and np.all(picture[:, 15:] > 0.99)
    inverted = read_picture(tmp_path / "digit.png", DIGIT, invert=True)
    np.testing.assert_allclose(inverted, 1 - value, atol=1e-6)


def test_a_transparent_picture_takes_the_right_ground(tmp_path):
    Image.new("RGBA", (28, 28), (0, 0, 0, 0)).save(tmp_path / "empty.png")
    for invert in (False, True):
        assert read_picture(tmp_path / "empty.png", DIGIT, invert).max() == 0


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((28, 28), (28, 28)), ((None, 14, 28), (1, 14, 28)), ((None, 28, 28, 1), (1, 28, 28, 1))],
)
def test_pictures_fit_several_shapes(tmp_path, shape, expected):
    Image.new("L", (10, 10)).save(tmp_path / "p.png")
    assert read_picture(tmp_path / "p.png", TensorType("float32", shape)).shape == expected


def test_a_placeholder_that_cannot_take_a_picture_says_so(tmp_path):
    Image.new("L", (10, 10)).save(tmp_path / "p.png")
    with pytest.raises(FeedError, match="cannot be fed with a picture"):
        feed("@p.png", TensorType("float32", (None, 7)), tmp_path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileProblem, match=r"there is no file .*gone\.npy"):
        feed("@gone.npy", folder=tmp_path)
    with pytest.raises(FileProblem, match="is not a regular file"):
        feed("@.", folder=tmp_path)


def test_settings_split_at_the_last_dot_before_the_equals_sign():
    assert parse_setting("a/b.value=1.5") == ("a/b", "value", 1.5)
    assert parse_setting("d.source=csv:x.csv") == ("d", "source", "csv:x.csv")
    assert parse_setting("training.epochs=3") == ("training", "epochs", 3)
    assert parse_setting("n.value=[1, 2]") == ("n", "value", [1, 2])


@pytest.mark.parametrize("text", ["value=1", "a.value", ".value=1", "a.=1", ""])
def test_a_malformed_setting_shows_the_form(text):
    with pytest.raises(ArgumentProblem, match=r"NODE\.ATTR=VALUE"):
        parse_setting(text)


def test_a_digit_on_paper_is_prepared_as_mnist_was(tmp_path):
    """Dark on light, anywhere in a picture of any size: the same as the drawing itself."""
    drawn = np.zeros((300, 240))
    drawn[40:200, 60:80] = drawn[40:60, 60:160] = 1
    paper = Image.fromarray(np.uint8(235 - 200 * drawn))
    paper.save(tmp_path / "digit.png")
    for invert in (False, True):
        value = read_picture(tmp_path / "digit.png", DIGIT, invert, "mnist")
        assert value.shape == (1, 784) and value.dtype == np.float32
        np.testing.assert_allclose(value.reshape(28, 28), prepare_mnist(drawn), atol=1e-6)
