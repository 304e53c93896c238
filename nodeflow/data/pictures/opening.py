"""Opening pictures: of the formats that are known alone, and judged by their headers first.

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
"""Others are never tried: some start programs."""
PIXEL_BYTES = 12
"""What a pixel takes: as it is stored, with transparency, and in the wanted colours."""

_warnings = threading.Lock()


@contextmanager
def opened_picture(path: Path) -> Iterator[Image]:
    """A picture whose header was read, and nothing else.

    Raises:
        ReadRefused: it is no regular file, or has more pixels than any picture.
        OSError and others: it is no picture, or damaged.
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
    """Refuse a picture whose pixels take more than the limit.

    Raises:
        ReadRefused: says how much they take and how much they may take.
    """
    width, height = image.size
    allow(width * height * PIXEL_BYTES, path)
