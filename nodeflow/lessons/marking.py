"""The comparison of an answer with a lesson: verdicts, credit, and hints."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from nodeflow.document.model.document import Document
from nodeflow.errors import Cancelled, NodeflowError
from nodeflow.lessons.checks.check import Check, Evidence, Outcome, Quantity
from nodeflow.lessons.equality import equal
from nodeflow.lessons.errors import LessonProblem
from nodeflow.lessons.given_data import with_given_data
from nodeflow.lessons.reference import Computed, Reference, Stored, twin_document
from nodeflow.lessons.schema import ErrorAt, Lesson, Milestone, Twin, lesson_of
from nodeflow.lessons.start import altered, start_of
from nodeflow.lessons.tested_graph import TestedGraph


@dataclass(frozen=True)
class Verdict:
    """The outcome of one check."""

    check: Check
    outcome: Outcome

    @property
    def passed(self) -> bool:
        return self.outcome.passed


@dataclass(frozen=True)
class Mark:
    """The result of an answer.

    Attributes:
        verdicts: of the checks that ran, in the order of the lesson.
        twin: the typical mistake that the answer makes, or None.
        milestones: id of each milestone that is reached -> the name of the answer's tensor.
        altered: names of locked nodes that the answer changed.
        credit: the reached part of all credit, from 0 to 1.
    """

    verdicts: tuple[Verdict, ...]
    twin: Twin | None = None
    milestones: dict[str, str] = field(default_factory=dict)
    altered: tuple[str, ...] = ()
    credit: float = 0.0

    @property
    def passed(self) -> bool:
        return all(v.passed for v in self.verdicts)

    def has_passed(self, check: str) -> bool:
        """Return whether the check with this id ran and passed."""
        return any(v.passed for v in self.verdicts if v.check.id == check)


class Marker:
    """Marks answers to one lesson. Close it, or use it in a ``with`` statement.

    Args:
        document: the lesson's document, a teacher's file or a student's copy.
        seeds: secret seeds of further inputs; a student's copy takes none.

    Raises:
        LessonProblem: the lesson is malformed, or its solution fails.
    """

    def __init__(self, document: Document, seeds: Iterable[int] = ()) -> None:
        lesson = lesson_of(document)
        if lesson is None:
            raise LessonProblem("the file has no lesson")
        self.lesson: Lesson = lesson
        self._document = document
        self.start = start_of(document, lesson)
        with TestedGraph(self.start) as begun:
            types = begun.types()
        self.cases = lesson.probes.cases(types)
        self._reference: Reference
        if lesson.is_student_copy:
            self._reference = Stored(lesson, self.cases)
        else:
            self._reference = Computed(document, lesson)
            for seed in seeds:
                self.cases += lesson.probes.cases(types, seed)

    def __enter__(self) -> Marker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._reference.close()

    def twin_document(self, twin: Twin) -> Document:
        """Return the graph of a typical mistake; see `reference.twin_document`."""
        return twin_document(self._document, twin)

    @property
    def reference(self) -> Reference:
        """The expected values of the solution, and the values that typical mistakes give."""
        return self._reference

    def mark(
        self,
        answer: Document,
        *,
        live: bool = False,
        checks: Iterable[str] | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Mark:
        """Check an answer and return its mark. Ignore the lesson that the answer's file contains.

        Args:
            live: leave out checks that train.
            checks: ids of the checks to run; default: all.
            stop: returns whether to give up; called now and then.

        Raises:
            Cancelled: ``stop`` returned True.
        """
        answer = with_given_data(self.start, answer, self.lesson)
        chosen = None if checks is None else set(checks)
        wanted = [
            check
            for check in self.lesson.checks
            if (check.IS_LIVE or not live) and (chosen is None or check.id in chosen)
        ]
        with TestedGraph(answer) as graph:
            evidence = Evidence(graph, self.cases, self._reference.expected, self.start, stop)
            verdicts = []
            for check in wanted:
                if stop():
                    raise Cancelled("the marking was stopped")
                verdicts.append(Verdict(check, _outcome(check, evidence)))
            failed = [v for v in verdicts if not v.passed]
            twin = self._twin(graph, failed) if failed else None
            reached = self._milestones(graph) if failed else {}
        return Mark(
            tuple(verdicts),
            twin,
            reached,
            tuple(altered(self.start, answer, self.lesson)),
            self._credit(verdicts, reached),
        )

    def _credit(self, verdicts: list[Verdict], reached: dict[str, str]) -> float:
        part = sum(m.credit for m in self.lesson.milestones if m.id in reached)
        total = sum(v.check.credit for v in verdicts)
        got = sum(v.check.credit * (1.0 if v.passed else min(1.0, part)) for v in verdicts)
        return got / total if total else 1.0

    # ---- hints ----------------------------------------------------------------------------------

    def _twin(self, graph: TestedGraph, failed: list[Verdict]) -> Twin | None:
        """Return the first typical mistake whose values or signs the answer shows, or None."""
        watched = [q for verdict in failed for q in verdict.check.watched()]
        values = {q: self._values(graph, q) for q in dict.fromkeys(watched)}
        for twin in self.lesson.twins:
            if twin.has_sign:
                if self._has_signs(graph, twin, failed):
                    return twin
            elif values and self._behaves(values, twin):
                return twin
        return None

    def _has_signs(self, graph: TestedGraph, twin: Twin, failed: list[Verdict]) -> bool:
        """Return whether a student's answer shows all signs of a typical mistake, such as an error
        or a missing op.
        """
        symptoms = [v.outcome.symptom for v in failed if v.outcome.symptom is not None]
        return (
            (twin.error is None or _has_error(graph, twin.error))
            and (twin.symptom is None or any(map(twin.symptom.fits, symptoms)))
            and (not twin.lacks or not self._ops(graph) & set(twin.lacks))
            and (twin.setting is None or twin.setting.is_in(graph.document))
        )

    def _ops(self, graph: TestedGraph) -> set[str]:
        """Return the ids of all ops in a student's answer, including ops inside layers. Ops that
        compute gradients, or that are inside locked nodes of the lesson, are left out.
        """
        locked = {r.name for r in self.start.nodes.values() if self.lesson.locks(r.id)}
        owners = ((n, n.name.partition("/")[0]) for n in graph.task.graph.nodes)
        return {
            node.op.id
            for node, owner in owners
            if owner != "gradients" and (owner not in locked or owner == node.name)
        }

    def _values(self, graph: TestedGraph, quantity: Quantity) -> list[np.ndarray] | None:
        try:
            return [quantity.of(graph, case) for case in self.cases]
        except NodeflowError:
            return None

    def _behaves(self, values: dict[Quantity, list[np.ndarray] | None], twin: Twin) -> bool:
        """Return whether an answer and a typical mistake have equal values in all cases with stored
        values of the mistake. Return False if none are stored.
        """
        compared = False
        for quantity, found in values.items():
            for number, case in enumerate(self.cases):
                mistaken = self._reference.mistaken(twin, quantity, case)
                if mistaken is None:
                    continue
                if found is None or not equal(found[number], mistaken):
                    return False
                compared = True
        return compared

    def _milestones(self, graph: TestedGraph) -> dict[str, str]:
        """Find the milestones that a student's answer reaches. Return a dict from the milestone's
        id to the name of a tensor whose values equal the milestone's in all cases.
        """
        if not self.lesson.milestones:
            return {}
        given = {record.name for record in self.start.nodes.values()}
        try:
            computed = [graph.everything(case) for case in self.cases]
        except NodeflowError:  # an input is missing
            return {}
        found = {}
        for milestone in self.lesson.milestones:
            reference = self._milestone_values(milestone)
            for name in computed[0]:
                if name not in given and _same(name, computed, reference):
                    found[milestone.id] = name
                    break
        return found

    def _milestone_values(self, milestone: Milestone) -> list[np.ndarray]:
        quantity = Quantity(milestone.node)
        return [self._reference.expected(quantity, case) for case in self.cases]


def _same(name: str, computed: list[dict[str, np.ndarray]], reference: list[np.ndarray]) -> bool:
    return all(
        name in values and equal(values[name], expected)
        for values, expected in zip(computed, reference, strict=True)
    )


def _outcome(check: Check, evidence: Evidence) -> Outcome:
    for quantity in check.watched():
        if evidence.answer.document.node_named(quantity.node) is None:
            return Outcome(False, f"No node is named {quantity.node} yet.")
    try:
        return check.run(evidence)
    except (Cancelled, LessonProblem):
        raise
    except NodeflowError as error:
        return Outcome(False, f"{error.text('window').rstrip('.')}.")


def _has_error(graph: TestedGraph, error: ErrorAt) -> bool:
    for problem in graph.problems:
        record = graph.document.node_named(problem.node)
        has_op = not error.op or (record is not None and record.op == error.op)
        if problem.kind == error.kind and error.node in ("", problem.node) and has_op:
            return True
    return False
