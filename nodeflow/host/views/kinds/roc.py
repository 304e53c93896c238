"""ROC curves: the fraction of each class that is found, over the fraction of false alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nodeflow.host.protocol import ViewSpec
from nodeflow.host.views.kinds.thresholds import ThresholdData, curves
from nodeflow.host.views.view_kind import ViewKind

if TYPE_CHECKING:
    from nodeflow.host.views.value_source import ViewSource


def compute(source: ViewSource, spec: ViewSpec) -> ThresholdData:
    """Return the ROC curves of a tensor that predicts classes. Option: ``split``, the part of the
    data.

    Raises:
        ViewProblem: the tensor does not predict classes of known rows, or gives no probabilities.
    """
    return curves(source, spec, "roc")


KIND = ViewKind("roc", compute, interval=0.5)
