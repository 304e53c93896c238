"""Pictures are decoded by processes: the same pixels, in order, whatever happens to a process."""

from __future__ import annotations

import time

import numpy as np
import pytest
from PIL import Image

from nodeflow.data.errors import DataFormatError
from nodeflow.data.pictures import decoding, files
from nodeflow.data.pictures.decoding import Decoders
from nodeflow.data.pictures.files import PictureReader, list_pictures
from nodeflow.data.pictures.pixels import Look, read_pixels

LOOK = Look(9, 7, True)
COUNT = 70


@pytest.fixture
def folder(tmp_path):
    random = np.random.default_rng(0)
    for number in range(COUNT):
        pixels = random.integers(0, 256, (12, 10, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number:03}.png")
    return tmp_path


@pytest.fixture
def decoders():
    made = Decoders(2)
    deadline = time.monotonic() + 60
    while not made.are_ready:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    yield made
    made.close()


def paths(folder):
    return [folder / f"{number:03}.png" for number in range(COUNT)]


@pytest.mark.thorough
def test_processes_give_the_same_pixels_in_order(folder, decoders):
    found = list(decoders.read(paths(folder), LOOK))
    expected = [read_pixels(path, LOOK) for path in paths(folder)]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.thorough
def test_a_broken_picture_is_named(folder, decoders):
    (folder / "044.png").write_bytes(b"no picture")
    with pytest.raises(DataFormatError, match=r"044\.png is damaged"):
        list(decoders.read(paths(folder), LOOK))
    assert decoders.are_ready, "they go on"


def test_a_process_that_is_killed_costs_nothing_but_time(folder, decoders):
    for process in decoders._processes:
        process.kill()
        process.wait()
    found = list(decoders.read(paths(folder), LOOK))
    np.testing.assert_array_equal(found, [read_pixels(path, LOOK) for path in paths(folder)])


def test_processes_end_when_nothing_is_asked_of_them(folder, decoders, monkeypatch):
    monkeypatch.setattr(decoding, "IDLE_SECONDS", 0.05)
    running = list(decoders._processes)
    list(decoders.read(paths(folder), LOOK))
    deadline = time.monotonic() + 60
    while any(process.poll() is None for process in running):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert len(list(decoders.read(paths(folder), LOOK))) == COUNT, "or threads do it"


@pytest.mark.thorough
def test_a_reader_of_many_pictures_uses_them(folder, decoders, monkeypatch):
    asked = []
    monkeypatch.setattr(files, "WORTH_PROCESSES", COUNT)
    monkeypatch.setattr(files, "_decoders", lambda: decoders)
    read = decoders.read
    monkeypatch.setattr(decoders, "read", lambda *args: asked.append(1) or read(*args))
    reader = PictureReader(list_pictures(folder), LOOK, 0)
    which = np.random.default_rng(1).permutation(COUNT)
    expected = [read_pixels(folder / f"{number:03}.png", LOOK) for number in which]
    np.testing.assert_array_equal(reader(which), expected)
    assert asked
