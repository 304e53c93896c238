"""ROC curves: what share of each class is found at what share of false alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nodeflow.host.protocol import ViewSpec
from nodeflow.host.views.kind import ViewKind
from nodeflow.host.views.thresholds import ThresholdData, curves

if TYPE_CHECKING:
    from nodeflow.host.views.source import ViewSource


def compute(source: ViewSource, spec: ViewSpec) -> ThresholdData:
    """The curves of a tensor that answers; option ``split``.

    Raises:
        ViewProblem: it answers for no rows whose classes are known, or says not how sure it is.
    """
    return curves(source, spec, "roc")


KIND = ViewKind("roc", compute, interval=0.5)
