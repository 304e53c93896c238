"""Random edits of documents with layers and instances that share weights."""

from __future__ import annotations

from collections.abc import Callable

from nodeflow.document.analysis.subgraphs.shared_weights import has_weights, possible_owners
from nodeflow.document.edit import commands
from nodeflow.document.edit.inserting.clipboard import duplicate
from nodeflow.document.edit.shared_weights import heirs_of, share_weights
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.expansion.expand import unpack
from nodeflow.errors import NodeflowError

from .random_edits import RandomEdits


class SharingEdits(RandomEdits):
    """Half of its edits are of shared weights; the others are those of `RandomEdits`."""

    def __init__(self, seed: int, subgraphs: bool | None = None) -> None:
        super().__init__(seed, subgraphs)
        self._try(self._twins)
        if self.subgraphs:
            self._try(self._instance)

    def _try(self, kind: Callable[[], None]) -> None:
        if self.random.random() < 0.5:
            super()._try(kind)
            return
        sharing = (self._share, self._share, self._share, self._own, self._twins, self._copy)
        rare = (self._remove_owner, self._unpack_layer)
        super()._try(self.random.choice((*sharing, *sharing, *rare)))

    def _with_weights(self, doc: Document) -> list[str]:
        return [i for i, record in doc.nodes.items() if has_weights(doc, record)]

    def _twins(self) -> None:
        """Two layers of one kind behind one node."""
        doc = self._graph()
        source = self._node(doc)
        with doc.transaction("Twins"):
            op = self.random.choice(["layers/dense", "layers/dense", "layers/residual_dense"])
            for _ in range(2):
                node = commands.add_node(doc, op, (0, 0), attrs={"units": 2})
                commands.connect(doc, source, self._out(doc, source), node, "x")

    def _share(self) -> None:
        doc = self._graph()
        found = self._with_weights(doc)
        if not found:
            raise NodeflowError("nothing has weights")
        node = self.random.choice(found)
        owners = possible_owners(doc, doc.nodes[node])
        if not owners:
            raise NodeflowError("there is no owner")
        share_weights(doc, node, self.random.choice(owners).id)

    def _own(self) -> None:
        doc = self._graph()
        if not doc.sharers:
            raise NodeflowError("nothing shares")
        share_weights(doc, self.random.choice(sorted(doc.sharers)), None)

    def _copy(self) -> None:
        doc = self._graph()
        found = self._with_weights(doc)
        duplicate(doc, self.random.sample(found, min(len(found), 2)))

    def _remove_owner(self) -> None:
        doc = self._graph()
        owners = sorted(set(doc.sharers.values()) & doc.nodes.keys())
        if not owners:
            raise NodeflowError("nothing shares")
        owner = self.random.choice(owners)
        sharers = heirs_of(doc, [owner]).get(owner, [])
        heir = self.random.choice([None, *sharers])
        commands.remove(doc, [owner], heirs={owner: heir} if self.random.random() < 0.7 else None)

    def _unpack_layer(self) -> None:
        found = [i for i in self._with_weights(self.document) if i in self.document.sharers]
        if not found:
            raise NodeflowError("nothing shares")
        node = self.random.choice(found)
        if self.document.nodes[node].op == "subgraph":
            raise NodeflowError("an instance")
        unpack(self.document, node)
