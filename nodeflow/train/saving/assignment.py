"""An assignment of a file's tensors to variables, if another program named and laid out the
tensors.

`suggestions` guesses the assignment from names and shapes, and users correct it. `assigned` returns
the tensors with the names, layouts and dtypes of the variables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from nodeflow.errors import FileProblem
from nodeflow.graph.types import number_kind, numpy_dtype
from nodeflow.train.saving.weights import Saved

LAYOUTS = {2: (1, 0), 4: (2, 3, 1, 0)}
"""The axes that transpose a tensor of PyTorch to nodeflow's layout, by rank.

Linear layers store (outputs, inputs), convolutions (outputs, inputs, height, width).
"""
SYNONYMS = {
    "kernel": "weight", "weights": "weight", "w": "weight", "biases": "bias", "b": "bias",
    "scale": "gamma", "offset": "beta", "shift": "beta",
}  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """The dtype and shape of a tensor."""

    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Taken:
    """The tensor of a file from which a variable takes its value.

    Attributes:
        tensor: the name of the tensor in the file.
        axes: the permutation of its axes; empty for none.
    """

    tensor: str
    axes: tuple[int, ...] = ()


def kinds(arrays: Mapping[str, np.ndarray]) -> dict[str, Kind]:
    return {name: Kind(str(array.dtype), array.shape) for name, array in arrays.items()}


def ways(tensor: Kind, variable: Kind) -> Iterator[tuple[int, ...]]:
    """Yield the permutations of axes that give a saved tensor the shape of a variable, first () for
    the unchanged order.

    Yield nothing if no permutation does, or if the dtypes are of different kinds.
    """
    if _sort(tensor.dtype) != _sort(variable.dtype):
        return
    if tensor.shape == variable.shape:
        yield ()
    axes = LAYOUTS.get(len(tensor.shape))
    if axes and tuple(tensor.shape[axis] for axis in axes) == variable.shape:
        yield axes


def suggestions(
    tensors: Mapping[str, Kind], variables: Mapping[str, Kind], fixed: Mapping[str, str]
) -> dict[str, Taken]:
    """Return a tensor for each variable that names and shapes identify.

    Tensors are matched by equal names; then by the last parts of names, where ``kernel`` equals
    ``weight``; then, if a shape has as many unmatched variables as tensors, in the order of both.
    All matrices and filters of a file are either transposed or not: the choice matches the most
    variables, or, in a tie, keeps the order of the file best.

    Args:
        tensors: tensors of the file, in its order.
        variables: variables of the graph, in its order.
        fixed: the known tensor of some variables.
    """
    places = {tensor: place for place, tensor in enumerate(tensors)}

    def worth(found: Mapping[str, Taken]) -> tuple[int, int]:
        order = [places[found[name].tensor] for name in variables if name in found]
        return len(found), -sum(a > b for a, b in combinations(order, 2))

    return max((_guess(tensors, variables, fixed, turned) for turned in (False, True)), key=worth)


def _guess(
    tensors: Mapping[str, Kind],
    variables: Mapping[str, Kind],
    fixed: Mapping[str, str],
    turned: bool,
) -> dict[str, Taken]:
    found = {name: Taken(tensor) for name, tensor in fixed.items()}

    def axes(tensor: str, kind: Kind) -> tuple[int, ...] | None:
        wanted = LAYOUTS.get(len(kind.shape), ()) if turned else ()
        return wanted if wanted in ways(tensors[tensor], kind) else None

    def left() -> list[str]:
        taken = {one.tensor for one in found.values()}
        return [tensor for tensor in tensors if tensor not in taken]

    def take(names: list[str], among: list[str], kind: Kind) -> None:
        if len(names) == len(among):
            for name, tensor in zip(names, among, strict=True):
                found[name] = Taken(tensor, axes(tensor, kind) or ())

    for close in (str, _canonical, lambda name: _canonical(name)[-2:]):
        for name in [name for name in variables if name not in found]:
            kind = variables[name]
            same = [t for t in left() if close(t) == close(name) and axes(t, kind) is not None]
            take([name], same, kind)
    for kind in dict.fromkeys(kind for name, kind in variables.items() if name not in found):
        wanting = [n for n, k in variables.items() if k == kind and n not in found]
        take(wanting, [t for t in left() if axes(t, kind) is not None], kind)
    return found


def _canonical(name: str) -> tuple[str, ...]:
    """Return the parts of a name, with synonyms of other programs replaced by one word.

    >>> _canonical("encoder.0.weight"), _canonical("Encoder/0/kernel:0")
    (('encoder', '0', 'weight'), ('encoder', '0', 'weight'))
    """
    parts = re.split(r"[./]", re.sub(r":\d+$", "", name.lower()))
    return tuple(SYNONYMS.get(part, part) for part in parts if part)


def assigned(saved: Saved, taken: Mapping[str, Taken], variables: Mapping[str, Kind]) -> Saved:
    """Return for each variable the tensor of a file that is assigned to it, converted to the
    variable's order of axes and dtype.

    Args:
        saved: the tensors of the file.
        taken: the name of the tensor, and the order of its axes, for each variable.
        variables: dtype and shape of the variables.

    Raises:
        FileProblem: a tensor is missing in the file, or does not fit its variable.
    """
    arrays = {}
    for name, one in taken.items():
        array, kind = saved.arrays.get(one.tensor), variables.get(name)
        if array is None or kind is None:
            raise FileProblem(f"there is no {one.tensor!r} for {name!r} any more")
        if one.axes not in ways(Kind(str(array.dtype), array.shape), kind):
            raise FileProblem(
                f"{one.tensor} is {array.dtype} {array.shape}, {name} {kind.dtype} {kind.shape}",
                node=name,
            )
        array = array.transpose(one.axes) if one.axes else array
        arrays[name] = np.ascontiguousarray(array.astype(numpy_dtype(kind.dtype), copy=False))
    return Saved(arrays, {})


def _sort(dtype: str) -> str:
    """Return a key that is equal for dtypes that convert to each other: one key for all floats."""
    return "float" if number_kind(numpy_dtype(dtype)) == "f" else dtype


def converted(tensor: Kind, variable: Kind, taken: Taken) -> str:
    """Return how a tensor is converted for a variable, in words; "" if it is not."""
    turned = "transposed" if taken.axes == LAYOUTS[2] else "axes reordered" if taken.axes else ""
    cast = f"to {variable.dtype}" if tensor.dtype != variable.dtype else ""
    return ", ".join(filter(None, (turned, cast)))
