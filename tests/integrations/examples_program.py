"""Runs every example, and trains it for 20 steps: ``python examples_program.py``.

Prints the names of the examples, each with the number of steps; 0 if it has no optimizer.
"""

from __future__ import annotations

import contextlib
import io

import nodeflow as nf
from nodeflow.cli.main import main
from nodeflow.errors import GraphError
from nodeflow.resources import examples
from nodeflow.train.control import Control
from nodeflow.train.events import Steps

STEPS = 20

for path in examples():
    with contextlib.redirect_stdout(io.StringIO()):
        assert main(["run", str(path)]) == 0
    control, steps = Control(), 0
    control.pause()
    control.step(STEPS)
    try:
        for event in nf.train.train(nf.load(path), epochs=STEPS, control=control, keep_run=False):
            steps += len(event.losses) if isinstance(event, Steps) else 0
            if steps == STEPS:
                control.stop()
    except GraphError as error:
        assert error.message == "there is no optimizer to train with"
    print(path.stem, steps)
