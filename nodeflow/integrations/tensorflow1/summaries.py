"""`tf.Summary`, which programs fill themselves, and a `tf.summary.FileWriter` that writes it."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from importlib import import_module
from typing import Any, Self

from nodeflow.graph.graph import Graph
from nodeflow.integrations.tensorflow1.graph_files.graph_defs import GraphDef
from nodeflow.ops.summaries import protobuf as pb

__all__ = ["FileWriter", "HistogramProto", "Summary"]


class HistogramProto:
    """A histogram in a summary: limits and counts of its buckets, and statistics of all values."""

    def __init__(
        self,
        min: float = 0.0,
        max: float = 0.0,
        num: float = 0.0,
        sum: float = 0.0,
        sum_squares: float = 0.0,
        bucket_limit: Iterable[float] = (),
        bucket: Iterable[float] = (),
    ) -> None:
        self.min, self.max, self.num = min, max, num
        self.sum, self.sum_squares = sum, sum_squares
        self.bucket_limit, self.bucket = list(bucket_limit), list(bucket)

    def SerializeToString(self) -> bytes:
        """Return the message in protobuf's format."""
        figures = (self.min, self.max, self.num, self.sum, self.sum_squares)
        parts = [pb.double(number, float(value)) for number, value in enumerate(figures, 1)]
        return b"".join(parts) + pb.doubles(6, self.bucket_limit) + pb.doubles(7, self.bucket)


class _Image:
    """A picture of a summary, encoded as PNG."""

    def __init__(
        self,
        height: int = 0,
        width: int = 0,
        colorspace: int = 0,
        encoded_image_string: bytes = b"",
    ) -> None:
        self.height, self.width, self.colorspace = height, width, colorspace
        self.encoded_image_string = encoded_image_string

    def SerializeToString(self) -> bytes:
        """Return the message in protobuf's format."""
        sizes = (self.height, self.width, self.colorspace)
        parts = [pb.integer(number, int(value)) for number, value in enumerate(sizes, 1)]
        return b"".join(parts) + pb.text(4, self.encoded_image_string)


class _Value:
    """One value of a summary: its tag, and a number, a histogram or a picture."""

    def __init__(
        self,
        tag: str = "",
        simple_value: float | None = None,
        node_name: str = "",
        image: _Image | None = None,
        histo: HistogramProto | None = None,
    ) -> None:
        self.tag, self.node_name, self.simple_value = tag, node_name, simple_value
        self.image, self.histo = image, histo
        self._other = b""

    def SerializeToString(self) -> bytes:
        """Return the message in protobuf's format."""
        parts = [pb.text(1, self.tag)]
        if self.simple_value is not None:
            parts.append(pb.single(2, float(self.simple_value), always=True))
        if self.image is not None:
            parts.append(pb.message(4, self.image.SerializeToString()))
        if self.histo is not None:
            parts.append(pb.message(5, self.histo.SerializeToString()))
        return b"".join([*parts, pb.text(7, self.node_name), self._other])

    @classmethod
    def FromString(cls, data: bytes) -> Self:
        """Parse the bytes of a Summary.Value message. The fields tag, node_name and simple_value
        are decoded; the others stay bytes.
        """
        made = cls()
        for number, found in pb.fields(data):
            if isinstance(found, int):
                made._other += pb.integer(number, found)
            elif number == 1:
                made.tag = bytes(found).decode(errors="replace")
            elif number == 2:
                made.simple_value = struct.unpack("<f", found)[0]
            elif number == 7:
                made.node_name = bytes(found).decode(errors="replace")
            else:
                made._other += pb.message(number, bytes(found))
        return made


class _Values(list[_Value]):
    """The values of a summary."""

    def add(self, **fields: Any) -> _Value:
        """Add a value with these fields."""
        self.append(_Value(**fields))
        return self[-1]


class Summary:
    """Values for an event file, each with a tag.

    Attributes:
        value: the values; ``value.add(tag="loss", simple_value=0.5)`` adds one.
    """

    Value, Image = _Value, _Image

    def __init__(self, value: Iterable[_Value] = ()) -> None:
        self.value = _Values(value)

    def SerializeToString(self) -> bytes:
        """Return the message in protobuf's format."""
        return b"".join(pb.message(1, value.SerializeToString()) for value in self.value)

    def ParseFromString(self, serialized: bytes) -> int:
        """Parse a serialized Summary message, and replace the values of this object by its values.
        Return the number of bytes.
        """
        found = (bytes(v) for n, v in pb.fields(serialized) if n == 1 and not isinstance(v, int))
        self.value = _Values(map(_Value.FromString, found))
        return len(serialized)

    @classmethod
    def FromString(cls, serialized: bytes) -> Self:
        """Return the values of a fetched summary."""
        made = cls()
        made.ParseFromString(serialized)
        return made


def FileWriter(
    logdir: str | os.PathLike[str],
    graph: Graph | GraphDef | None = None,
    max_queue: int = 10,
    flush_secs: float = 120,
    graph_def: GraphDef | bytes | None = None,
    filename_suffix: str | None = None,
) -> Any:
    """Return a `nf.summary.FileWriter`, whose graph may be a `GraphDef`."""
    if isinstance(graph_def, GraphDef):
        graph, graph_def = graph or graph_def.graph, None
    if isinstance(graph, GraphDef):
        graph = graph.graph
    make = import_module("nodeflow").summary.FileWriter
    return make(logdir, graph, max_queue, flush_secs, graph_def, filename_suffix)
