"""The registry of rules: what becomes of rows in each kind of lowering, and in some ops."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import nodeflow.engine.rows.rules as package
from nodeflow.engine.rows.call import Call
from nodeflow.engine.rows.states import State
from nodeflow.engine.rule_book import RuleBook

Rule = Callable[[Call], State | Sequence[State]]
"""The states of the outputs; one state holds for all of them. Raises MixesRows."""

BOOK: RuleBook[Rule] = RuleBook(package)
"""What has no rule mixes rows."""
follows, follows_op = BOOK.for_lowerings, BOOK.for_ops
