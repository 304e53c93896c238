"""Ops that take texts apart: `tf.parse_single_example`, `tf.decode_raw`, `tf.image.decode_png`, ...

A text of a graph is a vector of its bytes (see `texts`). The ops are Python functions, so a graph
with one runs only in this program.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nodeflow.data.pictures.opening import allow_pixels
from nodeflow.data.pipeline.dataset import Dataset
from nodeflow.errors import DtypeError, GraphError, RunError
from nodeflow.file_reading import read_bytes
from nodeflow.graph.graph import Tensor
from nodeflow.graph.types import TensorType, dtype_name, numpy_dtype
from nodeflow.integrations.tensorflow1.records import Example, Feature, tf_record_iterator
from nodeflow.integrations.tensorflow1.texts import STRING, bytes_of, mark
from nodeflow.ops.program.py_func import PyFunc

__all__ = [
    "FixedLenFeature",
    "TFRecordDataset",
    "decode_bmp",
    "decode_gif",
    "decode_image",
    "decode_jpeg",
    "decode_png",
    "decode_raw",
    "encode_jpeg",
    "encode_png",
    "parse_single_example",
    "read_file",
]

_TEXT = TensorType("uint8", (None,))
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
"""Pillow's mode of a picture by its number of channels."""


class _Decoding(PyFunc):
    """A Python function whose results have known types."""

    def __init__(
        self, function: Callable[..., Any], types: Sequence[TensorType], stateful: bool = False
    ) -> None:
        super().__init__(function, [type_.dtype for type_ in types], stateful)
        self.types = tuple(types)

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        return self.types


def _added(op: _Decoding, x: Tensor, name: str | None, default: str) -> Tensor:
    return x.graph.add_node(op, [x], name=name or default).outputs[0]


# ---- files and bytes ----------------------------------------------------------------------------


def read_file(filename: Any, name: str | None = None) -> Tensor:
    """Return the content of a file as a text, read in each run."""

    def read(path: np.ndarray) -> np.ndarray:
        return np.frombuffer(read_bytes(Path(os.fsdecode(path.tobytes()))), np.uint8)

    return mark(_added(_Decoding(read, [_TEXT], True), bytes_of(filename), name, "ReadFile"))


def decode_raw(
    input_bytes: Any = None,
    out_type: Any = None,
    little_endian: bool = True,
    name: str | None = None,
    bytes: Any = None,
) -> Tensor:
    """Return the bytes of a text as a vector of numbers.

    Args:
        input_bytes: the text; ``bytes`` is another name.
        out_type: dtype of the numbers.

    Raises (in a run):
        RunError: the bytes are no whole number of elements.
    """
    dtype = dtype_name(out_type)
    order = numpy_dtype(dtype).newbyteorder("<" if little_endian else ">")

    def decode(text: np.ndarray) -> np.ndarray:
        if text.size % order.itemsize:
            raise RunError(f"{text.size} bytes are no whole number of {dtype}")
        return np.frombuffer(text.tobytes(), order).astype(numpy_dtype(dtype))

    text = bytes_of(bytes if input_bytes is None else input_bytes)
    return _added(_Decoding(decode, [TensorType(dtype, (None,))]), text, name, "DecodeRaw")


# ---- examples -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class FixedLenFeature:
    """A feature of examples with a fixed number of values.

    Attributes:
        shape: its shape.
        dtype: int64, float32 or string.
        default_value: its values in an example without the feature; None: they are required.
    """

    shape: Any
    dtype: Any
    default_value: Any = None


def parse_single_example(
    serialized: Any,
    features: Mapping[str, FixedLenFeature],
    name: str | None = None,
    example_names: Any = None,
) -> dict[str, Tensor]:
    """Parse a serialized `tf.train.Example`. Return a dict from the feature's name to its tensor.

    Args:
        serialized: a text tensor with the message.
        features: name -> `FixedLenFeature`. A text feature must have the shape ().

    Raises:
        GraphError: an entry is no `FixedLenFeature`, or is an array of texts.

    Raises (in a run):
        RunError: a feature is missing, or has another number or type of values.
    """
    types = {}
    for key in sorted(features):
        wanted = features[key]
        if not isinstance(wanted, FixedLenFeature):
            raise GraphError(f"feature {key!r} must be a FixedLenFeature")
        shape = tuple(wanted.shape) if np.ndim(wanted.shape) else (int(wanted.shape),)
        if wanted.dtype == STRING:
            if shape:
                raise GraphError(f"feature {key!r}: a graph has no arrays of texts")
            types[key] = _TEXT
        else:
            types[key] = TensorType(dtype_name(wanted.dtype), shape)

    def parse(text: np.ndarray) -> list[np.ndarray]:
        found = Example.FromString(text.tobytes()).features.feature
        return [_values(key, found.get(key), features[key], types[key]) for key in types]

    text = bytes_of(serialized)
    op = _Decoding(parse, list(types.values()))
    node = text.graph.add_node(op, [text], name=name or "ParseSingleExample")
    parts = dict(zip(types, node.outputs, strict=True))
    return {k: mark(t) if features[k].dtype == STRING else t for k, t in parts.items()}


def _values(
    key: str, given: Feature | None, wanted: FixedLenFeature, type_: TensorType
) -> np.ndarray:
    """Return the values of a feature."""
    shape = [size or 0 for size in type_.shape]
    if given is None:
        if wanted.default_value is None:
            raise RunError(f"the example has no feature {key!r}")
        default = wanted.default_value
        if wanted.dtype == STRING:
            default = np.frombuffer(default.encode() if isinstance(default, str) else default, "u1")
            return default.copy()
        return np.broadcast_to(np.asarray(default, numpy_dtype(type_.dtype)), shape).copy()
    if wanted.dtype == STRING:
        values = given.bytes_list.value
        if len(values) != 1:
            raise RunError(f"feature {key!r} has {len(values)} texts, not one")
        return np.frombuffer(values[0], np.uint8)
    is_float = type_.dtype.startswith("float")
    values = given.float_list.value if is_float else given.int64_list.value
    array = np.array(values, numpy_dtype(type_.dtype))
    if array.size != math.prod(shape):
        kind = "floats" if is_float else "integers"
        raise RunError(f"feature {key!r} has {array.size} {kind}, which do not fit {type_.shape}")
    return array.reshape(shape)


def TFRecordDataset(
    filenames: Any,
    compression_type: str | None = None,
    buffer_size: int | None = None,
    num_parallel_reads: int | None = None,
    name: str | None = None,
) -> Dataset:
    """Return a data set of the records of TFRecord files, each a vector of its bytes.

    `parse_single_example` and `decode_raw` take them in `Dataset.map`.

    Args:
        filenames: a name, or several.
        buffer_size, num_parallel_reads, name: accepted for TensorFlow 1, without effect.

    Raises:
        GraphError: the files are compressed.
    """
    if compression_type:
        raise GraphError("TFRecord files are not compressed", hint="Leave compression_type out.")
    paths = [filenames] if isinstance(filenames, (str, os.PathLike)) else list(filenames)

    def records() -> Iterator[np.ndarray]:
        for path in paths:
            for record in tf_record_iterator(path):
                yield np.frombuffer(record, np.uint8)

    return Dataset.from_generator(records, "uint8", (None,))


# ---- pictures -----------------------------------------------------------------------------------


def decode_png(
    contents: Any, channels: int = 0, dtype: Any = "uint8", name: str | None = None
) -> Tensor:
    """Return the pixels of a PNG file, (height, width, channels).

    Args:
        contents: a text, the content of the file.
        channels: 1 grey, 3 colours, 2 or 4 with transparency; 0: as in the file.

    Raises:
        DtypeError: the dtype is not uint8.

    Raises (in a run):
        RunError: it is no such picture.
    """
    return _picture(contents, ("PNG",), channels, dtype, name or "DecodePng")


def decode_jpeg(
    contents: Any,
    channels: int = 0,
    ratio: int = 1,
    fancy_upscaling: bool = True,
    try_recover_truncated: bool = False,
    acceptable_fraction: float = 1,
    dct_method: str = "",
    name: str | None = None,
) -> Tensor:
    """Return the pixels of a JPEG file, as `decode_png` does.

    Args:
        ratio: must be 1; resize the picture instead.
        fancy_upscaling, try_recover_truncated, acceptable_fraction, dct_method: accepted for
            TensorFlow 1, without effect.
    """
    if ratio != 1:
        raise GraphError("ratio must be 1", hint="Resize the picture with tf.image.resize_images.")
    return _picture(contents, ("JPEG",), channels, "uint8", name or "DecodeJpeg")


def decode_bmp(contents: Any, channels: int = 0, name: str | None = None) -> Tensor:
    """Return the pixels of a BMP file, as `decode_png` does."""
    return _picture(contents, ("BMP",), channels, "uint8", name or "DecodeBmp")


def decode_image(
    contents: Any,
    channels: int | None = None,
    dtype: Any = "uint8",
    name: str | None = None,
    expand_animations: bool = True,
) -> Tensor:
    """Return the pixels of a PNG, JPEG or BMP file, as `decode_png` does."""
    return _picture(contents, ("PNG", "JPEG", "BMP"), channels or 0, dtype, name or "DecodeImage")


def decode_gif(contents: Any, name: str | None = None) -> Tensor:
    """Return the pictures of a GIF file, (pictures, height, width, 3)."""

    def decode(text: np.ndarray) -> np.ndarray:
        from PIL import ImageSequence

        with _opened(text, ("GIF",)) as image:
            return np.stack([np.asarray(f.convert("RGB")) for f in ImageSequence.Iterator(image)])

    types = [TensorType("uint8", (None, None, None, 3))]
    return _added(_Decoding(decode, types), bytes_of(contents), name, "DecodeGif")


def _picture(
    contents: Any, formats: tuple[str, ...], channels: int, dtype: Any, name: str
) -> Tensor:
    if dtype_name(dtype) != "uint8":
        raise DtypeError(f"pictures are decoded to uint8, not {dtype_name(dtype)}", node=name)
    if channels and channels not in _MODES:
        raise GraphError(f"channels must be 0, 1, 3 or 4, not {channels}", node=name)

    def decode(text: np.ndarray) -> np.ndarray:
        with _opened(text, formats) as image:
            mode = _MODES[channels] if channels else _own_mode(image)
            pixels = np.asarray(image.convert(mode), np.uint8)
        return pixels if pixels.ndim == 3 else pixels[:, :, None]

    types = [TensorType("uint8", (None, None, channels or None))]
    return _added(_Decoding(decode, types), bytes_of(contents), None, name)


def _opened(text: np.ndarray, formats: tuple[str, ...]) -> Any:
    """Decode a picture with Pillow. Refuse pictures with too many pixels.

    Args:
        text: the content of the file.
        formats: the formats to accept, by Pillow's names.

    Raises:
        RunError: the content is no picture in these formats, or is damaged.
    """
    from PIL import Image

    try:
        image = Image.open(io.BytesIO(text.tobytes()), formats=formats)
        allow_pixels(image, Path("the picture"))
        image.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        kinds = " or ".join(formats)
        raise RunError(f"the text is no picture in {kinds}, or damaged: {error}") from None
    return image


def _own_mode(image: Any) -> str:
    """Return the Pillow mode in which to read a picture, so that it keeps its channels. Palettes
    become colours.
    """
    if image.mode in _MODES.values():
        return image.mode
    if image.mode in ("1", "I", "I;16", "F"):
        return "L"
    return "RGBA" if "transparency" in image.info else "RGB"


def encode_png(image: Any, compression: int = -1, name: str | None = None) -> Tensor:
    """Encode an image, uint8 (height, width, channels), as PNG. Return a text tensor with the
    file's content.
    """
    level = 6 if compression == -1 else compression
    return _encoded(image, name or "EncodePng", "PNG", compress_level=level)


def encode_jpeg(
    image: Any,
    format: str = "",
    quality: int = 95,
    progressive: bool = False,
    optimize_size: bool = False,
    chroma_downsampling: bool = True,
    name: str | None = None,
) -> Tensor:
    """Encode an image, uint8 (height, width, 1 or 3), as JPEG. Return a text tensor with the file's
    content.

    Args:
        format: accepted for TensorFlow 1, without effect.
        quality: from 0 to 100.
        progressive, optimize_size, chroma_downsampling: how the file is written.
    """
    sampling = 2 if chroma_downsampling else 0
    return _encoded(
        image, name or "EncodeJpeg", "JPEG", quality=quality, progressive=progressive,
        optimize=optimize_size, subsampling=sampling,
    )  # fmt: skip


def _encoded(image: Any, name: str, kind: str, **options: Any) -> Tensor:
    from nodeflow.ops import functions as F

    pixels = F.graph_of([image]).as_tensor(image)
    if pixels.dtype != "uint8":
        raise DtypeError(f"pixels are uint8, not {pixels.dtype}", node=name)

    def encode(array: np.ndarray) -> np.ndarray:
        from PIL import Image

        if array.ndim != 3 or array.shape[2] not in _MODES:
            raise RunError(f"a picture is (height, width, channels), not {array.shape}")
        file = io.BytesIO()
        Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array).save(
            file, kind, **options
        )
        return np.frombuffer(file.getvalue(), np.uint8)

    return mark(_added(_Decoding(encode, [_TEXT]), pixels, None, name))
