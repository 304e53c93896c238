"""Tests the promise of a verb: onnxruntime computes the model before and after."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nodeflow.errors import NodeflowError
from nodeflow.integrations.onnx.checking.measures import ABSOLUTE, Gap
from nodeflow.integrations.onnx.checking.programs import OnnxRuntime, onnxruntime_package
from nodeflow.integrations.onnx.checking.samples import samples_of
from nodeflow.integrations.onnx.errors import onnx_package
from nodeflow.integrations.onnx.surgery.operation import Equal, Operation
from nodeflow.manifests import SoftwareMissing


@dataclass(frozen=True)
class Proof:
    """The result of a test.

    Attributes:
        passed: whether the promise is kept; None if nothing was compared.
        text: the result in a sentence.
    """

    passed: bool | None
    text: str


def proof(old: Any, new: Any, operation: Operation, folder: Path | None) -> Proof:
    """Verify an edited model: run the old and the new model with onnxruntime on samples, and
    compare the outputs that the editing operation declared equal.

    Args:
        old, new: the models with all weights inside.
        folder: folder of samples of the old model; None for random ones.
    """
    try:
        onnxruntime_package()
    except SoftwareMissing:
        return Proof(None, "not verified: onnxruntime is not installed")
    inputs = operation.inputs
    if inputs is None:
        inputs = [Equal(name, name) for name in operation.fed]
    outputs = operation.outputs
    names = [value.name for value in new.graph.output]
    if outputs is None:
        outputs = [Equal(name, name) for name in names]
    wanted = with_outputs(old, [each.old for each in (*inputs, *outputs)])
    before, after = OnnxRuntime(), OnnxRuntime()
    gaps = {each.new: Gap() for each in outputs}
    try:
        samples = samples_of(old, folder)
        before.load(wanted)
    except NodeflowError as error:
        return Proof(None, f"not verified: {error.message} (before the change)")
    try:
        after.load(new)
    except NodeflowError as error:
        return Proof(False, error.message)
    for sample in samples:
        try:
            values = {**before.run(sample.feeds), **sample.feeds}
        except NodeflowError as error:
            return Proof(None, f"not verified: {error.message} (before the change)")
        feeds = {
            each.new: each.change(values[each.old]).astype(values[each.old].dtype)
            for each in inputs
        }
        try:
            found = after.run(feeds)
        except NodeflowError as error:
            return Proof(False, error.message)
        for each in outputs:
            if each.new in found and each.old in values:
                gaps[each.new].add(found[each.new], each.change(values[each.old]))
    return _judged(operation, gaps, names, after.title, len(samples))


def _judged(
    operation: Operation, gaps: dict[str, Gap], names: list[str], program: str, count: int
) -> Proof:
    by = f"by {program} on {count} samples"
    if not gaps:
        return Proof(True, f"it runs {by}; all its outputs depend on the change")
    spoilt = [n for n, g in gaps.items() if g.other_shape]
    far = (
        [] if operation.relative is None else [n for n, g in gaps.items() if _is_far(g, operation)]
    )
    for name in [*spoilt, *far]:
        return Proof(False, f"the output {name} differs: {gaps[name].text}")
    worst = max(gaps, key=lambda n: gaps[n].noise)
    largest = gaps[worst].text
    if all(gap.is_whole for gap in gaps.values()) and operation.relative is not None:
        return Proof(True, f"verified {by}, all integers are equal")
    others = len(names) - len(gaps)
    more = f"; {others} outputs depend on the change" if others else ""
    if operation.relative is None:
        return Proof(True, f"computed {by}: the largest difference is at {worst}: {largest}{more}")
    return Proof(True, f"verified {by}, largest difference {largest}{more}")


def _is_far(gap: Gap, operation: Operation) -> bool:
    if gap.is_whole:
        return bool(gap.differing)
    return gap.largest > (operation.relative or 0) * gap.reference + ABSOLUTE


def with_outputs(model: Any, names: list[str]) -> Any:
    """Return a copy of a model that also has these computed tensors as outputs."""
    onnx = onnx_package()
    made = type(model)()
    made.CopyFrom(model)
    known = {value.name for value in (*made.graph.output, *made.graph.input)}
    for name in dict.fromkeys(names):
        if name not in known:
            made.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    return made
