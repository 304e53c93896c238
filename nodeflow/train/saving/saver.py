"""`nf.train.Saver`: variables of a session to checkpoints and back, as in TensorFlow 1."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nodeflow.engine.session import Session
from nodeflow.errors import GraphError, suggest
from nodeflow.graph.graph import Node, Tensor, get_default_graph
from nodeflow.graph.types import shape_text
from nodeflow.train.saving.checkpoint import (
    CheckpointProblem,
    clear_leftovers,
    delete_checkpoint,
    read_checkpoint,
    read_manifest,
    write_checkpoint,
)
from nodeflow.train.saving.checkpoint_state import write_state as write_list

Variable = Tensor | Node


class Saver:
    """An object that saves and restores variables.

    A checkpoint is a folder with the variables as safetensors and a manifest. It holds no graph
    (`nf.save` writes that). Beside it, the file ``checkpoint`` lists the kept checkpoints.

    Args:
        var_list: the variables, as a list, or as a dict from the name in the checkpoint to the
            variable. None means all variables that the default graph has now, including the
            variables of optimizers.
        reshape: whether to restore a variable from values of another shape with as many elements.
        max_to_keep: how many of the checkpoints that this object wrote are kept. Older ones are
            deleted. None or 0 keeps all.
        keep_checkpoint_every_n_hours: one old checkpoint is kept for every so many hours.
        allow_empty: whether a Saver without variables is allowed.
        pad_step_number: whether to write step numbers with eight digits.

    Raises:
        GraphError: there is nothing to save, or an element is not a variable.
    """

    def __init__(
        self,
        var_list: Sequence[Variable] | Mapping[str, Variable] | None = None,
        reshape: bool = False,
        sharded: bool = False,
        max_to_keep: int | None = 5,
        keep_checkpoint_every_n_hours: float = 10000.0,
        name: str | None = None,
        *,
        allow_empty: bool = False,
        pad_step_number: bool = False,
    ) -> None:
        self._variables = _named(var_list)
        if not self._variables and not allow_empty:
            raise GraphError(
                "there are no variables to save",
                hint="Make the Saver after the variables, or give it a list of them.",
            )
        self._reshape = reshape
        self._max_to_keep = max_to_keep or 0
        self._seconds = keep_checkpoint_every_n_hours * 3600
        self._keep_next = time.time() + self._seconds
        self._digits = 8 if pad_step_number else 1
        self._kept: list[tuple[str, float]] = []
        self._stamps: dict[str, str] = {}
        self._cleared: set[Path] = set()

    # ---- saving -------------------------------------------------------------------------------

    def save(
        self,
        sess: Session,
        save_path: str | os.PathLike[str],
        global_step: int | Tensor | None = None,
        latest_filename: str | None = None,
        meta_graph_suffix: str = "meta",
        write_meta_graph: bool = True,
        write_state: bool = True,
    ) -> str:
        """Write a checkpoint, completely or not at all.

        Args:
            sess: a session of the variables' graph, in which all of them have values.
            save_path: the path of the checkpoint; its folder must exist.
            global_step: a number, or a tensor with it, which is appended to the path.
            latest_filename: name of the list of checkpoints; default ``checkpoint``.
            write_meta_graph: accepted for compatibility with TensorFlow; no graph is written.
            write_state: whether to write the list of checkpoints.

        Returns:
            The path of the checkpoint: ``save_path``, or ``save_path-STEP``.

        Raises:
            NotInitialized: a variable has no value.
            NonFiniteError: a variable is not finite, but it is finite in the checkpoint to replace.
            CheckpointProblem: the checkpoint cannot be written.
        """
        _check_session(sess, self._variables)
        step = _number(sess, global_step)
        path = os.fspath(save_path) + ("" if step is None else f"-{step:0{self._digits}d}")
        arrays = {name: sess.variables[node.name] for name, node in self._variables.items()}
        _check_folder(Path(path))
        if (folder := Path(path).parent) not in self._cleared:
            self._cleared.add(folder)
            clear_leftovers(folder)
        manifest = write_checkpoint(Path(path), arrays, step)
        self._stamps[path] = manifest.stamp
        self._kept = [(p, t) for p, t in self._kept if p != path]
        self._kept.append((path, time.time()))
        old = self._kept[: -self._max_to_keep] if self._max_to_keep else []
        if write_state:  # first, so that the list never names a deleted checkpoint
            write_list(Path(path).parent, latest_filename, self._kept[len(old) :])
        self._kept = self._kept[len(old) :]
        self._delete(old)
        return path

    def _delete(self, old: list[tuple[str, float]]) -> None:
        for path, saved in old:
            if saved > self._keep_next:
                self._keep_next += self._seconds
            elif path in self._stamps:
                delete_checkpoint(Path(path), self._stamps.pop(path))

    # ---- restoring ----------------------------------------------------------------------------

    def restore(self, sess: Session, save_path: str | os.PathLike[str]) -> None:
        """Set variables to the values of a checkpoint. They need not be initialized before.

        Args:
            sess: a session of the variables' graph.
            save_path: the path that `save` returned, or the path of a safetensors file.

        Raises:
            CheckpointProblem: there is no checkpoint, or it lacks a variable, or has another dtype
                or shape for one. The message names all such variables, and no variable is changed.
        """
        if save_path is None:
            raise CheckpointProblem(
                "there is no checkpoint to restore",
                hint="latest_checkpoint returns None if there is none.",
            )
        _check_session(sess, self._variables)
        arrays = read_checkpoint(Path(save_path))
        values: dict[str, np.ndarray] = {}
        wrong: list[tuple[str, str]] = []
        for name, node in self._variables.items():
            array = arrays.get(name)
            if array is not None and self._reshape and _may_reshape(array, node):
                array = array.reshape(node.outputs[0].shape)  # type: ignore[arg-type]
            said = _misfit(name, node, array, arrays)
            if said is not None:
                wrong.append((node.name, said))
            elif array is not None:
                values[node.name] = array
        if wrong:
            raise CheckpointProblem(
                f"{save_path} does not fit: {'; '.join(text for _, text in wrong)}",
                node=wrong[0][0],
                hint="Restore fewer variables, or map names: "
                "nf.train.Saver({'name in the checkpoint': variable}).",
            )
        sess.variables.update(values)

    # ---- kept checkpoints -----------------------------------------------------------------------

    @property
    def last_checkpoints(self) -> list[str]:
        """The paths of the kept checkpoints, the oldest first."""
        return [path for path, _ in self._kept]

    def recover_last_checkpoints(self, checkpoint_paths: Iterable[str]) -> None:
        """Count checkpoints of an earlier run among the kept ones.

        The paths are given the oldest first. These checkpoints are deleted like others when too
        many are kept.
        """
        found = [(p, read_manifest(Path(p)), Path(p)) for p in checkpoint_paths if Path(p).is_dir()]
        self._kept = [(path, place.stat().st_mtime) for path, _, place in found]
        self._stamps = {path: manifest.stamp for path, manifest, _ in found}


def _named(var_list: Any) -> dict[str, Node]:
    """Return the variables by their names in the checkpoint."""
    if var_list is None:
        return {v.node.name: v.node for v in get_default_graph().variables}
    if isinstance(var_list, Mapping):
        return {str(name): _variable(given) for name, given in var_list.items()}
    if isinstance(var_list, (str, Tensor, Node)) or not isinstance(var_list, Iterable):
        raise GraphError(
            f"var_list is a list or a dict of variables, not {var_list!r:.60}",
            hint="Put it in brackets.",
        )
    nodes = [_variable(given) for given in var_list]
    return {node.name: node for node in nodes}


def _variable(given: Any) -> Node:
    node = given.node if isinstance(given, Tensor) else given
    if not isinstance(node, Node) or node.op.id != "variable":
        what = f"a {node.op.id}" if isinstance(node, Node) else repr(given)
        raise GraphError(
            f"only variables can be saved, not {what:.60}",
            node=node.name if isinstance(node, Node) else None,
        )
    return node


def _check_session(sess: Any, variables: Mapping[str, Node]) -> None:
    if not isinstance(sess, Session):
        raise GraphError(
            f"expected a Session first, not {sess!r:.60}", hint="Write saver.save(sess, path)."
        )
    for node in variables.values():
        if node.graph is not sess.graph:
            raise GraphError(
                f"{node.name} belongs to another graph than the session's",
                node=node.name,
                hint="Make the Saver where that graph is the default one.",
            )


def _number(sess: Session, step: Any) -> int | None:
    if step is None or isinstance(step, (int, np.integer)):
        return None if step is None else int(step)
    try:
        value = np.asarray(sess.run(step))
        if value.size == 1 and value.dtype.kind in "iu":
            return int(value.reshape(()))
    except GraphError:
        pass
    raise GraphError(f"global_step is a whole number or a tensor that has one, not {step!r:.60}")


def _check_folder(path: Path) -> None:
    if not path.parent.is_dir():
        raise CheckpointProblem(
            f"there is no folder {path.parent}",
            hint=f"Make it first: os.makedirs({str(path.parent)!r}).",
        )


def _may_reshape(array: np.ndarray, node: Node) -> bool:
    shape = node.outputs[0].shape
    return None not in shape and array.size == np.prod(shape, dtype=int)  # type: ignore[arg-type]


def _misfit(
    name: str, node: Node, array: np.ndarray | None, arrays: Mapping[str, Any]
) -> str | None:
    """Return the reason why values do not fit a variable, in words; None if they fit."""
    if array is None:
        near = suggest(name, arrays, "near it")
        return f"it has no variable {name!r}" + (f" ({near.rstrip('?')})" if near else "")
    type_ = node.outputs[0].type
    if array.dtype.name == type_.dtype and _fits(type_.shape, array.shape):
        return None
    there = f"{array.dtype.name} {shape_text(array.shape)}"
    return f"{name!r} is {there} there, and {node.name} is {type_}"


def _fits(shape: tuple[int | None, ...], other: tuple[int, ...]) -> bool:
    return len(shape) == len(other) and all(
        a is None or a == b for a, b in zip(shape, other, strict=True)
    )
