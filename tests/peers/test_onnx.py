"""ONNX's backend cases of nodes, opened as files are: right in both tiers.

``make test-peers ONNX_PYTHON=...``; skipped where that is not given or has no onnx 1.22.0, whose
cases these are. Every case that the importer cannot write stands in ``onnx_left_out.txt`` with its
reason, and no other; ``python -m tests.peers.test_onnx`` writes that file.

Inputs that have to be known before a run (axes, pads) become initializers, as exporters write them.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import NodeflowError
from nodeflow.exchange.importing import Imported
from nodeflow.integrations.onnx import opaque
from nodeflow.integrations.onnx.errors import OnnxFileError
from nodeflow.integrations.onnx.file import array_of
from nodeflow.integrations.onnx.reading import graph_of
from tests.ops.evaluate import widened

PYTHON = os.environ.get("ONNX_PYTHON")
VERSION = "1.22.0"
LEAST = 1400
LEFT_OUT = Path(__file__).with_name("onnx_left_out.txt")
TOLERANCE = {"rtol": 1e-3, "atol": 1e-7}
"""ONNX's own."""


class LeftOut(Exception):
    """Why a case cannot be written."""


def has_onnx() -> bool:
    test = f"import onnx; assert onnx.__version__ == {VERSION!r}"
    return bool(PYTHON) and not subprocess.run([PYTHON, "-c", test], stderr=-3).returncode


pytestmark = pytest.mark.skipif(not has_onnx(), reason=f"ONNX_PYTHON has no onnx {VERSION}")


def cases() -> Iterator[Path]:
    import onnx

    yield from sorted((Path(onnx.__file__).parent / "backend/test/data/node").iterdir())


def arrays(folder: Path, kind: str, values: Any) -> dict[str, np.ndarray]:
    """The arrays of one side.

    Raises:
        LeftOut: one is no tensor, or of a dtype that nodeflow lacks.
    """
    import onnx

    found = {}
    for index, value in enumerate(values):
        which = value.type.WhichOneof("value")
        if which != "tensor_type":
            raise LeftOut(f"no dtype {which.removesuffix('_type')}")
        tensor = onnx.TensorProto()
        tensor.ParseFromString((folder / f"{kind}_{index}.pb").read_bytes())
        try:
            found[value.name] = array_of(tensor)
        except OnnxFileError as error:
            raise LeftOut(f"no dtype {error.message.split('dtype ')[1].split(',')[0]}") from None
    return found


def opened(model: Any, given: dict[str, np.ndarray]) -> Imported:
    """The model, with initializers for the inputs that have to be known.

    Raises:
        LeftOut: a node cannot be written.
    """
    import onnx

    while True:
        found = graph_of(model, fold=False)
        if not found.missing:
            return found
        reason = next(iter(found.missing.values()))
        if "has to be known before a run" not in reason:
            raise LeftOut(reason)
        node = found.graph.node(next(iter(found.missing)))
        proto = onnx.NodeProto.FromString(opaque.decoded(node.attrs["node"]))
        name = proto.input[int(reason.split("input ")[1].split()[0])]
        if name not in given or any(t.name == name for t in model.graph.initializer):
            raise LeftOut(reason)
        model.graph.initializer.append(onnx.numpy_helper.from_array(given[name], name))


def check(folder: Path) -> None:
    """Open one case and compare both tiers with what ONNX expects.

    Raises:
        LeftOut: it cannot be opened.
    """
    import onnx

    model = onnx.load(folder / "model.onnx")
    data = folder / "test_data_set_0"
    given = arrays(data, "input", model.graph.input)
    wanted = arrays(data, "output", model.graph.output)
    found = opened(model, given)
    fed = {tensor: given[name] for name, tensor in found.inputs.items()}
    for tier in ("reference", "compiled"):
        with nf.Session(found.graph, tier=tier) as session:
            session.variables.update(found.weights)
            results = session.run([found.outputs[name] for name in wanted], fed)
        for ours, (name, theirs) in zip(results, wanted.items(), strict=True):
            ours = np.asarray(ours)
            assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape), name
            ours, theirs = widened(ours), widened(theirs)
            nearest = TOLERANCE["atol"]
            if "dft" in folder.name:  # a float32 transform rounds all elements like the largest
                nearest += np.finfo(np.float32).eps / 10 * np.abs(theirs).max(initial=0)
            limits = {**TOLERANCE, "atol": nearest}
            np.testing.assert_allclose(ours, theirs, **limits, err_msg=f"{name} {tier}")


def test_cases_of_nodes() -> None:
    folders = list(cases())
    left_out: dict[str, str] = {}
    for folder in folders:
        try:
            check(folder)
        except LeftOut as reason:
            left_out[folder.name.removeprefix("test_")] = str(reason)
    assert left_out == listed()
    assert len(folders) - len(left_out) >= LEAST


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


def write() -> None:
    """Write the list of what is left out; prints what is wrong."""
    by_reason: dict[str, list[str]] = {}
    right = 0
    for folder in cases():
        name = folder.name.removeprefix("test_")
        try:
            check(folder)
            right += 1
        except LeftOut as reason:
            by_reason.setdefault(str(reason), []).append(name)
        except (AssertionError, NodeflowError) as error:
            print(f"{name}: {type(error).__name__}: {str(error).strip()[:400]}")
    lines = [
        line
        for reason, names in sorted(by_reason.items())
        for line in (reason, *(f"  {name}" for name in sorted(names)))
    ]
    LEFT_OUT.write_text("\n".join(lines) + "\n")
    print(f"{right} right, {sum(map(len, by_reason.values()))} left out")


if __name__ == "__main__":
    write()
