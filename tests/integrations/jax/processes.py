"""Starts the processes of a training for tests, and collects what came out of each."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np

SECONDS = 240
ROOT = Path(__file__).resolve().parents[3]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def together(
    model: str,
    steps: int,
    number: int,
    folder: Path,
    prefixes: list[list[str]] | None = None,
    host: str = "127.0.0.1",
) -> list[dict[str, np.ndarray]]:
    """What each of ``number`` processes has at the end.

    Args:
        prefixes: words before the command of each process, such as those that enter a namespace.
    """  # fmt: skip
    address = f"{host}:{free_port()}"
    files = [folder / f"{index}.npz" for index in range(number)]
    processes = []
    for index, file in enumerate(files):
        job = {"model": model, "steps": steps, "number": number, "index": index,
               "address": address, "file": str(file)}  # fmt: skip
        command = [sys.executable, "-m", "tests.integrations.jax.shared_training", json.dumps(job)]
        before = prefixes[index] if prefixes else []
        processes.append(
            subprocess.Popen([*before, *command], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        )
    said = [process.communicate(timeout=SECONDS)[1] for process in processes]
    for process, text in zip(processes, said, strict=True):
        assert process.returncode == 0, text[-3000:]
    found = []
    for file in files:
        with np.load(file) as arrays:
            found.append({name: arrays[name] for name in arrays.files})
    return found


def assert_together(found: list[dict[str, np.ndarray]], whole, steps: int) -> None:  # type: ignore[no-untyped-def]
    """All processes have the same bits, and those of one process with the whole batch within
    1e-5."""
    losses, variables, metrics = whole
    for other in found[1:]:
        assert other.keys() == found[0].keys()
        for name, array in found[0].items():
            np.testing.assert_array_equal(other[name], array, err_msg=name)
    first = found[0]
    assert first["losses"].shape == (steps,)
    np.testing.assert_allclose(first["losses"], losses, rtol=1e-5, atol=1e-5)
    for name, array in variables.items():
        np.testing.assert_allclose(
            first[f"variable {name}"], array, rtol=1e-5, atol=1e-5, err_msg=name
        )
    for name, value in metrics.items():
        np.testing.assert_allclose(first[f"metric {name}"], value, rtol=1e-5, err_msg=name)
