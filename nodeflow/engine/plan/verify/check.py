"""Runs the rules on drafts and plans, if verification is on."""

from __future__ import annotations

import os
from collections.abc import Iterable

from nodeflow.engine.ir.plan import Plan
from nodeflow.engine.plan.draft import Draft
from nodeflow.engine.plan.verify.coverage import COVERAGE
from nodeflow.engine.plan.verify.facts import facts_of_actions, facts_of_groups, facts_of_plan
from nodeflow.engine.plan.verify.records import Facts, PlanError
from nodeflow.engine.plan.verify.rules import MEMORY, ORDER, Rule


def is_on() -> bool:
    """Return whether plans are verified: ``NODEFLOW_VERIFY=1`` in the environment."""
    return os.environ.get("NODEFLOW_VERIFY") == "1"


def check_draft(draft: Draft, checked: object = None) -> object:
    """Check that a draft of a plan orders its reads and writes correctly after a pass of the
    planner. Skip the check if the pass changed nothing relevant.

    Args:
        checked: the result of the last check of this draft.

    Raises:
        PlanError: a rule is broken.
    """
    if draft.lowered is None or draft.is_impossible:
        return None
    facts = facts_of_groups(draft) if draft.groups else facts_of_actions(draft.actions)
    seen = facts.of_order()
    if seen != checked:
        check(facts, ORDER)
    return seen


def check_plan(plan: Plan, gathered: Iterable[int] = ()) -> None:
    """Check that a finished plan is valid: its order of reads and writes, its memory layout, and
    that launches write each output completely.

    Args:
        gathered: slots of feeds that are in the arena.

    Raises:
        PlanError: a rule is broken.
    """
    check(facts_of_plan(plan, gathered), (*ORDER, *MEMORY, *COVERAGE))


def check(facts: Facts, rules: Iterable[Rule]) -> None:
    """Check facts about a plan against some verification rules.

    Raises:
        PlanError: a rule is broken. The error reports the first violation of the first broken rule.
    """
    for rule in rules:
        for broken in rule(facts):
            nodes = broken.event.nodes if broken.event is not None else ""
            if broken.event is None and broken.storage is not None:
                nodes = facts.name(broken.storage)
            raise PlanError(rule.__name__, broken.message, nodes, broken.storage)
