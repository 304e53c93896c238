"""Event files are read again: ours, those of others, damaged ones, and ones still written."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nodeflow as nf
from nodeflow.errors import NodeflowError
from nodeflow.integrations.tensorboard import hparams
from nodeflow.integrations.tensorboard.reading import EventFileProblem, event_folders, read_folder
from nodeflow.integrations.tensorboard.records import crc32c, crc32c_of_each, framed, unframed
from nodeflow.ops.summaries import messages
from nodeflow.ops.summaries import protobuf as pb


def bit_by_bit(data: bytes) -> int:
    """CRC-32C by its definition (RFC 3720, appendix B.4)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


@pytest.mark.parametrize(
    ("data", "crc"),  # RFC 3720, appendix B.4
    [(bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E)],
)
def test_published_checksums(data: bytes, crc: int):
    assert crc32c(data) == crc == bit_by_bit(data)


@pytest.mark.parametrize("length", [0, 1, 255, 256, 257, 511, 512, 1025, 9001])
def test_long_data_have_the_checksum_of_the_definition(length: int):
    data = np.random.default_rng(length).bytes(length)
    assert crc32c(data) == bit_by_bit(data)


@pytest.mark.thorough
@given(st.lists(st.binary(max_size=20), max_size=30))
def test_many_checksums_at_once(parts: list[bytes]):
    assert crc32c_of_each(parts).tolist() == [bit_by_bit(part) for part in parts]
    assert [bytes(record) for record in unframed(framed(*parts))] == parts


def written(folder: Path) -> Path:
    with nf.summary.FileWriter(folder) as writer:
        for step in range(5):
            writer.add_summary(messages.scalar("loss", 1 / (step + 1)), step)
        writer.add_summary(messages.histogram("w", np.arange(9.0)), 5)
        writer.add_summary(messages.scalar("accuracy", 0.5), 5)
        start = hparams.session_start({"rate": 0.1, "nesterov": False, "op": "adam"}, "a", 7.0)
        writer.add_summary(start)
    return writer.path


def test_what_was_written_is_read(tmp_path: Path):
    written(tmp_path)
    log = read_folder(tmp_path)
    assert log.scalars["loss"].steps == [0, 1, 2, 3, 4]
    assert log.scalars["loss"].values == [float(np.float32(1 / (n + 1))) for n in range(5)]
    assert (log.scalars["accuracy"].steps, log.scalars["accuracy"].values) == ([5], [0.5])
    assert log.settings == {"rate": 0.1, "nesterov": False, "op": "adam"}
    assert log.skipped == 1 and 0 < log.began <= log.ended


def tensor(dtype: int, *content: bytes) -> bytes:
    """A Summary with a tensor, as TensorFlow 2 writes scalars."""
    data = pb.integer(1, dtype) + pb.message(2, b"") + b"".join(content)
    plugin = pb.message(9, pb.message(1, pb.text(1, "scalars")))
    return pb.message(1, pb.text(1, "t") + pb.message(8, data) + plugin)


@pytest.mark.parametrize(
    ("summary", "value"),
    [
        (tensor(1, pb.message(4, struct.pack("<f", 2.5))), 2.5),
        (tensor(1, pb.message(5, struct.pack("<f", 2.5))), 2.5),
        (tensor(2, pb.doubles(6, [2.5])), 2.5),
        (tensor(3, pb.message(7, pb.varint(-7))), -7),
        (tensor(9, pb.integer(10, 2**40)), 2**40),
        (tensor(19, pb.message(4, np.float16(1.5).tobytes())), 1.5),
    ],
)
def test_scalars_as_tensors(tmp_path: Path, summary: bytes, value: float):
    with nf.summary.FileWriter(tmp_path) as writer:
        writer.add_summary(summary, 3)
    assert read_folder(tmp_path).scalars["t"].values == [value]


def test_a_record_that_is_not_whole_yet_is_left_out(tmp_path: Path):
    path = written(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[:-3])
    assert "rate" not in read_folder(tmp_path).settings
    assert len(read_folder(tmp_path).scalars["loss"].values) == 5


def test_a_flipped_bit_is_found_and_named(tmp_path: Path):
    path = written(tmp_path)
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    with pytest.raises(EventFileProblem, match=rf"{path.name} is damaged at byte \d+ of"):
        read_folder(tmp_path)


@pytest.mark.parametrize("content", [b"hello world, this is no event file", bytes(100)])
def test_another_file_is_no_event_file(tmp_path: Path, content: bytes):
    (tmp_path / "a.tfevents.1").write_bytes(content)
    with pytest.raises(EventFileProblem, match="is no event file"):
        read_folder(tmp_path)


def test_a_folder_without_event_files(tmp_path: Path):
    with pytest.raises(EventFileProblem, match="has no event files"):
        event_folders(tmp_path)
    with pytest.raises(EventFileProblem, match="there is no folder"):
        event_folders(tmp_path / "nothing")


@pytest.mark.thorough
@given(st.binary(max_size=120), st.integers(0, 400), st.integers(0, 7))
def test_spoilt_events_raise_typed_errors_only(
    tmp_path_factory, noise: bytes, place: int, bit: int
):
    """Records with right checksums and spoilt content."""
    folder = tmp_path_factory.mktemp("events")
    path = written(folder)
    records = [bytearray(record) for record in unframed(path.read_bytes())]
    victim = records[place % len(records)]
    victim[place % len(victim)] ^= 1 << bit
    path.write_bytes(framed(*map(bytes, records), noise))
    try:
        read_folder(folder)
    except NodeflowError as error:
        assert path.name in error.message
