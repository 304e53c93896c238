"""ONNX's backend cases of single nodes, written with public ops: right in both tiers.

``make test-peers ONNX_PYTHON=...``; skipped where that is not given or has no onnx 1.22.0. Each
case is written with at most twelve public ops. Every case that cannot be written stands in
``onnx_left_out.txt`` with its reason, and no other; ``python -m tests.peers.test_onnx PYTHON``
writes that file.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import NodeflowError
from tests.ops.evaluate import widened
from tests.peers.onnx_ops import MOST, Case, LeftOut, translate

PYTHON = os.environ.get("ONNX_PYTHON")
VERSION = "1.22.0"
LEAST = 1350
LEFT_OUT = Path(__file__).with_name("onnx_left_out.txt")
TOLERANCE = {"rtol": 1e-3, "atol": 1e-7}
"""ONNX's own."""


def has_onnx() -> bool:
    test = f"import onnx; assert onnx.__version__ == {VERSION!r}"
    return bool(PYTHON) and not subprocess.run([PYTHON, "-c", test], stderr=-3).returncode


pytestmark = pytest.mark.skipif(not has_onnx(), reason=f"ONNX_PYTHON has no onnx {VERSION}")


def all_cases(python: str) -> list[dict[str, Any]]:
    """The cases as the other interpreter reads them."""
    script = Path(__file__).with_name("onnx_cases.py")
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "cases"
        subprocess.run([python, str(script), str(target)], check=True, timeout=900)
        return pickle.loads(target.read_bytes())[1]


def check(data: dict[str, Any]) -> None:
    """Write one case and compare both tiers with what ONNX expects.

    Raises:
        LeftOut: it cannot be written.
    """
    if data["reason"]:
        raise LeftOut(data["reason"])
    case = Case(data)
    with nf.Graph() as graph:
        outputs = list(translate(case))
    ops = [n for n in graph.nodes if n.derived_from is None]
    ops = [n for n in ops if n.op.id not in ("placeholder", "constant")]
    if len(ops) > MOST:
        raise LeftOut(f"more than {MOST} ops")
    wanted = [array for _, array in data["outputs"]][: len(outputs)]
    assert len(wanted) == len(data["outputs"]), f"{data['name']}: {len(outputs)} outputs"
    for tier in ("reference", "compiled"):
        with nf.Session(graph, tier=tier) as session:
            found = session.run(outputs, case.fed)
        for ours, theirs in zip(found, wanted, strict=False):
            ours = np.asarray(ours)
            assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape), data["name"]
            message = f"{data['name']} {tier}"
            ours, theirs = widened(ours), widened(theirs)
            np.testing.assert_allclose(ours, theirs, **TOLERANCE, err_msg=message)


def test_cases_of_single_nodes() -> None:
    assert PYTHON
    cases = all_cases(PYTHON)
    left_out: dict[str, str] = {}
    for data in cases:
        try:
            check(data)
        except LeftOut as reason:
            left_out[data["name"]] = str(reason)
    assert left_out == listed()
    assert len(cases) - len(left_out) >= LEAST


def listed() -> dict[str, str]:
    """The committed list: a reason, then the indented names of its cases."""
    found: dict[str, str] = {}
    reason = ""
    for line in LEFT_OUT.read_text().splitlines():
        if line.startswith("  "):
            found[line.strip()] = reason
        else:
            reason = line
    return found


def write(python: str) -> None:
    """Write the list of what is left out; prints what is wrong."""
    by_reason: dict[str, list[str]] = {}
    right = single = 0
    for data in all_cases(python):
        try:
            check(data)
            right += 1
            single += data["single"]
        except LeftOut as reason:
            by_reason.setdefault(str(reason), []).append(data["name"])
        except (AssertionError, NodeflowError, AttributeError, TypeError, ValueError) as error:
            print(
                f"{data['name']} {data['op']}: {type(error).__name__}: {str(error).strip()[:300]}"
            )
    lines = [
        line
        for reason, names in sorted(by_reason.items())
        for line in (reason, *(f"  {name}" for name in sorted(names)))
    ]
    LEFT_OUT.write_text("\n".join(lines) + "\n")
    count = sum(map(len, by_reason.values()))
    print(f"{right} right ({single} of one node), {count} left out")


if __name__ == "__main__":
    write(sys.argv[1])
