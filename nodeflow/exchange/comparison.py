"""A comparison of every value of a graph with the value that another program computes.

The other program is a peer (`peers`): it computes a graph's values from its feeds, such as ONNX's
numpy evaluator, which shares no code with nodeflow. Nodes that it cannot compute are left out, with
their dependents.

If a difference is larger than rounding explains, both programs compute the node again from the same
inputs. This shows whether the difference arises at the node, or was in its inputs and only grew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.errors import NodeflowError
from nodeflow.graph.graph import Graph, Node, Tensor, ancestors
from nodeflow.ops.training_mode import is_flag

TOLERANCES = {
    "float64": 1e-9, "float32": 1e-4, "float16": 1e-2, "bfloat16": 5e-2,
    "complex128": 1e-9, "complex64": 1e-4,
}  # fmt: skip
"""Maximum difference of equal results by dtype, relative to the largest number of a tensor."""
NAMED = 3
"""Maximum number of nodes without a counterpart that an error names."""

MOST_ALONE = 256
"""Maximum number of nodes to compute again by themselves. Further differences count as found."""

Arrays = Mapping[str, np.ndarray]
Fed = Mapping[Tensor, np.ndarray]


class NotVerified(NodeflowError):
    """A comparison in which another program computes different values, or cannot compute any.

    Remedy: Look at the node that the message names: where the first difference arises.
    """


class Lacks(Exception):
    """The error that a peer cannot compute some nodes.

    Args:
        nodes: the reason for each node name; empty if no node is the cause.
        message: the reason if no node is the cause.
    """

    def __init__(self, nodes: Mapping[str, str], message: str = "") -> None:
        super().__init__(message or "; ".join(nodes.values()))
        self.nodes, self.message = nodes, message


@dataclass(frozen=True)
class Taken:
    """The tensors that a peer computes.

    Attributes:
        inputs: placeholders whose values it needs.
        values: returns the tensors' values, given the values of `inputs` by name. Raises `Lacks`
            for obstacles found only then, and any other exception.
    """

    inputs: Sequence[Tensor]
    values: Callable[[Arrays], Sequence[np.ndarray]]


class Peer(Protocol):
    """Another program that computes values of a graph.

    Attributes:
        title: its name.
    """

    title: str

    def take(self, task: Task, session: Session, tensors: Sequence[Tensor]) -> Taken:
        """Let another program, the peer, prepare to compute tensors with the variables and random
        numbers of a session.

        The session must run the same tensors next.

        Raises:
            Lacks: the peer cannot compute some tensors.
            NodeflowError: the peer is not installed.
        """
        ...

    def alone(self, task: Task, session: Session, tensor: Tensor, fed: Fed) -> np.ndarray | None:
        """Compute a tensor by running only its own node, on the given inputs, and return it. Return
        None if that is impossible.
        """
        ...

    def ends(self, task: Task) -> Mapping[str, Tensor]:
        """Return the tensors, by name, that a comparison starts from if the user names none. The
        tensors that they depend on are compared, too.
        """
        ...


@dataclass(frozen=True)
class Difference:
    """The comparison of one node.

    Attributes:
        largest: largest difference, relative to the largest number of the tensor or 1.
        allowed: the largest difference that counts as equal.
        alone: difference if both compute the node from the same inputs; None if not computed.
    """

    name: str
    largest: float
    allowed: float
    alone: float | None = None

    @property
    def is_larger(self) -> bool:
        return not self.largest <= self.allowed

    @property
    def arises(self) -> bool:
        """Whether this node causes a difference by its own computation: the difference is too
        large, and it is not known that the node agrees when both programs give it equal inputs.
        """
        return self.is_larger and not (self.alone is not None and self.alone <= self.allowed)


@dataclass(frozen=True)
class Verified:
    """The result of a comparison.

    Attributes:
        nodes: the differences, in the order of the graph.
        left_out: the reason for each node that the peer cannot compute.
    """

    nodes: Sequence[Difference]
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def first(self) -> Difference | None:
        """The first node that causes a large difference between the two programs; None if no node
        does.
        """
        return next((one for one in self.nodes if one.arises), None)

    @property
    def largest(self) -> Difference:
        return max(self.nodes, key=lambda one: one.largest)

    @property
    def text(self) -> str:
        """The result in one line for people."""
        first = self.first
        if first is not None:
            size = first.largest if first.alone is None else first.alone
            return f"not verified: the first larger difference is {size:.2g} at node {first.name}"
        largest = self.largest
        if largest.is_larger:
            grown = f"rounding grows to {largest.largest:.2g} at node {largest.name}"
            return f"verified node by node; {grown}"
        return f"verified, largest difference {largest.largest:.2g} at node {largest.name}"


def verify(
    task: Task,
    session: Session,
    peer: Peer,
    names: Sequence[str] = (),
    said: Callable[[str], None] = lambda text: None,
) -> Verified:
    """Compute tensors of a graph in nodeflow and in another program, the peer, on the graph's data.
    Compare the values.

    Args:
        names: tensors to compare, with their dependencies; default: `Peer.ends`.
        said: called with a line of text before each long step.

    Raises:
        MissingFeed: a placeholder has no value; it can be fed.
        NotVerified: no part of the graph can be compared.
        NodeflowError: the peer is not installed.
    """
    ends = {name: task.tensor(name) for name in names} or peer.ends(task)
    tensors = list(_compared(ends.values()))
    left_out: dict[str, str] = {}
    while tensors:
        try:
            taken = peer.take(task, session, tensors)
            said(f"comparing {len(tensors)} values")
            feeds = task.feeds(tensors, "test")
            ours = session.run([*tensors, *taken.inputs], feeds)
            fed = zip(taken.inputs, ours[len(tensors) :], strict=True)
            theirs = _asked(peer, taken, {t.name: np.asarray(v) for t, v in fed})
        except Lacks as error:
            tensors = _without(tensors, error, left_out)
            continue
        pairs = zip(tensors, ours, theirs, strict=False)
        found = [_difference(t, np.asarray(mine), np.asarray(other)) for t, mine, other in pairs]
        values = dict(zip([*tensors, *taken.inputs], map(np.asarray, ours), strict=True))
        return Verified(_by_themselves(task, session, peer, found, values, said), left_out)
    why = "; ".join(f"{n}: {w}" for n, w in list(left_out.items())[:NAMED])
    text = f"nothing of the graph can be compared with {peer.title}"
    raise NotVerified(f"{text}: {why}" if why else text)


def _by_themselves(
    task: Task,
    session: Session,
    peer: Peer,
    found: Sequence[Difference],
    values: Fed,
    said: Callable[[str], None],
) -> list[Difference]:
    """Find the node that causes a difference between two programs. Recompute nodes with large
    differences one by one, each from inputs that are equal in both programs, up to the first node
    that still differs.

    Return the differences, completed by these results.
    """
    made = list(found)
    larger = [i for i, one in enumerate(found) if one.is_larger]
    for index in larger[:MOST_ALONE]:
        tensor = task.tensor(found[index].name)
        said(f"computing {tensor.name} by itself")
        alone = _alone(task, session, peer, tensor, values)
        made[index] = replace(found[index], alone=alone)
        if made[index].arises:
            break
    return made


def _alone(task: Task, session: Session, peer: Peer, tensor: Tensor, values: Fed) -> float | None:
    """Compute one node in nodeflow and in the other program from equal inputs. Return the largest
    difference, or None if that is impossible.
    """
    node = tensor.node
    if node.op.random or node.op.macro or not node.inputs:
        return None
    missing = [t for t in node.inputs if t not in values]
    try:
        given = session.run(missing, {t: values[t] for t in node.inputs if t in values})
        fed = {t: values[t] for t in node.inputs if t in values}
        fed |= dict(zip(missing, map(np.asarray, given), strict=True))
        theirs = peer.alone(task, session, tensor, fed)
        if theirs is None:
            return None
        return _difference(tensor, np.asarray(session.run(tensor, fed)), theirs).largest
    except Exception:  # another program may raise anything; the difference stands
        return None


def _asked(peer: Peer, taken: Taken, fed: Arrays) -> Sequence[np.ndarray]:
    try:
        return taken.values(fed)
    except (Lacks, NodeflowError):
        raise
    except Exception as error:  # another program may raise anything
        text = f"{peer.title} cannot compute the graph: {str(error)[:300]}"
        raise NotVerified(text) from None


def _compared(ends: Iterable[Tensor]) -> Iterator[Tensor]:
    """Yield the tensors to compare: all computed tensors that these end tensors depend on."""
    ends = list(ends)
    needed = ancestors({t.node for t in ends})
    for node in ends[0].graph.nodes if ends else ():
        plain = node.derived_from is None and node.op.id not in ("constant", "variable")
        if node not in needed or not plain or node.op.id == "placeholder":
            continue
        yield from (t for t in node.outputs if not is_flag(t) and t.type.has_rank)


def _without(tensors: Sequence[Tensor], error: Lacks, left_out: dict[str, str]) -> list[Tensor]:
    """Return the tensors that another program can compute even though it lacks some nodes.

    Add the names of all other tensors to ``left_out``, with the reason.
    """
    owners = (_owner(tensors[0].graph, name) for name in error.nodes)
    broken = {node for node in owners if node is not None}
    if not broken:
        left_out.update({t.name: error.message or str(error) for t in tensors})
        return []
    left_out.update(error.nodes)
    return [t for t in tensors if not broken & ancestors({t.node})]


def _owner(graph: Graph, name: str) -> Node | None:
    """Return the node with a name. If it does not exist, return the layer or other node that
    contains it, according to the name's prefixes.
    """
    while name and name not in graph:
        name = name.rpartition("/")[0]
    return graph.node(name) if name else None


def _difference(tensor: Tensor, ours: np.ndarray, theirs: np.ndarray) -> Difference:
    allowed = TOLERANCES.get(tensor.type.dtype, 0.0)
    if ours.shape != theirs.shape:
        return Difference(tensor.name, float("inf"), allowed)
    if ours.dtype == bool or not ours.size:
        return Difference(tensor.name, float(np.any(ours != theirs)), allowed)
    wide = "c16" if ours.dtype.kind == "c" else "f8"
    mine, other = ours.astype(wide), theirs.astype(wide)
    with np.errstate(all="ignore"):
        same = (mine == other) | (np.isnan(mine) & np.isnan(other))
        gaps = np.where(same, 0.0, np.abs(mine - other))
        finite = np.abs(mine[np.isfinite(mine)])
    largest = max(float(finite.max(initial=0.0)), 1.0)
    gap = float(np.nanmax(np.where(np.isnan(gaps), np.inf, gaps)))
    return Difference(tensor.name, gap / largest, allowed)
