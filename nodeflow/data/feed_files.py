"""Reading the array of one tensor from a file: npy, npz, csv or a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nodeflow.data.array_files import opened_npz, read_npy
from nodeflow.data.errors import DataFormatError
from nodeflow.errors import FeedError, FileProblem, NodeflowError, SurfaceText
from nodeflow.file_reading import check_regular
from nodeflow.graph.types import FLOATS, TensorType, literal, numpy_dtype, shape_text

PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif")
ENDINGS = (".npy", ".npz", ".csv", *PICTURE_ENDINGS)


def read_array(
    path: Path,
    type_: TensorType,
    key: str | None = None,
    *,
    invert: bool = False,
    prepare: str = "plain",
) -> np.ndarray:
    """Return the array of a file for a tensor of a type, without checking whether it fits.

    Args:
        key: the name of the array in an npz file; None if it has only one.
        invert, prepare: as in `read_picture`.

    Raises:
        FeedError: a tensor of this type cannot be a picture.
        FileProblem: the file is missing, damaged, or of another kind.
        LiteralError: a csv file has numbers that the dtype cannot represent.
    """
    ending = path.suffix.lower()
    try:
        if path.is_dir():
            raise FileProblem(f"{path} is a folder, so it is not a regular file")
        check_regular(path)
        if ending == ".npy":
            return read_npy(path)
        if ending == ".npz":
            return _read_npz(path, key)
        if ending == ".csv":
            return _read_csv(path, type_)
        if ending in PICTURE_ENDINGS:
            return read_picture(path, type_, invert, prepare)
    except DataFormatError as error:
        raise FileProblem(error.message, hint=error.hint) from None
    except FileNotFoundError:
        raise FileProblem(f"there is no file {path}") from None
    except (ValueError, OSError) as error:
        raise FileProblem(f"cannot read {path}: {error}") from None
    raise FileProblem(f"{path.name} cannot be fed", hint="Use .npy, .npz, .csv or a picture.")


def _read_npz(path: Path, key: str | None) -> np.ndarray:
    with opened_npz(path) as archive:
        names = archive.keys
        if key is None and len(names) == 1:
            key = names[0]
        if key is None or key not in names:
            raise FileProblem(
                f"{path.name} has no array {key!r}" if key else f"{path.name} has several arrays",
                hint=SurfaceText(
                    f"Use @{path.name}:KEY with {', '.join(names)}.",
                    window=f"Its arrays are {', '.join(names)}.",
                ),
            )
        return archive.read([key])[key]


def _read_csv(path: Path, type_: TensorType) -> np.ndarray:
    """Return the numbers of a csv file, with or without a header line.

    A single column fits the shapes (n,) and (n, 1).
    """
    from nodeflow.data.tables.table import read_table

    table = read_table(path)
    for index, column in enumerate(table.columns):
        wrong = np.isnan(column.values)
        for row in np.flatnonzero(wrong).tolist():
            if (text := column.text_at(row)).lower() != "nan":
                what = f"{text!r} is not a number" if text else "the value is missing"
                raise table.bad_cell(row, index, what, "Feed numbers alone.")
    values = np.stack([column.values for column in table.columns], axis=1)
    if type_.ndims == 1 and 1 in values.shape:
        values = values.ravel()
    return literal(values.tolist(), type_.dtype) if type_.dtype in FLOATS else _whole(values, type_)


def _whole(table: np.ndarray, type_: TensorType) -> np.ndarray:
    """Return floats converted to integers; raise an error for a fraction."""
    whole = table.astype(np.int64)
    return literal((whole if np.array_equal(whole, table) else table).tolist(), type_.dtype)


def read_picture(
    path: Path, type_: TensorType, invert: bool = False, prepare: str = "plain"
) -> np.ndarray:
    """Return a picture as one row of the placeholder: grey, resized to its shape, 0 to 1.

    The result is light on dark, as in MNIST; ``invert`` inverts a picture that is dark on light.
    Accepted shapes are (?, n) with a square n, (?, h, w), (?, h, w, 1), and the same without the
    batch axis.

    Args:
        prepare: ``mnist`` applies the preparation of MNIST's digits (`prepare_mnist`),
            and inverts automatically if the picture looks like ink on paper.

    Raises:
        FeedError: the shape of the placeholder does not fit a picture.
        FileProblem: the file is not a picture.
    """
    from PIL import Image, ImageOps

    from nodeflow.data.pictures import digit_preparation
    from nodeflow.data.pictures.opening import allow_pixels, opened_picture

    size = digit_preparation.picture_size(type_)
    if size is None:
        raise FeedError(
            f"{type_.dtype} {shape_text(type_.shape)} cannot be fed with a picture",
            hint="Use a float placeholder of shape (?, h * w), (?, h, w) or (?, h, w, 1).",
        )
    height, width, shape = size
    try:
        with opened_picture(path) as image:
            allow_pixels(image, path)
            flat = ImageOps.exif_transpose(image).convert("RGBA")
    except NodeflowError:
        raise
    except Exception as error:  # a decoder may raise any error for damaged content
        raise FileProblem(f"{path} is damaged or not a picture") from error
    if prepare == "mnist":
        grey = digit_preparation.grey_of(np.asarray(flat))
        values = digit_preparation.prepare_mnist(
            digit_preparation.light_on_dark(grey, invert or None), height, width
        )
        return values.reshape(shape).astype(numpy_dtype(type_.dtype))
    ground = Image.new("RGBA", flat.size, "white" if invert else "black")
    grey = Image.alpha_composite(ground, flat).convert("L")
    grey = grey.resize((width, height), Image.Resampling.LANCZOS)
    values = np.asarray(grey, np.float64) / 255.0
    if invert:
        values = 1.0 - values
    return values.reshape(shape).astype(numpy_dtype(type_.dtype))
