"""Arguments of TensorFlow 1's functions: taken, renamed, or refused with a reason."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from nodeflow.foreign_names.arguments import WITHOUT_EFFECT, here
from nodeflow.graph.registry import REGISTRY
from nodeflow.integrations.tensorflow1 import name_page
from nodeflow.integrations.tensorflow1.tables.refusals import REFUSED, refused

OUT_OF_ORDER = {
    "einsum", "linalg.einsum",  # take the equation first, whatever their signature says
    "VariableScope", "data.Iterator",  # nf makes them
    "nn.sigmoid_cross_entropy_with_logits", "nn.softmax_cross_entropy_with_logits",
    "nn.sparse_softmax_cross_entropy_with_logits",  # by name only, as TensorFlow 1 has it
    "train.Optimizer",  # a base class
    "nn.rnn_cell.RNNCell",
}  # fmt: skip


HERE = [(name, found.here) for name, found in name_page.answers() if found.here]


def test_every_argument_is_taken_renamed_or_refused_with_a_reason() -> None:
    assert len(HERE) > 750
    silent = [
        f"{name.path}({argument})"
        for name, path in HERE
        for argument in name_page.arguments(name, path)[1]
        if refused(name.path, argument) is None
    ]
    assert silent == []


def test_every_refusal_is_needed() -> None:
    missing = {
        f"{name.path}.{argument}"
        for name, path in HERE
        for argument in name_page.arguments(name, path)[1]
    }
    from fnmatch import fnmatchcase

    for pattern in REFUSED:
        if pattern in ("*.kwargs", "map_fn.infer_shape"):
            continue
        assert any(fnmatchcase(name, pattern) for name in missing), pattern


def positional(path: str) -> list[str] | None:
    """What an argument at each place means; None where that is not known."""
    found: Any = name_page.function_at(path)
    if not inspect.isfunction(found):
        return None
    last = path.split(".")[-1]
    if found.__module__ == "nodeflow.ops.functions" and last in REGISTRY:
        op = REGISTRY.lookup(last)
        names = [port.name for port in op.inputs if not port.keyword]
        return [*names, *(attr.name for attr in op.attrs if attr.name not in names)]
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY)
    return [p.name for p in inspect.signature(found).parameters.values() if p.kind in kinds]


@pytest.mark.parametrize("first", [1, 2, 3])
def test_arguments_by_position_mean_the_same(first: int) -> None:
    """Those before ``name``, up to the third; nothing is silently taken for something else."""
    wrong = []
    for name, path in HERE:
        own = positional(path)
        if own is None or name.path in OUT_OF_ORDER or len(name.parameters) < first:
            continue
        theirs = name.parameters[first - 1]
        if "name" in name.parameters[:first] or theirs in WITHOUT_EFFECT:
            continue
        ours = theirs if theirs in own else here(theirs, own)
        if ours in own and own.index(ours) != first - 1:
            wrong.append(f"tf.{name.path}: {theirs} is number {own.index(ours) + 1} of {path}")
    assert wrong == []
