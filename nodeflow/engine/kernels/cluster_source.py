"""Writes a fused cluster of elementwise ops as straight-line Python for numba, one statement per
node.

The text depends only on structure (formulas, dtypes, which axes broadcast), never on sizes or
names, so equal clusters share one kernel in all graphs. Names appear as comments, only in
explanations.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from nodeflow.engine.blocking import PAGE, blocks
from nodeflow.engine.kernels.expressions import Rendered, numpy_name, render
from nodeflow.graph.types import numpy_dtype
from nodeflow.ops.lowering import Elementwise

REPEATED = 256
"""Maximum elements of a stretch of several rows: a few vectors, and many stretches fit into a
cache.
"""
Pattern = tuple[bool, ...]
"""For each axis of the iteration space: True if the array has it, False if its size there is 1."""


@dataclass(frozen=True)
class Operand:
    """The operand of a node: the number of a cluster input or of an earlier node."""

    from_node: bool
    index: int


@dataclass(frozen=True, eq=False)
class ClusterNode:
    """One op of a cluster. It is compared by identity, because equal nodes are made only once."""

    lowering: Elementwise
    operands: tuple[Operand, ...]
    in_dtypes: tuple[str, ...]
    dtype: str
    label: str = ""


@dataclass(frozen=True)
class Output:
    """A node whose values are stored.

    ``inplace``: the input whose memory the values overwrite. ``strided``: whether they are
    stored in a part of a larger array.
    """

    node: int
    inplace: int | None = None
    strided: bool = False


@dataclass(frozen=True)
class Cluster:
    """Elementwise nodes over one iteration space of ``rank`` (at least 1) axes.

    Kernel arguments: sizes of the axes; elements per task; pointers to inputs; pointers to
    outputs that have their own memory; then, for each input in ``strided`` and each output in
    part of a larger array, the strides of all axes but the last, whose stride is 1.

    ``flush``: whether denormals are treated as zero.
    """

    rank: int
    inputs: tuple[tuple[str, Pattern], ...]
    nodes: tuple[ClusterNode, ...]
    outputs: tuple[Output, ...]
    flush: bool = False
    strided: tuple[int, ...] = ()


def elementwise_source(cluster: Cluster, *, comments: bool = False) -> str:
    """Return the source of one kernel that computes a cluster, several fused elementwise nodes.

    ``comments``: whether a comment at each statement names its node.
    """
    return _Writer(cluster, comments).source()


@cache
def rereads(cluster: Cluster) -> bool:
    """Return whether the kernel may read an input again after it has written a result.

    If so, the result must not be written into the input's memory.
    """
    writer = _Writer(cluster, comments=False)
    writer._statements()
    return bool(writer._shorter())


def formulas(cluster: Cluster) -> tuple[list[str], set[str]]:
    """Return the statements that compute element number ``i`` of a cluster (fused elementwise
    nodes), and the names of the functions that they call.

    Inputs that have the last axis are arrays ``x0``, ``x1`` and so on; others are numbers ``a0``.
    Results go into arrays ``y0``, ``y1``.
    """
    writer = _Writer(cluster, comments=False)
    return writer._statements(), writer.functions


def nearer(address: str, itemsize: int) -> list[str]:
    """Return statements that prefetch ``size`` elements one page after an address.

    The processor's own prefetching stops at the end of a page.
    """
    return [
        f"for line in range(0, {itemsize} * size, {blocks().line}):",
        f"    prefetch({address} + {PAGE} + line)",
    ]


class _Writer:
    def __init__(self, cluster: Cluster, comments: bool) -> None:
        self.cluster = cluster
        self.comments = comments
        self.functions: set[str] = set()
        self.of_others: set[str] = set()  # functions called with dtypes other than float32, float64
        self.checks: dict[str, list[str]] = {}

    def source(self) -> str:
        self.body = self._statements()
        self.shorter = self._shorter()
        self.checked = _checked(self.body, self.shorter)
        loop = self._loop()
        imports = ["import numpy as np"]
        intrinsics = [
            "independent",
            "load",
            "local_memory",
            "prefetch",
            "set_slot",
            "slot",
            "view1",
        ]
        if self.functions:
            intrinsics.insert(1, "interleaved")
        imports.append(f"from nodeflow.engine.devicelib.intrinsics import {', '.join(intrinsics)}")
        if self.checked:
            self.functions |= {f"near_{f}" for f in self.shorter}
            self.functions |= {_FAR[f] for f in self.shorter}
        if self.functions:
            names = ", ".join(sorted(self.functions))
            imports.append(f"from nodeflow.engine.devicelib.math_functions import {names}")
        if self.cluster.flush:
            names = "flush_denormals, restore_denormals"
            imports.append(f"from nodeflow.engine.devicelib.denormals import {names}")
        if self.checks:
            imports.append(
                f"from nodeflow.engine.devicelib.abi import CODE, {', '.join(self.checks)}"
            )
        return "\n".join([*imports, "", "", "def kernel(args, task, ntasks):", *loop, ""])

    # ---- the arithmetic -----------------------------------------------------------------------

    def _statements(self) -> list[str]:
        """Return the body of the kernel's innermost loop, without indentation: loads, one statement
        per node, and stores.
        """
        lines = []
        for k, (_, pattern) in enumerate(self.cluster.inputs):
            if pattern[-1]:
                lines.append(f"a{k} = x{k}[i]")
        for j, node in enumerate(self.cluster.nodes):
            lines.append(self._statement(j, node))
        for code, conditions in self.checks.items():
            lines.append(f"bad_{code} |= {' | '.join(dict.fromkeys(conditions))}")
        for number, output in enumerate(self.cluster.outputs):
            target = f"y{number}" if output.inplace is None else f"x{output.inplace}"
            lines.append(f"{target}[i] = v{output.node}")
        return lines

    def _statement(self, j: int, node: ClusterNode) -> str:
        texts = [f"v{o.index}" if o.from_node else f"a{o.index}" for o in node.operands]
        rendered = _rendered(node.lowering, node.in_dtypes, node.dtype)
        self.functions |= rendered.functions
        if not {node.dtype, *node.in_dtypes} <= {"float32", "float64"}:
            self.of_others |= rendered.functions
        for check in rendered.checks:
            code, condition = check.split(":", 1)
            self.checks.setdefault(code, []).append(condition.format(*texts))
        comment = f"  # {node.label}" if self.comments and node.label else ""
        return f"v{j} = {rendered.text.format(*texts)}{comment}"

    def _shorter(self) -> frozenset[str]:
        """Return the names of functions for which a kernel first tries a shorter formula.

        The shorter formulas of exp and log save less time: they pay only if the cluster has one
        axis and calls nothing else.
        """
        alone = self.functions <= {"exp", "log"} and self.cluster.rank == 1
        if alone and all(node.dtype in ("float32", "float64") for node in self.cluster.nodes):
            return frozenset(self.functions)
        return frozenset(self.functions & _PAYING - self.of_others)

    # ---- the loops ----------------------------------------------------------------------------

    def _loop(self) -> list[str]:
        rank = self.cluster.rank
        lines = [f"d{axis} = slot(args, {axis})" for axis in range(rank)]
        lines += [f"p{k} = slot(args, {rank + 1 + k})" for k in range(len(self.cluster.inputs))]
        own = [n for n, output in enumerate(self.cluster.outputs) if output.inplace is None]
        base = rank + 1 + len(self.cluster.inputs)
        lines += [f"q{n} = slot(args, {base + place})" for place, n in enumerate(own)]
        at = base + len(own)
        for name in self._strided():
            lines += [f"{name}_{axis} = slot(args, {at + axis})" for axis in range(rank - 1)]
            at += rank - 1
        lines += [f"bad_{code} = False" for code in self.checks]
        if self.cluster.flush:
            lines.append("mode = flush_denormals()")
        lines += [
            f"total = {' * '.join(f'd{axis}' for axis in range(rank))}",
            f"start = min(total, slot(args, {rank}) * task)",
            f"stop = min(total, start + slot(args, {rank}))",
        ]
        if rank == 1 and not self.checked:
            lines.append("size = stop - start")
            lines += self._views("start")
            lines += self._inner("")
        elif self._has_short_rows():
            lines += self._stretches()
        else:
            lines += self._rows()
        if self.cluster.flush:
            lines.append("restore_denormals(mode)")
        for code in self.checks:
            lines += [f"if bad_{code}:", f"    set_slot(args, CODE, {code})"]
        return ["    " + line for line in lines]

    def _has_short_rows(self) -> bool:
        """Return whether a cluster has inputs of a single row, such as a bias, that all rows share.

        Return False if its kernel cannot process several rows as one stretch.
        """
        patterns = [pattern for _, pattern in self.cluster.inputs]
        return (
            self.cluster.rank == 2
            and (False, True) in patterns
            and (True, False) not in patterns
            and not self.checked
            and not self._strided()
        )

    def _stretches(self) -> list[str]:
        """Return kernel loops that process several short rows at once as one stretch. Inputs that
        are a single row, the same for all rows, are repeated in memory.

        A loop over a row of 32 elements alone would take less time than the code around it. Inputs
        and outputs that are larger than the second-level cache are prefetched.
        """
        lines = [
            "length = max(np.int64(1), d1)",
            "column = start % length",
            f"short = d1 <= {REPEATED}",
            f"rows = min({REPEATED} // length, (stop - start) // length + 1)",
            "span = d1 * rows if short else d1",
        ]
        own = [n for n, output in enumerate(self.cluster.outputs) if output.inplace is None]
        arrays = [(f"p{k}", dtype) for k, (dtype, pattern) in enumerate(self.cluster.inputs)
                  if all(pattern)]  # fmt: skip
        arrays += [(f"q{n}", self.cluster.nodes[self.cluster.outputs[n].node].dtype) for n in own]
        each = sum(numpy_dtype(dtype).itemsize for _, dtype in arrays)
        repeated: list[str] = []
        for k, (dtype, pattern) in enumerate(self.cluster.inputs):
            size, name = numpy_dtype(dtype).itemsize, numpy_name(dtype)
            if pattern == (False, True):
                lines += [f"b{k} = p{k}", f"r{k} = local_memory({2 * size * REPEATED})"]
                repeated += [
                    f"to, once = view1(r{k} + {size} * place, d1, {name}), view1(p{k}, d1, {name})",
                    "for c in range(to.size):",
                    "    to[c] = once[c]",
                ]
        lines += [
            "if short:",
            "    for place in range(0, span + d1, d1):",
            *("        " + line for line in repeated),
            *(
                f"    b{k} = r{k}"
                for k, (_, pattern) in enumerate(self.cluster.inputs)
                if pattern == (False, True)
            ),
            f"outside = total * {each} > {blocks().ahead}",
            "position = start",
            "while position < stop:",
            "    size = min(span if short else span - column, stop - position)",
            "    if outside:",
        ]
        for array, dtype in arrays:
            size = numpy_dtype(dtype).itemsize
            lines += ["        " + line for line in nearer(f"{array} + {size} * position", size)]
        for k, (dtype, pattern) in enumerate(self.cluster.inputs):
            size, name = numpy_dtype(dtype).itemsize, numpy_name(dtype)
            if pattern == (False, False):
                lines.append(f"    a{k} = load(p{k}, {name})")
            else:
                at = f"p{k} + {size} * position" if all(pattern) else f"b{k} + {size} * column"
                lines.append(f"    x{k} = view1({at}, size, {name})")
        lines += ["    " + line for line in self._views("position", inputs=False)]
        lines += self._inner("    ")
        return [*lines, "    position += size", "    column = column if short else np.int64(0)"]

    def _rows(self) -> list[str]:
        """Return kernel loops that compute the elements of the task row by row along the innermost
        axis.

        Indices are counted up, because in short rows divisions would take longer than the elements.
        If functions have a shorter formula, one loop computes some elements by it and looks for
        arguments outside its range. If there are any, another loop computes those elements again.
        """
        rank = self.cluster.rank
        inner = f"d{rank - 1}"
        most = f", {blocks().numbers}" if self.checked else ""
        lines = [
            "position = start",
            f"rest = position // max(np.int64(1), {inner})",
            f"column = position - rest * {inner}",
        ]
        for axis in range(rank - 2, 0, -1):
            lines += [f"i{axis} = rest % max(np.int64(1), d{axis})"]
            lines += [f"rest = rest // max(np.int64(1), d{axis})"]
        lines += [
            *(["i0 = rest"] if rank > 1 else []),
            "while position < stop:",
            f"    size = min({inner} - column, stop - position{most})",
        ]
        lines += ["    " + line for line in self._views("position")]
        lines += self._inner("    ")
        return [*lines, "    position += size", *self._next("    ")]

    def _next(self, indent: str) -> list[str]:
        """Return kernel statements that advance the indices after a stretch, which is a row or a
        part of it. At the end of a row they go to the next row.
        """
        rank = self.cluster.rank
        lines = ["column += size"]
        if rank > 1:
            lines += [f"if column == d{rank - 1}:", "    column = np.int64(0)"]
            lines.append(f"    i{rank - 2} += 1")
        for depth, axis in enumerate(range(rank - 2, 0, -1), 1):
            inside = "    " * depth
            lines += [f"{inside}if i{axis} == d{axis}:", f"{inside}    i{axis} = np.int64(0)"]
            lines.append(f"{inside}    i{axis - 1} += 1")
        return [indent + line for line in lines]

    def _views(self, flat: str, inputs: bool = True) -> list[str]:
        """Return kernel statements that make the variables of the current stretch (a part of a
        row): an array for each input and output, or a scalar for an input that broadcasts along the
        innermost axis.
        """
        lines = []
        for k, (dtype, pattern) in enumerate(self.cluster.inputs if inputs else ()):
            size = numpy_dtype(dtype).itemsize
            if k in self.cluster.strided:
                offset = self._strided_offset(f"s{k}", pattern)
            else:
                offset = flat if all(pattern) else self._offset(pattern)
            address = f"p{k} + {size} * ({offset})" if offset != "0" else f"p{k}"
            if pattern[-1]:
                lines.append(f"x{k} = view1({address}, size, {numpy_name(dtype)})")
            else:
                lines.append(f"a{k} = load({address}, {numpy_name(dtype)})")
        for n, output in enumerate(self.cluster.outputs):
            if output.inplace is None:
                dtype = self.cluster.nodes[output.node].dtype
                size = numpy_dtype(dtype).itemsize
                offset = flat
                if output.strided:
                    offset = f"({self._strided_offset(f't{n}', (True,) * self.cluster.rank)})"
                lines.append(f"y{n} = view1(q{n} + {size} * {offset}, size, {numpy_name(dtype)})")
        return lines

    def _strided(self) -> list[str]:
        """Return the names of the kernel's stride variables, for all inputs and outputs that are
        parts of a larger array.
        """
        stores = (n for n, output in enumerate(self.cluster.outputs) if output.strided)
        return [*(f"s{k}" for k in self.cluster.strided), *(f"t{n}" for n in stores)]

    def _strided_offset(self, name: str, pattern: Pattern) -> str:
        """Return an expression for the index of a stretch's first element in a strided array.

        Args:
            name: the name of the array's strides.
            pattern: for each axis, whether the array has it.
        """
        last = len(pattern) - 1
        terms = [f"i{axis} * {name}_{axis}" for axis in range(last) if pattern[axis]]
        return " + ".join([*terms, *(["column"] if pattern[last] else [])]) or "0"

    def _offset(self, pattern: Pattern) -> str:
        """Return an index expression for the kernel: where the current stretch (a part of a row)
        begins in an array that is broadcast along the axes missing in ``pattern``.
        """
        terms = []
        for axis, present in enumerate(pattern):
            if not present:
                continue
            index = "column" if axis == len(pattern) - 1 else f"i{axis}"
            later = [f"d{b}" for b in range(axis + 1, len(pattern)) if pattern[b]]
            terms.append(" * ".join([index, *later]))
        return " + ".join(terms) or "0"

    def _inner(self, indent: str) -> list[str]:
        if not self.checked:
            return self._over(self.body, indent)
        first, instead = self.checked, []
        if any(output.inplace is not None for output in self.cluster.outputs):
            # Results in place overwrite their inputs, so all arguments are tested before the first
            # store.
            first = first[: 1 + max(k for k, line in enumerate(first) if line.startswith(_LOOK))]
            near = [_near(line, self.shorter) for line in self.body]
            instead = [f"{indent}else:", *self._over(near, indent + "    ")]
        return [
            f"{indent}far = False",
            *self._over(first, indent),
            f"{indent}if far:",
            *self._over(self.body, indent + "    "),
            *instead,
        ]

    def _over(self, body: Sequence[str], indent: str) -> list[str]:
        """Return the loop over the elements of a stretch."""
        first = self.cluster.outputs[0]
        size = "y0.size" if first.inplace is None else f"x{first.inplace}.size"
        end = f"independent({size})"
        end = f"interleaved({end})" if self.functions else end
        return [
            f"{indent}for i in range({end}):",
            *(f"{indent}    {line}" for line in body),
        ]


@cache
def _rendered(lowering: Elementwise, in_dtypes: tuple[str, ...], dtype: str) -> Rendered:
    """Return the source text of an elementwise formula with ``{0}`` for its first operand, ``{1}``
    for the second, and so on. The result is cached.

    Callers must not change it.
    """
    places = {name: f"{{{place}}}" for place, name in enumerate(lowering.names)}
    return render(lowering.expression, places, lowering.attrs, in_dtypes, dtype)


# ---- functions with a shorter formula for near arguments
# -------------------------------------------

_FAR = {
    "sin": "is_far",
    "cos": "is_far",
    "exp": "is_large",
    "log": "is_unusual",
    "floor_divide": "are_far_apart",
    "modulo": "are_far_apart",
}
"""For each function, the test for arguments outside the range of its shorter formula."""
_PAYING = {"sin", "cos", "floor_divide", "modulo"}
"""Functions whose shorter formula also saves time beside other functions."""
_LOOK = "far |= "


def _calls(functions: frozenset[str]) -> re.Pattern[str]:
    return re.compile(rf"\b({'|'.join(sorted(functions))})\(")


def _near(line: str, shorter: frozenset[str]) -> str:
    """Return a kernel line that calls ``near_NAME`` in place of NAME for the functions in
    ``shorter``.

    These variants have shorter formulas, which are valid for all except extreme arguments.
    """
    return _calls(shorter).sub(r"near_\1(", line)


def _checked(body: Sequence[str], shorter: frozenset[str]) -> list[str]:
    """Replace functions in kernel lines by their shorter formulas, and test each call's argument.

    The formula is wrong for an extreme argument, and the test notes one. A single one makes the
    loop compute the whole stretch again. Return no lines if no function has a shorter formula.
    """
    if not shorter:
        return []
    lines: list[str] = []
    for line in body:
        lines.append(_near(line, shorter))
        for found in _calls(shorter).finditer(line):
            argument = _near(_argument(line, found.end()), shorter)
            lines.append(f"{_LOOK}{_FAR[found[1]]}({argument})")
    return lines


def _argument(line: str, start: int) -> str:
    """Return the text from ``start`` to the closing parenthesis."""
    depth, end = 1, start
    while depth:
        depth += {"(": 1, ")": -1}.get(line[end], 0)
        end += 1
    return line[start : end - 1]


Strides = tuple[int, ...]


def collapse(
    shape: Sequence[int],
    input_shapes: Sequence[Sequence[int]],
    strides: Sequence[Strides | None] | None = None,
) -> tuple[list[int], list[Pattern], list[Strides | None]]:
    """Merge the axes of an iteration space as far as possible. Also return which of the merged axes
    each array extends over; it is broadcast along the others.

    Neighbouring axes are merged if every array extends over both or neither. Axes of size 1 are
    removed.

    Args:
        strides: for each array that is part of a larger one, the stride of each axis. It is 1 for
            the last axis, which is longer than 1.

    Returns:
        Sizes (at least one axis); for each array, which of the axes it extends over; for each
            array, its strides along all axes but the last, or None if it is contiguous.
    """
    rank = len(shape)
    padded = [(1,) * (rank - len(s)) + tuple(s) for s in input_shapes]
    steps = [s and (0,) * (rank - len(s)) + tuple(s) for s in strides or [None] * len(padded)]
    sizes: list[int] = []
    columns: list[tuple[bool, ...]] = []
    along: list[tuple[int, ...]] = []
    for axis, size in enumerate(shape):
        if size == 1:
            continue
        column = tuple(s[axis] != 1 for s in padded)
        step = tuple(s[axis] if s and has else 0 for s, has in zip(steps, column, strict=True))
        if columns and columns[-1] == column and along[-1] == tuple(s * size for s in step):
            sizes[-1] *= size
            along[-1] = step
        else:
            sizes.append(size)
            columns.append(column)
            along.append(step)
    if not sizes:
        return [1], [(True,)] * len(padded), [None] * len(padded)
    patterns = [tuple(c[k] for c in columns) for k in range(len(padded))]
    kept = [
        None if s is None or len(sizes) == 1 else tuple(a[k] for a in along[:-1])
        for k, s in enumerate(steps)
    ]
    return sizes, patterns, kept
