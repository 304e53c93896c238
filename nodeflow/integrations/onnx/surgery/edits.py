"""The verbs by name. Reads a model, changes it, proves the change, and writes the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nodeflow.atomic_write import write_atomically, writing
from nodeflow.exchange.comparison import NotVerified
from nodeflow.exchange.model_edits import Edited
from nodeflow.integrations.onnx.errors import CannotEdit, onnx_package
from nodeflow.integrations.onnx.file import LARGEST, load_external, read_model, tensors_of
from nodeflow.integrations.onnx.surgery.batch import batch
from nodeflow.integrations.onnx.surgery.ends import argmax, normalize
from nodeflow.integrations.onnx.surgery.float16 import float16
from nodeflow.integrations.onnx.surgery.folding import fold_batchnorm, fold_constants
from nodeflow.integrations.onnx.surgery.nodes import bypass, replace
from nodeflow.integrations.onnx.surgery.operation import Operation
from nodeflow.integrations.onnx.surgery.proof import proof
from nodeflow.integrations.onnx.surgery.ranges import add_output, cut
from nodeflow.integrations.onnx.surgery.renaming import rename

VERBS: Mapping[str, Callable[[Operation, Mapping[str, Any]], None]] = {
    "add-output": add_output,
    "argmax": argmax,
    "batch": batch,
    "bypass": bypass,
    "cut": cut,
    "float16": float16,
    "fold-batchnorm": fold_batchnorm,
    "fold-constants": fold_constants,
    "normalize": normalize,
    "rename": rename,
    "replace": replace,
}


def edit(
    source: Path, target: Path, verb: str, options: Mapping[str, Any], samples: Path | None
) -> Edited:
    """Apply an editing operation to an ONNX file, verify the result, and write it to ``target``.
    The rest of the file is written as it was read.

    Args:
        verb: name of the operation in `VERBS`.
        options: the arguments of the operation.
        samples: a folder of inputs on which the models are compared; None: random inputs.

    Raises:
        CannotEdit: the model has no such node or tensor, or the operation does not apply to it.
        NotVerified: the outputs of the new model are not as the operation promises.
        NodeflowError: a file is damaged, or cannot be written.
    """
    model = read_model(source, with_weights=False)
    outside = [t.name for t in tensors_of(model) if t.data_location == t.EXTERNAL]
    if outside and target.resolve().parent != source.resolve().parent:
        raise CannotEdit(
            f"{source.name} keeps weights in files beside it, such as {outside[0]!r}",
            hint=f"Write {target.name} into the same folder.",
        )
    old = _with_weights(model, source)
    operation = Operation(model, source)
    VERBS[verb](operation, options)
    new = _with_weights(model, source)
    _check(old, new)
    found = proof(old, new, operation, samples)
    if found.passed is False:
        raise NotVerified(
            f"the changed model is wrong: {found.text}",
            hint=f"Nothing was written. Change {source.name} in another way.",
        )
    with writing(target):
        write_atomically(target, model.SerializeToString())
    return Edited(target, tuple(operation.done), found.passed is True, found.text)


def _with_weights(model: Any, path: Path) -> Any:
    """Return a copy of a model with all weights inside."""
    made = type(model)()
    made.CopyFrom(model)
    for tensor in tensors_of(made):
        if tensor.data_location == tensor.EXTERNAL:
            load_external(tensor, path)
    return made


def _check(old: Any, new: Any) -> None:
    """Run ONNX's checker on the changed model. Ignore a check that the old model fails as well, and
    models that are too large for the checker.

    Raises:
        NotVerified: the changed model fails a check that the old one passes.
    """
    if new.ByteSize() > LARGEST:
        return  # the checker takes messages of 2 GB at most
    for full in (False, True):
        problem = _problem(new, full)
        if problem and not _problem(old, full):
            raise NotVerified(
                f"ONNX's checker refuses the changed model: {problem}",
                hint="Nothing was written. Change the model in another way.",
            )


def _problem(model: Any, full: bool) -> str:
    try:
        onnx_package().checker.check_model(model, full_check=full)
    except Exception as error:  # its errors have no common class
        return " ".join(str(error).split())[:300]
    return ""
