"""TFRecord files and messages: the bytes that the formats prescribe, and damaged files."""

from __future__ import annotations

import doctest
import struct

import numpy as np
import pytest

import nodeflow.tensorflow1 as tf
from nodeflow.errors import FileProblem
from nodeflow.integrations.tensorflow1 import records


def example(**features: tf.train.Feature):
    return tf.train.Example(features=tf.train.Features(feature=features))


def test_the_checksum_is_castagnolis() -> None:
    assert doctest.testmod(records).attempted
    assert records.crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4
    assert records.crc32c(b"\xff" * 32) == 0x62A8AB43


@pytest.mark.parametrize(
    ("feature", "expected"),
    [  # by hand, from protobuf's documentation of its encoding
        ({"int64_list": tf.train.Int64List(value=[1, 300])}, "1a050a0301ac02"),
        ({"int64_list": tf.train.Int64List(value=[-1])}, "1a0c0a0affffffffffffffffff01"),
        ({"float_list": tf.train.FloatList(value=[1.0])}, "12060a040000803f"),
        ({"bytes_list": tf.train.BytesList(value=[b"ab", b""])}, "0a060a0261620a00"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)  # fmt: skip
def test_a_feature_has_the_bytes_of_protobuf(feature: dict, expected: str) -> None:
    made = tf.train.Feature(**feature)
    assert made.SerializeToString().hex() == expected
    assert tf.train.Feature.FromString(bytes.fromhex(expected)) == made


def test_numbers_that_are_not_packed_are_read() -> None:
    assert tf.train.Int64List.FromString(bytes.fromhex("08050807")).value == [5, 7]
    assert tf.train.FloatList.FromString(bytes.fromhex("0d0000803f")).value == [1.0]


def test_examples_go_through_a_file(tmp_path) -> None:
    path = str(tmp_path / "rows.tfrecord")
    rows = np.random.RandomState(0).normal(size=(5, 3)).astype("float32")
    with tf.python_io.TFRecordWriter(path) as writer:
        for number, row in enumerate(rows):
            one = example(
                row=tf.train.Feature(float_list=tf.train.FloatList(value=row)),
                label=tf.train.Feature(int64_list=tf.train.Int64List(value=[number - 2])),
                raw=tf.train.Feature(bytes_list=tf.train.BytesList(value=[row.tobytes()])),
            )
            writer.write(one.SerializeToString())
    for number, serialized in enumerate(tf.python_io.tf_record_iterator(path)):
        read = tf.train.Example()
        read.ParseFromString(serialized)
        feature = read.features.feature
        np.testing.assert_array_equal(feature["row"].float_list.value, rows[number])
        np.testing.assert_array_equal(
            np.frombuffer(feature["raw"].bytes_list.value[0], "float32"), rows[number]
        )
        assert feature["label"].int64_list.value == [number - 2]
    assert number == 4


def test_a_record_is_length_and_data_with_checksums(tmp_path) -> None:
    path = tmp_path / "one"
    with tf.python_io.TFRecordWriter(path) as writer:
        writer.write(b"abc")
    content = path.read_bytes()
    assert content[:8] == struct.pack("<Q", 3) and content[12:15] == b"abc" and len(content) == 19
    crc = records.crc32c(b"abc")
    assert struct.unpack("<I", content[15:])[0] == ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32


@pytest.mark.parametrize("cut", [1, 5, 11, 14, 18])
def test_a_file_that_ends_early_is_refused(tmp_path, cut: int) -> None:
    path = tmp_path / "one"
    with tf.python_io.TFRecordWriter(path) as writer:
        writer.write(b"abc")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(FileProblem, match="ends within a record"):
        list(tf.python_io.tf_record_iterator(path))


@pytest.mark.parametrize("place", [9, 13, 17])
def test_a_changed_byte_is_noticed(tmp_path, place: int) -> None:
    path = tmp_path / "one"
    with tf.python_io.TFRecordWriter(path) as writer:
        writer.write(b"abc")
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(FileProblem, match="checksum"):
        list(tf.python_io.tf_record_iterator(path))


@pytest.mark.parametrize("damaged", ["0a", "0aff", "0a05", "0b", "80"])
def test_a_damaged_message_is_refused(damaged: str) -> None:
    with pytest.raises(FileProblem, match="damaged"):
        tf.train.Example.FromString(bytes.fromhex(damaged))
