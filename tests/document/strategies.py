"""Random edits of a document, for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.subgraphs.subgraph_interface import port_names
from nodeflow.document.edit import commands, replace_op, rewiring, set_flags, stage
from nodeflow.document.edit.inserting import clipboard
from nodeflow.document.edit.subgraphs import subgraph_ports
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.edit.subgraphs.definitions import add_instance, make_independent
from nodeflow.document.edit.subgraphs.unpack_subgraph import unpack_subgraph
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import DocumentError
from nodeflow.document.model.records import INPUTS, OUTPUTS
from nodeflow.ops import REGISTRY

OPS = ["add", "constant", "matmul", "concat", "placeholder", "reroute", "from_the_future"]
PORTS = ["x", "y", "values.0", "values.1", "values.2"]

index = st.integers(0, 30)
point = st.tuples(st.integers(-500, 500), st.floats(-500, 500))
value = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
).filter(lambda v: _encodable(v))

action = st.one_of(
    st.tuples(st.just("add"), st.sampled_from(OPS), point),
    st.tuples(st.just("wire"), index, index, st.sampled_from(PORTS)),
    st.tuples(st.just("unwire"), index),
    st.tuples(st.just("remove"), st.lists(index, min_size=1, max_size=4)),
    st.tuples(st.just("move"), index, point, st.booleans()),
    st.tuples(st.just("attr"), index, st.sampled_from(["value", "axis", "q"]), value),
    st.tuples(st.just("rename"), index, st.sampled_from(["a", "b", "a/b", "add", "9"])),
    st.tuples(st.just("frame"), point, st.text(alphabet="abc \n", max_size=8)),
    st.tuples(st.just("training"), index, st.integers(1, 9)),
    st.tuples(st.just("pin"), index, st.sampled_from(["regions", "value"])),
    st.tuples(st.just("unpin"), index),
    st.tuples(st.just("duplicate"), st.lists(index, min_size=1, max_size=4)),
    st.tuples(st.just("heal"), st.lists(index, min_size=1, max_size=3)),
    st.tuples(st.just("detach"), st.lists(index, min_size=1, max_size=3)),
    st.tuples(st.just("swap"), index),
    st.tuples(st.just("dot"), index, point),
    st.tuples(st.just("replace"), index, st.sampled_from(["add", "concat", "cast", "relu"])),
    st.tuples(st.just("mode"), index, st.sampled_from(["muted", "bypassed"])),
    st.tuples(st.just("collapse"), index),
    st.tuples(st.just("hide"), index, st.booleans()),
    st.tuples(st.just("subgraph"), st.lists(index, min_size=1, max_size=5)),
    st.tuples(st.just("unpack"), index),
    st.tuples(st.just("instance"), index, point),
    st.tuples(st.just("independent"), index),
    st.tuples(st.just("inside"), index, index, st.sampled_from(["relu", "matmul"]), point),
    st.tuples(st.just("port"), index, st.sampled_from(["add", "rename", "remove"])),
    st.tuples(st.just("undo")),
    st.tuples(st.just("redo")),
)
actions = st.lists(action, max_size=25)


def _encodable(value: object) -> bool:
    try:
        repr(value).encode()
        str(value).encode()
    except UnicodeEncodeError:
        return False
    return True


def perform(doc: Document, act: tuple) -> None:
    """Does one random action; what the document refuses is refused."""
    nodes = sorted(doc.nodes)

    def node(number: int) -> str:
        return nodes[number % len(nodes)] if nodes else "n0"

    try:
        match act:
            case ("add", op, pos):
                commands.add_node(doc, op, pos)
            case ("wire", a, b, port):
                commands.connect(doc, node(a), "out", node(b), port)
            case ("unwire", number) if doc.wires:
                keys = sorted(doc.wires)
                commands.disconnect(doc, keys[number % len(keys)])
            case ("remove", numbers):
                commands.remove(doc, [node(n) for n in numbers])
            case ("move", number, pos, merged):
                commands.move(doc, {node(number): pos}, merge="drag" if merged else None)
            case ("attr", number, attr, new):
                commands.set_attr(doc, node(number), attr, new, merge=("attr", attr))
            case ("rename", number, name):
                commands.rename(doc, node(number), name)
            case ("frame", pos, text):
                commands.add_frame(doc, (*pos, 100, 50), title=text, note=text)
            case ("training", number, epochs):
                commands.set_training(doc, loss=node(number), epochs=epochs)
            case ("pin", number, view):
                stage.pin_view(doc, stage.PinnedView(node(number), view))
                stage.pin_control(doc, stage.PinnedControl(node(number), "value"))
            case ("unpin", number):
                stage.unpin_view(doc, stage.PinnedView(node(number), "value"))
            case ("duplicate", numbers):
                clipboard.duplicate(doc, [node(n) for n in numbers])
            case ("heal", numbers) if doc.nodes:
                rewiring.remove_and_heal(doc, Analysis(doc), {node(n) for n in numbers})
            case ("detach", numbers) if doc.nodes:
                rewiring.detach(doc, Analysis(doc), {node(n) for n in numbers})
            case ("swap", number):
                rewiring.swap_inputs(doc, node(number))
            case ("dot", number, pos) if doc.wires:
                keys = sorted(doc.wires)
                rewiring.add_dot(doc, keys[number % len(keys)], pos)
            case ("replace", number, op):
                replace_op.replace_op(doc, node(number), REGISTRY.lookup(op))
            case ("mode", number, mode):
                set_flags.toggle_mode(doc, [node(number)], mode)
            case ("collapse", number):
                set_flags.toggle_collapsed(doc, [node(number)])
            case ("hide", number, hidden) if doc.wires:
                keys = sorted(doc.wires)
                set_flags.set_hidden(doc, [keys[number % len(keys)]], hidden)
            case ("subgraph", numbers):
                create(doc, [node(n) for n in numbers])
            case ("unpack", number):
                unpack_subgraph(doc, node(number))
            case ("instance", number, pos) if doc.subgraphs:
                names = sorted(doc.subgraphs)
                add_instance(doc, names[number % len(names)], pos)
            case ("independent", number) if doc.nodes:
                make_independent(doc, node(number))
            case ("inside", number, other, op, pos) if doc.subgraphs:
                definitions = doc.definitions()
                inside = definitions[number % len(definitions)]
                ids = sorted(inside.nodes)
                new = commands.add_node(inside, op, pos)
                commands.connect(inside, ids[other % len(ids)], "out", new, "x")
            case ("port", number, what) if doc.subgraphs:
                definitions = doc.definitions()
                change_port(definitions[number % len(definitions)], number, what)
            case ("undo",):
                doc.undo()
            case ("redo",):
                doc.redo()
    except DocumentError:
        pass


def change_port(definition: Document, number: int, what: str) -> None:
    """Adds a port, or renames or removes one that there is."""
    side = (INPUTS, OUTPUTS)[number % 2]
    names = port_names(definition, side)
    if what == "add":
        subgraph_ports.add_port(definition, side)
    elif names and what == "rename":
        subgraph_ports.rename_port(definition, side, names[number % len(names)], "renamed")
    elif names:
        subgraph_ports.remove_port(definition, side, names[number % len(names)])
