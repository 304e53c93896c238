"""Predictions of the trained graph for a picture that is dropped or opened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from PySide6.QtCore import QObject, Slot

from nodeflow.data.catalog import parse_source
from nodeflow.document.analysis.datasets.dataset_node import DATASET, source_of
from nodeflow.document.analysis.picture_answers import picture_inputs
from nodeflow.document.model.records import NodeRecord
from nodeflow.errors import NodeflowError
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Blocked
from nodeflow.ui.controllers.training.predict_actions import PredictActions
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.user_messages import Messages

PICTURES, TABLE = "pictures", "csv"
"""The data source whose rows are picture files, and the one whose rows are never pictures."""


class PicturePrediction(QObject):
    """The command that shows the graph's prediction for one picture, without further questions.

    A graph trained on picture files reads the picture in the same way, and the prediction is
    shown in a table. A graph that takes grey pictures from another source gets the picture
    through the sketch pad.

    Args:
        sketch: puts the picture on the sketch pad, and shows the pad.
    """

    def __init__(
        self,
        workspace: Workspace,
        predict: PredictActions,
        messages: Messages,
        actions: ActionSet,
        sketch: Callable[[Path], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._workspace, self._predict = workspace, predict
        self._messages, self._actions, self._sketch = messages, actions, sketch

    def blocked(self) -> Blocked | None:
        """Return why the open graph cannot predict a picture; None if it can."""
        if self._way() is None:
            return Blocked(
                "This graph takes no pictures. A graph trained on a folder of pictures does."
                if self._workspace.root.nodes
                else "Drop a folder of pictures to make a graph that learns from them."
            )
        return self._predict.untrained()

    @Slot(object)
    def predict(self, path: Path) -> None:
        """Show the prediction for a picture file. If there is none, show the reason."""
        way, blocked = self._way(), self.blocked()
        if way is None or blocked is not None:
            assert blocked is not None
            fix = self._actions.spec(blocked.fix).text.rstrip("…") if blocked.fix else ""
            text = f"{path.name} is a picture without a graph in it. {blocked.reason}"
            self._messages.show(text, "warning", blocked.fix, fix)
            self._messages.show_status(text)
        else:
            way(path)

    def _way(self) -> Callable[[Path], None] | None:
        """Return the function that lets the graph predict for a picture file; None if the graph
        takes no pictures.
        """
        root, analysis = self._workspace.root, self._workspace.root_analysis
        datasets = [r for r in root.nodes.values() if r.op == DATASET]
        if any(_kind(record) == PICTURES for record in datasets):
            return self._predict.predict
        for item in picture_inputs(root, analysis):
            if TABLE not in {_kind(root.nodes[w.source]) for w in root.wires_into(item.id)}:
                return self._sketch
        if len(datasets) == 1 and any(self._colours(datasets[0])):
            return self._predict.predict
        return None

    def _colours(self, dataset: NodeRecord) -> Iterator[str]:
        """Yield the placeholders that a dataset feeds with colour pictures."""
        for wire in self._workspace.root.wires_out_of(dataset.id):
            type_ = self._workspace.root_analysis.type_of(wire.target, "out")
            if type_ is not None and type_.ndims == 4 and type_.shape[3] == 3:
                yield wire.target


def _kind(record: NodeRecord) -> str:
    """Return the id of a dataset's source; empty for other nodes and invalid sources."""
    try:
        return parse_source(source_of(record.attrs))[0].id if record.op == DATASET else ""
    except NodeflowError:
        return ""
