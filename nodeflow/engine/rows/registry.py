"""The registry of rules for rows, by kind of lowering and for some ops."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import nodeflow.engine.rows.rules as package
from nodeflow.engine.rows.call import Call
from nodeflow.engine.rows.states import State
from nodeflow.engine.rule_book import RuleBook

Rule = Callable[[Call], State | Sequence[State]]
"""A rule: returns the states of the outputs, or one state for all; raises MixesRows."""

BOOK: RuleBook[Rule] = RuleBook(package)
"""All rules. A lowering without a rule mixes rows."""
follows, follows_op = BOOK.for_lowerings, BOOK.for_ops
