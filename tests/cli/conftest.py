"""Runs the command line in-process, with its own streams and folder."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from nodeflow.cli.environment import Environment
from nodeflow.cli.main import main


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
