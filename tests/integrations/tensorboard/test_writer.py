"""Event files, byte for byte, and what they hold.

`wire` reads protocol buffers by the published rules, apart from the writer.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import AttributeProblem, FileProblem, GraphError, ShapeError
from nodeflow.integrations.tensorboard.records import crc32c, framed, masked
from tests.summary.wire import events, fields, records


@pytest.mark.parametrize(
    "data, expected",
    [  # RFC 3720, appendix B.4, and the check value of CRC-32C
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(reversed(range(32))), 0x113FDB5C),
        (
            bytes.fromhex(
                "01c00000 00000000 00000000 00000000 14000000 00000400 00000014 00000018"
                "28000000 00000000 02000000 00000000"
            ),
            0xD9963A56,
        ),
        (b"123456789", 0xE3069283),
    ],
)
def test_checksums_are_the_published_ones(data: bytes, expected: int) -> None:
    assert crc32c(data) == expected


def test_a_record_is_framed_as_tfrecord_says() -> None:
    # LevelDB's test: the mask of a checksum is another number, and undone by the inverse
    crc = crc32c(b"foo")
    assert masked(crc) not in (crc, masked(masked(crc)))
    rotated = (masked(crc) - 0xA282EAD8) & 0xFFFFFFFF
    assert (rotated >> 17 | rotated << 15) & 0xFFFFFFFF == crc
    record = framed(b"abc")
    assert record[:8] == b"\x03\0\0\0\0\0\0\0" and record[12:15] == b"abc" and len(record) == 19


def test_a_version_record_has_the_bytes_that_tensorflow_writes(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("nodeflow.integrations.tensorboard.writer.time.time", lambda: 1.5e9)
    with nf.summary.FileWriter(tmp_path, filename_suffix=".v2") as writer:
        path = writer.path
    assert path.name.startswith("events.out.tfevents.1500000000.") and path.suffix == ".v2"
    event = bytes([0x09]) + struct.pack("<d", 1.5e9) + b"\x1a\x0dbrain.Event:2"
    # the first record of each event file of TensorFlow: 24 bytes, whose length has this checksum
    data = path.read_bytes()
    assert data[:12] == bytes.fromhex("18 00 00 00 00 00 00 00 a3 7f 4b 22")
    assert data[12:36] == event and len(data) == 40


def test_files_hold_steps_summaries_and_the_graph(tmp_path: Path) -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 2], name="x")
        parts = nf.split(x, 2, axis=1, name="parts")
        with nf.control_dependencies([x]):
            y = nf.add(parts[0], parts[1], name="y")
        nf.summary.scalar("s", nf.reduce_sum(y))
        nf.summary.text("note", "**bold**")
    folder = tmp_path / "logs" / "run"
    with nf.Session(graph) as session, nf.summary.FileWriter(folder, session.graph) as writer:
        for step in range(25):
            writer.add_summary(session.run("s", {x: [[step, 1]]}), step)
        writer.add_summary(session.run("note"), global_step=np.int64(2**40))
        writer.flush()
        assert len(list(records(writer.path.read_bytes()))) == 28
        assert writer.get_logdir() == str(folder)
    found = list(events(writer.path))
    assert found[0][3] == [b"brain.Event:2"]
    nodes = {fields(n)[1][0]: fields(n) for n in fields(found[1][4][0])[1]}
    assert nodes[b"y"][2] == [b"add"]
    assert nodes[b"y"][3] == [b"parts", b"parts:1", b"^x"]
    assert [e.get(2, [0])[0] for e in found[2:]] == [*range(25), 2**40]
    summed = [fields(fields(e[5][0])[1][0])[2][0] for e in found[2:-1]]
    assert [struct.unpack("<f", v)[0] for v in summed] == [step + 1.0 for step in range(25)]


def test_each_writer_has_a_file_of_its_own_and_can_begin_another(tmp_path: Path) -> None:
    one, two = nf.summary.FileWriter(tmp_path), nf.summary.FileWriter(tmp_path)
    one.close()
    two.close()
    one.add_summary(b"", 1)
    one.close()
    one.close()
    assert len(list(tmp_path.iterdir())) == 3


def test_what_cannot_be_recorded_is_said(tmp_path: Path) -> None:
    with nf.Graph() as graph:
        with pytest.raises(ShapeError, match="takes one number"):
            nf.summary.scalar("s", nf.constant([1.0, 2.0]))
        with pytest.raises(ShapeError, match="1, 3 or 4 channels"):
            nf.summary.image("i", nf.constant(np.zeros((1, 2, 2, 2), "float32")))
        with pytest.raises(GraphError, match="needs a name first"):
            nf.summary.scalar(nf.constant(1.0), "loss")
        with pytest.raises(GraphError, match="only summaries can be merged"):
            nf.summary.merge([nf.constant(1.0)])
        with pytest.raises(GraphError, match="Python string"):
            nf.summary.text("t", 5)
        a = nf.summary.scalar("a", nf.constant(1.0), family="f")
        b = nf.summary.scalar("a", nf.constant(1.0), family="f")
        with pytest.raises(AttributeProblem, match="same tag 'f/a'"):
            nf.summary.merge([a, b])
    with nf.summary.FileWriter(tmp_path) as writer:
        with pytest.raises(FileProblem, match="summary is bytes, not Node"):
            writer.add_summary(a, 1)
        with pytest.raises(FileProblem, match="expected a Graph"):
            writer.add_graph(a)
    (tmp_path / "file").write_text("")
    with pytest.raises(FileProblem, match="cannot write event files"):
        nf.summary.FileWriter(tmp_path / "file" / "logs")
    assert graph.get_collection("summaries") == [a, b]
