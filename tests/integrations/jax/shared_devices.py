"""Trains models on four devices of one process, and says what these tell each other.

``python -m tests.integrations.jax.shared_devices MODEL ...`` prints a line of JSON for each: the
losses of 20 steps, and how often each kind of communication stands in the compiled step. Four
devices in one process take the same program as four processes, and start faster.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from typing import Any

import jax
import numpy as np

from nodeflow.integrations.jax.parallel.peers import Peers
from nodeflow.integrations.jax.parallel.steps import SharedSteps
from tests.integrations.jax.shared_training import trained

DEVICES = 4
COMMUNICATION = re.compile(
    r" (all-reduce|all-gather|all-to-all|collective-permute|reduce-scatter)(?:-start)?\("
)


def main(models: list[str]) -> None:
    jax.config.update("jax_num_cpu_devices", DEVICES)
    texts: list[str] = []
    arguments_of = SharedSteps._arguments

    def noted(self: Any, *given: Any) -> Any:
        arguments = arguments_of(self, *given)
        if not texts:
            texts.append(self._piece.lower(*arguments).compile().as_text())
        return arguments

    SharedSteps._arguments = noted  # type: ignore[method-assign]
    for model in models:
        texts.clear()
        losses, variables, metrics = trained(model, 20, Peers(1, 0))
        found = {
            "model": model,
            "losses": losses.tolist(),
            "largest": {name: float(np.abs(a).max()) for name, a in variables.items()},
            "metrics": metrics,
            "communication": Counter(COMMUNICATION.findall(texts[0])),
        }
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
