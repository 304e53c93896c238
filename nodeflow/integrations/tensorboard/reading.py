"""Reads event files written by `FileWriter`, TensorFlow, PyTorch, Keras and others.

Scalars are read in both forms: a plain number (TensorFlow 1, PyTorch) and a tensor with
metadata (TensorFlow 2). Settings are read in the form of TensorBoard's table of
hyperparameters. Everything else is skipped. Every checksum is verified.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from nodeflow.errors import FileProblem
from nodeflow.file_reading import damaged_as, read_bytes
from nodeflow.graph.types import numpy_dtype
from nodeflow.integrations.tensorboard.hparams import Setting, settings_in
from nodeflow.integrations.tensorboard.records import DamagedRecord, unframed
from nodeflow.number_text import is_date
from nodeflow.ops.summaries import protobuf as pb

PATTERN = "*tfevents*"
VERSION = b"brain.Event:"
COPIES = 4.0
"""Memory that reading a file takes, as a multiple of its size."""
DTYPES = {1: "float32", 2: "float64", 3: "int32", 9: "int64", 14: "bfloat16", 19: "float16"}
"""The dtypes of scalars by DataType number."""
FLOATS, WHOLE = {5: "<f4", 6: "<f8"}, (7, 10)
"""Fields of a TensorProto that contain numbers."""


class EventFileProblem(FileProblem):
    """An event file is damaged, or no event file, or a folder has none.

    Remedy: Name the folder that TensorBoard is given, or write the file again.
    """


@dataclass
class Scalars:
    """The values of one tag, in the order of writing.

    Attributes:
        steps, times, values: of equal length; times in seconds since 1970.
    """

    steps: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)


@dataclass
class EventLog:
    """The contents of a folder's event files.

    Attributes:
        scalars: values by tag.
        settings: hyperparameters by name.
        began, ended: times of the first and last event; 0 without events.
        skipped: number of skipped values: pictures, histograms, texts and others.
    """

    scalars: dict[str, Scalars] = field(default_factory=dict)
    settings: dict[str, Setting] = field(default_factory=dict)
    began: float = 0.0
    ended: float = 0.0
    skipped: int = 0


def event_folders(folder: str | os.PathLike[str]) -> list[Path]:
    """Return the folder and its subfolders that contain event files. Each is one training, as in
    TensorBoard.

    Raises:
        EventFileProblem: there are no event files.
    """
    root = Path(folder)
    if root.is_file():
        raise EventFileProblem(f"{root} is a file", hint=f"Name its folder: {root.parent}")
    found = {path.parent for path in root.rglob(PATTERN) if path.is_file()}
    if not found:
        if not root.is_dir():
            raise EventFileProblem(f"there is no folder {root}")
        named = f"Their names contain {PATTERN.strip('*')}."
        raise EventFileProblem(f"{root} has no event files", hint=named)
    return sorted(found)


def read_folder(folder: str | os.PathLike[str]) -> EventLog:
    """Read the event files directly in a folder, in the order of their names.

    An incomplete record at the end of a file that is still being written is skipped.

    Raises:
        EventFileProblem: a file is damaged, or not an event file; the message says where.
        ReadRefused: it is no regular file, or larger than the limit.
    """
    log = EventLog()
    for path in sorted(Path(folder).glob(PATTERN)):
        if path.is_file():
            _read(path, log)
    return log


def _read(path: Path, log: EventLog) -> None:
    with damaged_as(EventFileProblem, path, "an event file"):
        data = read_bytes(path, COPIES)
        try:
            records = unframed(data)
        except DamagedRecord as error:
            raise EventFileProblem(
                f"{path} is damaged at byte {error.place} of {len(data)}"
                if error.place
                else f"{path} is no event file: its first record has no valid checksum",
                hint="Move it out of the folder, or write it again.",
            ) from None
        for place, record in enumerate(records):
            _take_event(record, log, is_first=place == 0)


def _take_event(record: memoryview, log: EventLog, is_first: bool) -> None:
    """Parse the bytes of an Event message, and add its content to a log of events.

    Field numbers: wall_time 1, step 2, file_version 3, graph_def 4, summary 5.
    """
    time, step, summaries = 0.0, 0, []
    for number, value in pb.fields(record):
        if number == 1 and isinstance(value, memoryview) and len(value) == 8:
            (time,) = struct.unpack("<d", value)
        elif number == 2 and isinstance(value, int):
            step = _signed(value)
        elif number == 3 and is_first and bytes(value)[:12] != VERSION:  # type: ignore[arg-type]
            raise pb.Malformed("another format of events")
        elif number == 5 and isinstance(value, memoryview):
            summaries.append(value)
    if not is_date(time):
        raise pb.Malformed(f"the time of an event is {time:g} s after 1970, which is no date")
    if time:
        log.began = min(log.began or time, time)
        log.ended = max(log.ended, time)
    for summary in summaries:
        for number, value in pb.fields(summary):
            if number == 1 and isinstance(value, memoryview):
                _take_value(value, step, time, log)


def _take_value(data: memoryview, step: int, time: float, log: EventLog) -> None:
    """Parse the bytes of a Summary.Value message, and add its number or settings to a log of
    events. Field numbers: tag 1, simple_value 2, tensor 8, metadata 9.
    """
    tag, number = "", None
    for field_number, value in pb.fields(data):
        if not isinstance(value, memoryview):
            continue
        if field_number == 1:
            tag = bytes(value).decode(errors="replace")
        elif field_number == 2 and len(value) == 4:
            (number,) = struct.unpack("<f", value)
        elif field_number == 8:
            number = _number_of(value)
        elif field_number == 9 and (settings := settings_in(value)) is not None:
            log.settings.update(settings)
            return
    if number is None:
        log.skipped += not tag.startswith("_hparams_/")
        return
    scalars = log.scalars.setdefault(tag, Scalars())
    scalars.steps.append(step)
    scalars.times.append(time)
    scalars.values.append(number)


def _number_of(tensor: memoryview) -> float | None:
    """Return the value of a TensorProto with one number, else None.

    Fields: dtype 1, tensor_shape 2, tensor_content 4, float_val 5, double_val 6, int_val 7,
    int64_val 10, half_val 13.
    """
    dtype, content, found = 0, None, []
    for number, value in pb.fields(tensor):
        if number == 1 and isinstance(value, int):
            dtype = value
        elif number == 2 and isinstance(value, memoryview) and len(value):
            return None  # it has dimensions
        elif number == 4 and isinstance(value, memoryview):
            content = value
        elif number in FLOATS and isinstance(value, memoryview):
            found += np.frombuffer(value, FLOATS[number]).tolist()
        elif number in WHOLE:
            found += map(_signed, [value] if isinstance(value, int) else pb.varints(value))
    if dtype not in DTYPES:
        return None
    kind = numpy_dtype(DTYPES[dtype]).newbyteorder("<")
    if content is not None and len(content) == kind.itemsize:
        return float(np.frombuffer(content, kind)[0])
    return float(found[0]) if len(found) == 1 else None


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value
