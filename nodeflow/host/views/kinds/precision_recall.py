"""Precision over recall: the correct fraction of the found rows, over the found fraction of a
class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nodeflow.host.protocol import ViewSpec
from nodeflow.host.views.kinds.thresholds import ThresholdData, curves
from nodeflow.host.views.view_kind import ViewKind

if TYPE_CHECKING:
    from nodeflow.host.views.value_source import ViewSource


def compute(source: ViewSource, spec: ViewSpec) -> ThresholdData:
    """Return the precision-recall curves of a tensor that predicts classes. Option: ``split``, the
    part of the data.

    Raises:
        ViewProblem: the tensor does not predict classes of known rows, or gives no probabilities.
    """
    return curves(source, spec, "precision_recall")


KIND = ViewKind("precision_recall", compute, interval=0.5)
