"""Random documents that load: every part of the format, in graphs whose types fit.

All values are float32 of shape (2, 3), so that any output can be wired to any input.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.node_flags import with_field
from nodeflow.document.analysis.subgraphs.instance_paths import instances_of
from nodeflow.document.analysis.subgraphs.subgraph_interface import definition_of, port_names
from nodeflow.document.edit import commands, rewiring, set_flags, stage
from nodeflow.document.edit.subgraphs import subgraph_ports
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.edit.subgraphs.definitions import add_instance
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import DocumentError
from nodeflow.document.model.records import INPUTS, OUTPUTS, SUBGRAPH
from nodeflow.document.to_graph.build import build

SHAPE = [2, 3]
UNARY = ["relu", "tanh", "square", "negative", "layers/dense", "dropout"]
BINARY = ["add", "multiply", "maximum"]
TEXTS = ["", "two\nlines", 'a "quote"', "ünïcode ✓", "\\", "</script>"]
Source = tuple[str, str]


class Drawing:
    """A document that grows by random edits; `sources` are outputs that have a value."""

    def __init__(self, random: Random, own_ops: tuple[str, ...] = ()) -> None:
        self.random = random
        self.doc = Document()
        self.unary = [*UNARY, *own_ops]
        self.sources: list[Source] = []
        self.unknown: list[str] = []

    def point(self) -> tuple[float, float]:
        return self.random.randint(-900, 900), round(self.random.uniform(-900, 900), 2)

    def source(self) -> Source:
        return self.random.choice(self.sources)

    def add(self, op: str, *inputs: Source, ports: tuple[str, ...] = (), **attrs: object) -> str:
        node_id = commands.add_node(self.doc, op, self.point(), attrs=attrs)
        for port, source in zip(ports or ("x", "y"), inputs, strict=False):
            commands.connect(self.doc, *source, node_id, port)
        return node_id

    def value(self, node_id: str, port: str = "out") -> None:
        self.sources.append((node_id, port))

    # ---- nodes ------------------------------------------------------------------------------

    def constant(self) -> None:
        value = [[self.random.choice([0.5, -3, 1e30, "NaN", "-Infinity"])] * 3] * 2
        self.value(self.add("constant", dtype="float32", value=value))

    def variable(self) -> None:
        attrs = {"shape": SHAPE, "initializer": {"op": "random_normal", "stddev": 0.5}}
        self.value(self.add("variable", **attrs, trainable=self.random.random() < 0.8))

    def placeholder(self) -> None:
        sample = [[1.5] * 2] * 2
        node_id = self.add("placeholder", dtype="float32", shape=[None, 2], sample=sample)
        if self.random.random() < 0.5:
            data = self.add("dataset", source="spirals")
            commands.connect(self.doc, data, "points", node_id, "feed")

    def drawn(self) -> None:
        self.value(self.add("random_normal", shape=SHAPE))

    def op(self) -> None:
        if self.random.random() < 0.5:
            op = self.random.choice(self.unary)
            attrs = {"units": 3} if op == "layers/dense" else {}
            node_id = self.add(op, self.source(), **attrs)
        else:
            node_id = self.add(self.random.choice(BINARY), self.source(), self.source())
        self.value(node_id)

    def split(self) -> None:
        node_id = self.add("split", self.source(), parts=[1, 1])
        both = (node_id, "parts.1"), (node_id, "parts.0")
        self.value(self.add("concat", *both, ports=("values.0", "values.1"), axis=0))

    def unknown_op(self) -> None:
        node_id = self.add("from_the_future", self.source(), q={"deep": [None, True, "Infinity"]})
        self.unknown.append(node_id)
        self.unknown.append(self.add("relu", (node_id, "out")))

    def assign(self) -> None:
        variables = [n.id for n in self.doc.nodes.values() if n.op == "variable"]
        if variables:
            node_id = self.random.choice(variables)
            self.add("assign", (node_id, "out"), self.source(), ports=("variable", "value"))

    # ---- what is around them ----------------------------------------------------------------

    def order(self) -> None:
        first, target = self.source(), self.add("negative", self.source())
        commands.connect(self.doc, *first, target, "control.0")
        self.value(target)

    def dot(self) -> None:
        if self.doc.wires:
            rewiring.add_dot(self.doc, self.random.choice(sorted(self.doc.wires)), self.point())

    def frame(self) -> None:
        rect = (*self.point(), self.random.randint(80, 900), round(self.random.uniform(80, 900), 2))
        frame_id = commands.add_frame(self.doc, rect, title=self.random.choice(TEXTS))
        frame = self.doc.frames[frame_id]
        extra = {"future": [1]} if self.random.random() < 0.3 else {}
        changed = replace(frame, note=self.random.choice(TEXTS), color="training", extra=extra)
        self.doc.fill("frame", frame_id, changed)

    def field(self) -> None:
        record = self.doc.nodes[self.random.choice(list(self.doc.nodes))]
        name, value = self.random.choice([
            ("collapsed", True), ("breakpoint", True), ("view", {"kind": "plot", "rows": 3}),
            ("slider", [0, 2.5]), ("hidden", ["x"]), ("later", {"b": [1.0, "ü"], "a": None}),
        ])  # fmt: skip
        self.doc.fill("node", record.id, with_field(record, name, value))

    def rename(self) -> None:
        name = self.random.choice(["a", "scope/b", "W", "x_9"])
        commands.rename(self.doc, self.random.choice(list(self.doc.nodes)), name)

    def bypass(self) -> None:
        used = [i for i, _ in self.sources if self.doc.nodes[i].op in UNARY]
        if used:
            set_flags.toggle_mode(self.doc, [self.random.choice(used)], "bypassed")

    def mute(self) -> None:
        node_id = self.add("relu", self.source())
        set_flags.toggle_mode(self.doc, [node_id], "muted")

    def remove(self) -> None:
        commands.remove(self.doc, [self.add("constant", dtype="float32", value=1)])

    # ---- subgraphs --------------------------------------------------------------------------

    def group(self) -> None:
        usable = {i for i, _ in self.sources} | set(self.unknown)
        chosen = self.random.sample(sorted(usable), min(len(usable), self.random.randint(1, 5)))
        instance = create(self.doc, chosen, self.random.choice(["block", "cell"]))
        self.sources = [s for s in self.sources if s[0] in self.doc.nodes]
        self._outputs_of(instance)

    def again(self) -> None:
        if self.doc.subgraphs:
            name = self.random.choice(sorted(self.doc.subgraphs))
            instance = add_instance(self.doc, name, self.point())
            inside = definition_of(self.doc, self.doc.nodes[instance])
            assert inside is not None
            for port in port_names(inside, INPUTS):
                commands.connect(self.doc, *self.source(), instance, port)
            if any(p.kind == "ShapeError" for p in build(self.doc, partial=True).problems):
                raise DocumentError("it takes halves of values")

    def port(self) -> None:
        if self.doc.subgraphs:
            definition = self.random.choice(self.doc.definitions())
            names = port_names(definition, OUTPUTS)
            if names:
                new = f"p{self.random.randint(1, 99)}"
                subgraph_ports.rename_port(definition, OUTPUTS, names[0], new)
                held = {(r.id, names[0]) for _, r in instances_of(self.doc, definition.scope)}
                self.sources = [(s[0], new) if s in held else s for s in self.sources]

    def _outputs_of(self, instance: str) -> None:
        """Those of known values: an unknown node inside makes no value."""
        analysis, inside = Analysis(self.doc), definition_of(self.doc, self.doc.nodes[instance])
        assert inside is not None
        for port in port_names(inside, OUTPUTS):
            if str(analysis.type_of(instance, port)) == "float32 (2, 3)":
                self.value(instance, port)

    # ---- the file ---------------------------------------------------------------------------

    def finish(self) -> None:
        """Adds a loss, an optimizer, training settings, weights and fields of the file."""
        doc, chance = self.doc, self.random.random
        trained = [
            n for n in doc.nodes.values() if n.op == "variable" and n.extra.get("mode") is None
        ]
        used = [n for n in trained if n.attrs.get("trainable", True)]
        if used and chance() < 0.7:
            inputs = [(n.id, "out") for n in used[:2]] * 2
            loss = self.add("reduce_mean", (self.add("multiply", *inputs[:2]), "out"))
            optimizer = self.add("adam", (loss, "out"), ports=("loss",), learning_rate=0.5)
            commands.set_training(doc, optimizer=optimizer, loss=loss, epochs=3, batch_size=7)
            metrics = [{"node": loss, "split": "test", "every": "epoch", "later": 1}]
            commands.set_training(doc, metrics=metrics, later={"k": [1, 2]})
        if doc.nodes and chance() < 0.5:
            stage.pin_view(doc, stage.PinnedView(self.random.choice(list(doc.nodes)), "regions"))
            stage.pin_control(doc, stage.PinnedControl("training", "seed"))
        if chance() < 0.3:
            commands.set_weights(doc, "trained.safetensors")
        doc.extra = {"z": 1, "author": {"name": "Ü"}} if chance() < 0.3 else {}
        for name in sorted(doc.subgraphs) if chance() < 0.3 else ():
            doc.fill("subgraph", name, {"about": TEXTS[3], "later": [1]})

    def act(self) -> None:
        """One random edit; one that is not possible changes nothing."""
        kinds = [
            self.constant, self.variable, self.placeholder, self.drawn, self.op, self.op, self.op,
            self.split, self.unknown_op, self.assign, self.order, self.dot, self.frame, self.field,
            self.rename, self.bypass, self.mute, self.remove, self.group, self.again, self.port,
        ]  # fmt: skip
        try:
            with self.doc.transaction("Edit"):
                self.random.choice(kinds)()
        except (DocumentError, IndexError):  # refused, or nothing to choose from
            self.sources = [s for s in self.sources if s[0] in self.doc.nodes]


def random_document(seed: int, own_ops: tuple[str, ...] = ()) -> Document:
    """Returns the document of a seed; `own_ops`, of one float input each, are among its nodes."""
    random = Random(seed)
    drawing = Drawing(random, own_ops)
    drawing.constant()
    drawing.variable()
    for _ in range(random.randint(3, 30)):
        drawing.act()
    drawing.finish()
    return drawing.doc


def nested(doc: Document) -> bool:
    """Says whether a subgraph holds another."""
    return any(r.op == SUBGRAPH for d in doc.definitions() for r in d.nodes.values())
