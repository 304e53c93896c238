"""``nodeflow train --processes``: what is refused, before anything is started."""

from __future__ import annotations

import sys

import pytest

from nodeflow.cli.processes import PLACE, place_of_this_process, without_resume
from nodeflow.resources import example

FILE = example("spirals.flow")
JAX = ("--backend", "jax")
SEVERAL = ("--coordinator", "a:1", "--num-processes", 2)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--processes", 2), "only JAX trains with several processes. Give --backend jax, too."),
        ((*JAX, "--processes", 2, "--process-id", 0), "--processes starts all processes on this "
         "machine, and --process-id is about those of several hosts"),
        ((*JAX, "--coordinator", "a:1"), "--coordinator needs --num-processes"),
        ((*JAX, *SEVERAL), "--coordinator needs --process-id"),
        ((*JAX, "--process-id", 0), "--process-id needs --coordinator"),
        ((*JAX, *SEVERAL, "--process-id", 2), "there is no process 2 of 2"),
        ((*JAX, "--coordinator", "a", "--num-processes", 2, "--process-id", 0),
         "expected an address like host:port, not 'a'"),
        ((*JAX, "--processes", 2, "--explain"), "--explain looks at a training by one process"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_before_anything_starts(nodeflow, options, said):
    result = nodeflow("train", FILE, *options)
    assert result.code == 1
    assert said in result.err
    assert result.out == ""


def test_a_number_of_processes_is_at_least_one(nodeflow):
    result = nodeflow("train", FILE, *JAX, "--processes", 0)
    assert result.code == 2
    assert "must be at least 1" in result.err


def test_windows_is_told_apart(nodeflow, monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    result = nodeflow("train", FILE, *JAX, "--processes", 2)
    assert result.code == 1
    assert "several processes train together on Linux and macOS only" in result.err
    assert "On Windows, train with one process." in result.err


def test_a_process_knows_its_place(monkeypatch):
    assert place_of_this_process() is None
    monkeypatch.setenv(PLACE, "1/4@host.example:1234")
    place = place_of_this_process()
    assert place is not None
    assert (place.index, place.number, place.address) == (1, 4, "host.example:1234")


def test_the_command_that_goes_on_names_the_folder_once():
    words = [
        "train",
        "f.flow",
        "--checkpoint",
        "a",
        "--epochs",
        "3",
        "--resume=b",
        "--processes",
        "2",
    ]
    assert without_resume(words) == ["train", "f.flow", "--epochs", "3", "--processes", "2"]
