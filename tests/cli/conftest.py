"""Runs the command line in-process, with its own streams and folder."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from nodeflow.cli.environment import Environment
from nodeflow.cli.main import main
from nodeflow.resources import example
from nodeflow.train.interrupts import STOPPING

ROOT = Path(__file__).parents[2]


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def lines(self):
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def nodeflow(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Call as ``nodeflow("run", file, "--json")``; argparse's own output is captured too."""

    def call(*arguments: object) -> Result:
        environment = Environment(io.StringIO(), io.StringIO(), tmp_path)
        code = main([str(a) for a in arguments], environment)
        printed = capsys.readouterr()
        return Result(
            code,
            environment.stdout.getvalue() + printed.out,
            environment.stderr.getvalue() + printed.err,
        )

    return call


@pytest.fixture
def endless_training(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start ``nodeflow train SPIRALS`` in a process that has ended an epoch and heeds signals.

    A shell's background jobs, and what they start, ignore Ctrl-C, and those of nohup SIGHUP: the
    process gets the signals' defaults, as in a terminal.
    """
    started: list[subprocess.Popen[str]] = []
    ignored = [number for number in STOPPING if signal.getsignal(number) is signal.SIG_IGN]
    command = [sys.executable, "-m", "nodeflow", "train", str(example("spirals.flow")), "--json"]

    def start(*options: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*command, "--set", "training.epochs=1000000", *options],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        started.append(process)
        assert process.stdout is not None
        while (event := json.loads(process.stdout.readline())["event"]) != "epoch":
            assert event == "run"
        return process

    for number in ignored:
        signal.signal(number, signal.SIG_DFL)
    yield start
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)
    for process in started:
        process.kill()
        process.communicate()
