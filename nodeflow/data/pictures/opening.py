"""Opening of pictures in known formats only, after checking the sizes in their headers.

A picture of a kilobyte may unpack to gigabytes. So its size is compared with the limit of
`file_reading` before its pixels are read.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from nodeflow.errors import ReadRefused
from nodeflow.file_reading import allow, opened

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "BMP", "DIB", "GIF", "WEBP", "TIFF")
"""Formats to try. Others are never tried, because some start programs."""
PIXEL_BYTES = 12
"""Bytes per pixel of three copies: as stored, with transparency, and in the wanted colours."""

_warnings = threading.Lock()


@contextmanager
def opened_picture(path: Path) -> Iterator[Image]:
    """Open a picture, and read only its header.

    Raises:
        ReadRefused: the path is not a regular file, or the picture has too many pixels.
        OSError: the file is not a picture, or damaged; other exceptions are possible.
    """
    from PIL import Image

    with opened(path) as file:
        try:
            with _warnings, warnings.catch_warnings():
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)
                image = Image.open(file, formats=FORMATS)
        except Image.DecompressionBombError:
            most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
            raise ReadRefused(
                f"{path} has more than {most // 10**6} million pixels",
                hint="Make the picture smaller.",
            ) from None
        with image:
            yield image


def allow_pixels(image: Image, path: Path) -> None:
    """Raise an error if a picture's pixels take more memory than the limit.

    Raises:
        ReadRefused: the message has the needed memory and the limit.
    """
    width, height = image.size
    allow(width * height * PIXEL_BYTES, path)
