"""Loops and branches in a document: instances of subgraphs whose bodies run repeatedly or by
choice.

Such an instance has the attribute ``flow``. Its definition is the body, and the names of the ports
determine their roles:

- ``while_loop``: an output with the name of an input is *carried* from iteration to iteration.
  The output ``again`` is one bool: whether this iteration takes place. Other inputs are constants.
- ``scan``: values are carried in the same way. Inputs named in ``constants`` are the same in each
  iteration; each iteration gets one slice of every other input. Outputs that are not carried are
  stacked.
- ``cond``: the input ``pred`` chooses. For each output ``y`` the definition has an output
  ``y_else``, and only the nodes that the chosen one needs run. The instance has only ``y``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nodeflow.document.analysis.subgraphs.subgraph_interface import (
    instance_inputs,
    instance_outputs,
    port_names,
)
from nodeflow.document.model.document import Document
from nodeflow.document.model.problems import Problem
from nodeflow.document.model.records import INPUTS, OUTPUTS, SUBGRAPH, NodeRecord
from nodeflow.errors import GraphError
from nodeflow.graph.declaration import Attr, Port

FLOW = "flow"
COND, WHILE, SCAN = KINDS = ("cond", "while_loop", "scan")
PRED, AGAIN, ELSE = "pred", "again", "_else"
FLOW_ATTRS = (
    Attr(
        FLOW, "choice", "", "How often its subgraph runs.", choices=("", *KINDS), hidden=True
    ),
    Attr("constants", "names", None, "Inputs that are the same in each iteration (scan)."),
    Attr("reverse", "bool", False, "From the last slice to the first (scan)."),
    Attr(
        "maximum_iterations", "int", None, "Iterations after which it ends (while_loop).",
        minimum=0, optional=True,
    ),
    Attr(
        "invariants", "json", None, "Shapes of carried values whose sizes change (while_loop).",
        hidden=True,
    ),
)  # fmt: skip
FLOW_DOCS = {
    COND: "Runs one of two branches, chosen by the bool `pred`.\n\nInside, each output `y` has an "
    "output `y_else` beside it: its value if `pred` is false.",
    WHILE: "Runs its subgraph again and again while its output `again` is true.\n\nAn output with "
    "the name of an input is carried from iteration to iteration; other inputs stay as they are.",
    SCAN: "Runs its subgraph for each slice along the first axis of its inputs.\n\nAn output with "
    "the name of an input is carried from slice to slice; other outputs are stacked. Inputs named "
    "in `constants` are the same for all slices.",
}
FLOW_TITLES = {COND: "Branch", WHILE: "While loop", SCAN: "Scan"}
_OUTSIDE = {
    "variable": "Place it outside, and wire it into a port.",
    "placeholder": "Place it outside, and wire it into a port.",
    "assign": "Make the value an output, and assign it outside.",
    "dataset": "Place it outside, with the placeholder that it feeds.",
}
"""Ops that a body cannot hold, and the hint for each."""
_LAYER = (
    "Put its variables outside and wire them into ports; replace it by ops such as matmul and add."
)


def flow_attrs(kind: str) -> tuple[Attr, ...]:
    """Return the attributes of an instance besides its definition."""
    own = {WHILE: ("maximum_iterations", "invariants"), SCAN: ("constants", "reverse")}
    return tuple(a for a in FLOW_ATTRS if a.name in (FLOW, *own.get(kind, ())))


def is_flow(record: NodeRecord) -> bool:
    """Return whether a node is a loop or branch."""
    return record.op == SUBGRAPH and record.attrs.get(FLOW) in KINDS


def is_loop(record: NodeRecord) -> bool:
    """Return whether a node is a loop, which has iterations."""
    return is_flow(record) and record.attrs[FLOW] != COND


@dataclass(frozen=True)
class Roles:
    """The roles of the ports of a loop or branch; port names are in the order of its op.

    `outputs` are the instance's outputs. `ends` has, for each body of the op, the outputs of the
    definition that this body computes.
    """

    kind: str
    carried: tuple[str, ...]
    sequences: tuple[str, ...]
    constants: tuple[str, ...]
    outputs: tuple[str, ...]
    ends: Mapping[str, tuple[str, ...]]
    problem: str = ""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The inputs of each body, in order."""
        return (*self.carried, *self.sequences, *self.constants)

    def in_port(self, name: str) -> str:
        """Return the op's port for one of the instance's inputs."""
        if self.kind == COND and name == PRED:
            return PRED
        known = self.inputs
        return f"values.{known.index(name)}" if name in known else name

    def out_port(self, name: str) -> str:
        """Return the port of the loop or branch op for a named output of the instance."""
        return f"outs.{self.outputs.index(name)}" if name in self.outputs else name


def roles(definition: Document, record: NodeRecord) -> Roles:
    """Return the roles of the ports of a loop or branch."""
    kind = str(record.attrs.get(FLOW))
    inputs, outputs = port_names(definition, INPUTS), port_names(definition, OUTPUTS)
    if kind == COND:
        yes = tuple(name for name in outputs if not name.endswith(ELSE))
        no = tuple(name + ELSE for name in yes)
        bodies = {"true_body": yes, "false_body": no}
        others = tuple(name for name in inputs if name != PRED)
        return Roles(kind, (), (), others, yes, bodies, _cond_problem(inputs, outputs, yes))
    carried = tuple(name for name in inputs if name in outputs)
    results = tuple(name for name in outputs if name not in inputs and name != AGAIN)
    if kind == WHILE:
        rest = tuple(name for name in inputs if name not in carried)
        bodies = {"cond": (AGAIN,), "body": carried}
        return Roles(
            kind, carried, (), rest, carried, bodies, _while_problem(outputs, carried, results)
        )
    listed = record.attrs.get("constants")
    named = listed if isinstance(listed, list) else []
    constants = tuple(name for name in inputs if name in named and name not in carried)
    sequences = tuple(name for name in inputs if name not in (*carried, *constants))
    problem = "" if sequences else "none of its inputs is a sequence to iterate over"
    ends = (*carried, *results)
    return Roles(kind, carried, sequences, constants, ends, {"body": ends}, problem)


def _cond_problem(inputs: Sequence[str], outputs: Sequence[str], yes: Sequence[str]) -> str:
    if PRED not in inputs:
        return f"it needs an input `{PRED}`, the condition"
    for name in yes:
        if name + ELSE not in outputs:
            return f"the output `{name}` needs `{name}{ELSE}`, its value if `{PRED}` is false"
    alone = [name for name in outputs if name.endswith(ELSE) and name[: -len(ELSE)] not in yes]
    if alone:
        return f"the output `{alone[0]}` needs `{alone[0][: -len(ELSE)]}` beside it"
    return "" if yes else "it has no output"


def _while_problem(outputs: Sequence[str], carried: Sequence[str], rest: Sequence[str]) -> str:
    if AGAIN not in outputs:
        return f"it needs an output `{AGAIN}`, one bool: whether there is another iteration"
    if rest:
        return f"the output `{rest[0]}` needs an input `{rest[0]}`, its initial value"
    return "" if carried else "it carries nothing: no output has the name of an input"


def flow_problems(definition: Document, record: NodeRecord) -> list[Problem]:
    """Return the reasons why a loop or branch cannot run, apart from types and problems inside."""
    found = []
    problem = roles(definition, record).problem
    if problem:
        hint = "Enter it, and add the port."
        found.append(Problem(record.name, None, problem, hint, kind=GraphError.__name__))
    return found


def body_problem(record: NodeRecord) -> Problem | None:
    """Return the problem that the body of a loop or branch cannot hold this node, or None."""
    hint = _LAYER if record.op.startswith("layers/") else _OUTSIDE.get(record.op)
    if hint is None:
        return None
    text = f"a loop or branch cannot hold a {record.op}"
    return Problem(record.name, None, text, hint, kind=GraphError.__name__)


def flow_inputs(definition: Document, record: NodeRecord) -> tuple[Port, ...]:
    """Return the in-ports of an instance of a subgraph. A loop or branch requires all of them."""
    if not is_flow(record):
        return instance_inputs(definition)
    return tuple(Port(name) for name in port_names(definition, INPUTS))


def flow_outputs(definition: Document, record: NodeRecord) -> tuple[Port, ...]:
    """Return the out-ports of an instance of a subgraph, which may be a loop or branch."""
    if not is_flow(record):
        return instance_outputs(definition)
    return tuple(Port(name) for name in roles(definition, record).outputs)
