"""Reading one picture: its size from its header, and its pixels in the form for a graph."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nodeflow.data.errors import DataFormatError
from nodeflow.data.pictures.opening import allow_pixels, opened_picture
from nodeflow.errors import NodeflowError

MOST_SIDE = 64
"""The longer side of larger pictures if no size is given."""


@dataclass(frozen=True)
class Look:
    """The format to which pictures are converted.

    Attributes:
        fit: how to change the proportions: stretch, crop or pad.
    """

    height: int
    width: int
    rgb: bool
    fit: str = "stretch"

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.height, self.width, 3 if self.rgb else 1


def look_of(path: Path) -> tuple[int, int, bool]:
    """Return height, width and whether a picture has color, from its header.

    Raises:
        ReadRefused: the path is not a regular file, or takes more than the limit.
        DataFormatError: the file is not a picture.
    """
    try:
        with opened_picture(path) as image:
            allow_pixels(image, path)  # EXIF data may follow the pixels
            width, height = image.size
            if image.getexif().get(0x0112, 1) >= 5:  # rotated by 90 degrees
                width, height = height, width
            return height, width, image.mode not in ("1", "L", "LA", "I", "I;16", "F")
    except NodeflowError:
        raise
    except Exception as error:
        raise _broken(path, error) from error


def default_size(height: int, width: int) -> tuple[int, int]:
    """Return the size of a picture, scaled down to at most `MOST_SIDE` pixels per side."""
    share = min(1.0, MOST_SIDE / max(height, width))
    return max(1, round(height * share)), max(1, round(width * share))


def read_pixels(path: Path, look: Look) -> np.ndarray:
    """Return the pixels of a picture, uint8 (height, width, channels).

    Transparent parts become white. Pictures are rotated according to their EXIF data.

    Raises:
        ReadRefused: the path is not a regular file, or takes more than the limit.
        DataFormatError: the file is not a picture, or damaged.
    """
    from PIL import Image, ImageOps

    size = (look.width, look.height)
    mode = "RGB" if look.rgb else "L"
    try:
        with opened_picture(path) as image:
            image.draft(mode, (2 * look.width, 2 * look.height))  # JPEG decodes at a smaller size
            allow_pixels(image, path)
            turned = ImageOps.exif_transpose(image)
            flat = _flat(turned, mode)
            if flat.size != size:
                way = Image.Resampling.BILINEAR
                if look.fit == "crop":
                    flat = ImageOps.fit(flat, size, way)
                elif look.fit == "pad":
                    flat = ImageOps.pad(flat, size, way)
                else:
                    flat = flat.resize(size, way)
            return np.asarray(flat, np.uint8).reshape(look.shape)
    except NodeflowError:
        raise
    except Exception as error:
        raise _broken(path, error) from error


def _flat(image, mode: str):  # type: ignore[no-untyped-def]
    """Return the picture without transparency, with 8 bits per channel."""
    from PIL import Image

    if image.mode.startswith("I"):  # 16 bits
        grey = np.asarray(image, np.float64)
        image = Image.fromarray((grey / 257).clip(0, 255).astype(np.uint8))
    if image.mode == mode:
        return image
    if image.mode in ("LA", "RGBA", "PA") or "transparency" in image.info:
        clear = image.convert("RGBA")
        ground = Image.new("RGBA", clear.size, "white")
        image = Image.alpha_composite(ground, clear)
    return image.convert(mode)


def _broken(path: Path, error: Exception) -> DataFormatError:
    reason = str(error)
    text = f"{path} is damaged: {reason}"
    if isinstance(error, MemoryError):
        return DataFormatError(f"{path} takes more memory than there is")
    if not isinstance(error, OSError) or "cannot identify" in reason or not reason:
        text = f"{path} is damaged or not a picture"
    return DataFormatError(text, hint="Replace it, or move it out of the folder.")
