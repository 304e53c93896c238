"""A survey of a folder of pictures: its classes, and the sizes of a sample."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from nodeflow.data.pictures.files import Listing, list_pictures
from nodeflow.data.pictures.pixels import default_size, look_of
from nodeflow.data.survey_types import HEAD_ROWS, MOST_LISTED, ColumnSurvey, Guess, Survey
from nodeflow.errors import DataError

SAMPLED = 200


def survey_pictures(place: Path, limit: int | None = None) -> Survey:
    """Examine the names of all pictures, and the headers of `SAMPLED` of them.

    Raises:
        DataNotFound: there is no picture.
        DataFormatError: none of the sample can be read.
    """
    listing = list_pictures(place)
    rows = len(listing) if limit is None else min(limit, len(listing))
    sizes: Counter[tuple[int, int]] = Counter()
    colored, broken = 0, []
    for number in _spread(len(listing), SAMPLED):
        try:
            height, width, rgb = look_of(listing.path(number))
        except DataError as error:
            broken.append(error)
            continue
        sizes[height, width] += 1
        colored += rgb
    if not sizes:
        raise broken[0]
    (height, width), _ = sizes.most_common(1)[0]
    shape = (height, width, 3 if colored else 1)
    columns = [ColumnSurvey("file", "picture", distinct=rows, shape=shape)]
    if listing.classes:
        counts = Counter(listing.classes[label] for label in listing.labels.tolist())
        listed = tuple(counts.most_common(MOST_LISTED))
        columns.append(ColumnSurvey("class", "category", distinct=len(counts), categories=listed))
    options = {
        "size": list(default_size(height, width)),
        "color": "rgb" if colored else "grey",
        "labels": "one_hot" if listing.classes else "none",
    }
    if listing.classes:
        options["classes"] = list(listing.classes)
        if not listing.splits:
            options["split"] = "stratified"
    notice = None
    if broken:
        found = "is a broken one" if len(broken) == 1 else f"are {len(broken)} broken ones"
        notice = f"Among {min(SAMPLED, rows)} pictures {found}: {broken[0]}"
    return Survey(
        f"pictures:{place}", place.name, "pictures", rows, tuple(columns), _head(listing),
        listing.classes, Guess("pictures", options), notice,
    )  # fmt: skip


def _spread(count: int, most: int) -> list[int]:
    """Return at most ``most`` indices, evenly spread."""
    return np.linspace(0, count - 1, min(count, most)).astype(int).tolist()


def _head(listing: Listing) -> tuple[tuple[str, ...], ...]:
    """Return the file name and class of some pictures, spread over all classes."""
    places = _spread(len(listing), HEAD_ROWS)
    if not listing.classes:
        return tuple((listing.files[n],) for n in places)
    return tuple((listing.files[n], listing.classes[listing.labels[n]]) for n in places)
