"""The kinds of checks. A kind is one class in a module of this folder."""

from nodeflow.lessons.checks import limits, relations, training, values
from nodeflow.lessons.checks.check import KINDS, check_of

__all__ = ["KINDS", "check_of", "limits", "relations", "training", "values"]
