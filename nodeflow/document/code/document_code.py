"""A document as Python code that builds it again with `nf.DocumentBuilder`, byte for byte."""

from __future__ import annotations

import heapq
import keyword
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from nodeflow.document.code.layout import INDENT, Code, call, value
from nodeflow.document.io.flow import wire_order
from nodeflow.document.model.document import Document
from nodeflow.document.model.names import natural_key
from nodeflow.document.model.records import (
    FrameRecord,
    Json,
    NodeRecord,
    Wire,
    compact_json,
    coordinate,
    share_of,
)

LONGEST_VALUE = 1500
"""Maximum number of characters of a value in the code. Longer values go to a separate file."""
RESERVED = frozenset("nf doc json Path VALUES document l O I __debug__".split())
"""Names that the code uses itself, and names that are easily confused with others."""


@dataclass
class DocumentCode:
    """Python code that builds a document again.

    Attributes:
        text: the code of the module.
        values: the values that are too long for the code, by ``NODE.ATTRIBUTE``.
    """

    text: str
    values: dict[str, Json]

    @property
    def beside(self) -> bytes:
        """Return the values that are too long for the exported Python code, as the bytes of a JSON
        file.
        """
        lines = (f"{compact_json(k)}: {compact_json(v)}" for k, v in self.values.items())
        return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def document_code(document: Document, name: str) -> DocumentCode:
    """Return a document as Python code.

    Args:
        name: name of the module. Long values go to ``NAME_values.json``, and the code saves the
            document as ``NAME.flow``.
    """
    values: dict[str, Json] = {}
    parts, functions = [], []
    ids = 1
    for definition in document.definitions():
        graph = _Graph(definition, "inside", ids, values)
        function = f"define_{_python_name(definition.scope)}"
        while function in functions:
            function += "_"
        fields = document.subgraphs[definition.scope]
        head = "inside = doc.subgraph" if graph.lines else "doc.subgraph"
        body = [call(head, [definition.scope], fields, INDENT), *graph.lines]
        parts.append(_function(f"{function}(doc)", f"The subgraph {definition.scope}.", body))
        functions.append(function)
        ids = graph.next_id
    root = _Graph(document, "doc", ids, values, functions)
    body = ["doc = nf.DocumentBuilder()", *(f"{function}(doc)" for function in functions)]
    body += [*root.lines, *_settings(document, root), "return doc"]
    parts.append(_function("document()", f"The document {name}.flow.", body))
    head = [_head(name, bool(values)), *parts]
    main = f'if __name__ == "__main__":\n    document().save("{name}.flow")\n'
    return DocumentCode("\n\n\n".join([*head, main]), values)


def _head(name: str, has_values: bool) -> str:
    text = (
        f'"""The document {name}.flow, node by node. Running this file writes it again.\n\n'
        "`nf.load` then gives its graph, and `nodeflow` opens it in the window. Relative paths of\n"
        'data and weights start in the folder where it lies.\n"""\n\n'
    )
    imports = "import nodeflow as nf"
    if has_values:
        imports = (
            f"import json\nfrom pathlib import Path\n\n{imports}\n\n"
            f'FILE = Path(__file__).with_name("{name}_values.json")\n'
            'VALUES = json.loads(FILE.read_text("utf-8"))\n"""What is too long to be read here."""'
        )
    return text + imports


def _function(signature: str, doc: str, body: list[str]) -> str:
    lines = [f"def {signature}:", f'{INDENT}"""{doc}"""', *(INDENT + line for line in body)]
    return "\n".join(lines)


def _settings(document: Document, root: _Graph) -> Iterator[str]:
    """Yield the lines of code that set the fields of the whole file."""
    if document.training:
        yield call("doc.training", [], _referring(document.training, root.variables), INDENT)
    if document.stage:
        yield call("doc.stage", [], _referring(document.stage, root.variables), INDENT)
    if document.lesson:
        yield call("doc.lesson", [], document.lesson, INDENT)
    if document.weights is not None:
        yield f"doc.weights = {value(document.weights)}"
    if document.extra:
        yield call("doc.extra", [], document.extra, INDENT)
    if document.next_id != root.next_id:
        yield f"doc.next_id = {document.next_id}"


class _Graph:
    """A writer of the code of one graph.

    Args:
        builder: the name of the Python variable that nodes are added to.
        next_id: the number of the next id.
        values: the dict that collects values too long for the code.
        taken: names that must not be used for Python variables.

    Attributes:
        lines: the lines of code, one or more for each node and frame.
        variables: id of a node -> its Python variable.
    """

    def __init__(
        self,
        graph: Document,
        builder: str,
        next_id: int,
        values: dict[str, Json],
        taken: Collection[str] = (),
    ) -> None:
        self.graph, self.builder, self.next_id, self._values = graph, builder, next_id, values
        self._taken = {*RESERVED, builder, *taken}
        self.variables: dict[str, str] = {}
        self._used = {wire.source for wire in graph.wires.values()}
        self._used |= {record.id for record in graph.nodes.values() if record.extra}
        self._used |= set(graph.sharers.values()) & graph.nodes.keys()
        if not graph.scope:
            self._used |= _named_in(graph.training, graph.nodes)
            self._used |= _named_in(graph.stage, graph.nodes)
        self._order = list(_in_order(graph))
        self._late = list(_late(graph, self._order))
        self._used |= {wire.target for wire in self._late}
        self.lines = list(self._written())

    def _written(self) -> Iterator[str]:
        late = {wire.key for wire in self._late}
        for record in self._order:
            yield from self._numbered(record.id)
            yield self._node(record, late)
            if record.extra:
                variable = self.variables[record.id]
                fields = self._held(record, record.extra)
                if share_of(record) in self.variables:
                    fields["share"] = Code(self.variables[share_of(record)])
                yield call(f"{variable}.fields", [], fields, INDENT)
        for wire in self._late:
            target = f"{self.variables[wire.target]}[{value(wire.target_port)}]"
            yield f"{self.builder}.wire({self._source(wire)}, {target})"
        for frame in sorted(self.graph.frames.values(), key=lambda f: natural_key(f.id)):
            yield from self._numbered(frame.id)
            yield self._frame(frame)

    def _numbered(self, item_id: str) -> Iterator[str]:
        """Yield a line that sets the next id, if the id does not follow the previous one."""
        number = int(item_id[1:])
        if number != self.next_id:
            yield f"doc.next_id = {number}"
        self.next_id = number + 1

    def _node(self, record: NodeRecord, late: Collection[tuple[str, str]]) -> str:
        wires = sorted(self.graph.wires_into(record.id), key=wire_order)
        inputs = {w.target_port: self._source(w) for w in wires if w.key not in late}
        attrs = self._held(record, record.attrs)
        place = Code(f"({', '.join(repr(coordinate(v)) for v in record.pos)})")
        arguments = [record.op, record.name, place, *([inputs] if inputs else [])]
        head = f"{self.builder}.node"
        if record.id in self._used:
            head = f"{self._variable(record)} = {head}"
        return call(head, arguments, attrs, INDENT)

    def _source(self, wire: Wire) -> Code:
        variable = self.variables[wire.source]
        port = "" if wire.source_port == "out" else f"[{value(wire.source_port)}]"
        return Code(variable + port)

    def _frame(self, frame: FrameRecord) -> str:
        place = Code(f"({', '.join(repr(coordinate(v)) for v in frame.rect)})")
        arguments = [frame.title, place, frame.note, frame.color]
        while len(arguments) > 2 and not arguments[-1]:
            arguments.pop()
        return call(f"{self.builder}.frame", arguments, frame.extra, INDENT)

    def _held(self, record: NodeRecord, found: dict[str, Json]) -> dict[str, Json]:
        """Return attributes for the code; a long value becomes a reference to the file of
        values.
        """
        made: dict[str, Json] = {}
        for key in sorted(found):
            made[key] = found[key]
            if len(compact_json(found[key])) > LONGEST_VALUE:
                scope = f"{self.graph.scope}:" if self.graph.scope else ""
                place = f"{scope}{record.name}.{key}"
                while place in self._values:
                    place += "'"
                self._values[place] = found[key]
                made[key] = Code(f"VALUES[{value(place)}]")
        return made

    def _variable(self, record: NodeRecord) -> str:
        """Return an unused name for the Python variable of a node."""
        base = _python_name(record.name)
        if base in self._taken:
            base += "_"
        found, number = base, 1
        while found in self._taken:
            found, number = f"{base}_{number}", number + 1
        self._taken.add(found)
        self.variables[record.id] = found
        return found


def _python_name(name: str) -> str:
    found = re.sub(r"\W", "_", name, flags=re.ASCII)
    return f"{found}_" if keyword.iskeyword(found) else found


def _in_order(graph: Document) -> Iterator[NodeRecord]:
    """Yield the nodes by id, but each after its sources, as far as there is no cycle."""
    waits = {i: {w.source for w in graph.wires_into(i)} - {i} for i in graph.nodes}
    ready = [(natural_key(i), i) for i, sources in waits.items() if not sources]
    heapq.heapify(ready)
    left = sorted(graph.nodes, key=natural_key, reverse=True)
    done: set[str] = set()
    while len(done) < len(waits):
        if ready:
            _, node_id = heapq.heappop(ready)
        else:  # a cycle: start with its first node, without one of its wires
            while left[-1] in done:
                left.pop()
            node_id = left[-1]
        if node_id in done:
            continue
        done.add(node_id)
        yield graph.nodes[node_id]
        for wire in graph.wires_out_of(node_id):
            sources = waits[wire.target]
            if node_id in sources:
                sources.remove(node_id)
                if not sources and wire.target not in done:
                    heapq.heappush(ready, (natural_key(wire.target), wire.target))


def _late(graph: Document, order: Sequence[NodeRecord]) -> Iterator[Wire]:
    """Yield the wires whose source comes after their target; they belong to cycles."""
    place = {record.id: index for index, record in enumerate(order)}
    for record in order:
        for wire in sorted(graph.wires_into(record.id), key=wire_order):
            if place[wire.source] >= place[wire.target]:
                yield wire


def _named_in(settings: Json, nodes: Collection[str]) -> set[str]:
    """Return the nodes whose ids occur in training settings or a stage."""
    found: set[str] = set()
    _referring(settings, dict.fromkeys(nodes, ""), found)
    return found


def _referring(
    settings: dict[str, Json], variables: Mapping[str, str], found: set[str] | None = None
) -> dict[str, Json]:
    """Return training settings or a stage with Python variables in place of node ids.

    `found` collects the ids that were replaced.
    """
    found = set() if found is None else found

    def node(value: Json) -> Json:
        if not isinstance(value, str) or value not in variables:
            return value
        found.add(value)
        return Code(variables[value])

    def measured(value: Json) -> Json:
        return {**value, "node": node(value.get("node"))} if "node" in (value or ()) else value

    made = dict(settings)
    for name in ("metrics", "views", "controls"):
        if isinstance(made.get(name), list):
            made[name] = [measured(item) for item in made[name]]
    if isinstance(made.get("schedule"), list):
        phases = made["schedule"]
        made["schedule"] = [{**p, "optimizer": node(p.get("optimizer"))} for p in phases]
    for name in ("optimizer", "loss"):
        if name in made:
            made[name] = node(made[name])
    if isinstance(made.get("monitor"), dict):
        made["monitor"] = measured(made["monitor"])
    sweep = made.get("sweep")
    if isinstance(sweep, dict) and isinstance(sweep.get("vary"), dict):
        vary = {node(path): attrs for path, attrs in sweep["vary"].items()}
        made["sweep"] = {**sweep, "vary": vary}
    return made
