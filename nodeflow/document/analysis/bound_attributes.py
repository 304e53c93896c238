"""Attributes whose value comes from a wire. Such a wire overrides the value stored in the node.

The inspector shows the source of the value. Setting such an attribute by name is an error, so that
no value is ignored silently.
"""

from __future__ import annotations

from nodeflow.document.analysis.declarations import declaration
from nodeflow.document.analysis.port_names import FEED
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import NodeRecord, Wire
from nodeflow.errors import WiredAttribute


def bound_attributes(doc: Document, record: NodeRecord) -> dict[str, Wire]:
    """Return the attributes of a node whose value comes from a wire, each with its wire."""
    op = declaration(record, doc)
    if op is None:
        return {}
    givers = {**op.givers, "sample": (FEED,)} if record.op == "placeholder" else op.givers
    wires = {
        attr: [doc.wires[record.id, port] for port in ports if (record.id, port) in doc.wires]
        for attr, ports in givers.items()
    }
    return {attr: found[0] for attr, found in wires.items() if found}


def check_not_bound(doc: Document, record: NodeRecord, attr: str) -> None:
    """Refuse to set an attribute whose value comes from a wire.

    Raises:
        WiredAttribute: a wire gives the attribute; the error names its source.
    """
    wire = bound_attributes(doc, record).get(attr)
    if wire is None:
        return
    source = doc.nodes[wire.source].name
    raise WiredAttribute(
        f"a wire from {source} gives {record.name}.{attr}, so a value set for it is ignored",
        port=attr,
        hint=f"Change {source}, or remove its wire to {record.name}:{wire.target_port}.",
    )
