"""The object ``lesson`` of a document, as dataclasses.

A teacher's file has the solution as its graph. `given` lists the nodes that the learner starts
with. A student's copy has only these nodes, and `expected` holds the solution's values as arrays.
All texts stand in `texts` under keys that follow from ids (``steps.ID.title``), so that a file
beside the lesson can translate them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nodeflow.document.edit.sweep_settings import TRAINING
from nodeflow.document.model.document import Document
from nodeflow.lessons import fields as f
from nodeflow.lessons.checks import check_of
from nodeflow.lessons.checks.check import DIVERGED, SHORT, UNCHANGED, Check, Symptom
from nodeflow.lessons.checks.limits import Setting
from nodeflow.lessons.errors import LessonProblem, NewerLesson
from nodeflow.lessons.fields import field, many, named, nested, optional, whole
from nodeflow.lessons.probes import Probes

SCHEMA = 1
BUNDLED = "first-steps"
"""The id of the course that comes with the program."""
ANSWERS = "answers"
"""The field of a learner's document that names the lesson which it answers."""
SELECTED, TRAINED, SKETCHED = "selected", "trained", "sketched"
EVENTS = (SELECTED, TRAINED, SKETCHED)
NUMBER, SHAPE, CHOICE = "number", "shape", "choice"


@dataclass(frozen=True)
class Prediction:
    """A question whose answer the learner gives before the value shows.

    Attributes:
        node: the node that the question is about; empty for a choice.
        kind: the learner gives a ``number``, a ``shape`` or a ``choice``.
        change: amounts that are added to nodes, by name, before the node is read.
        difference: whether the asked number is the change of the node's value.
        tolerance: the largest accepted error of a number, as a fraction of it.
        choices: the number of choices; their texts are ``steps.ID.choices.0`` and so on.
        right: the index of the right choice.
    """

    kind: str = field(f.one_of(NUMBER, SHAPE, CHOICE))
    node: str = field(f.text, "")
    change: Mapping[str, float] = field(named(f.number), {})
    difference: bool = field(f.flag, False)
    tolerance: float = field(f.number, 0.05)
    choices: int = field(whole(2, 9), 2)
    right: int = field(whole(0, 8), 0)


@dataclass(frozen=True)
class Deed:
    """Something to do in the window that leaves the graph as it is.

    Attributes:
        event: a node was selected, a training ended, or a picture was drawn.
        node: the name of the node to select; empty for any.
        metric: the scalar that the training has to bring to ``at_least``; empty for none.
    """

    event: str = field(f.one_of(*EVENTS))
    node: str = field(f.text, "")
    metric: str = field(f.text, "")
    at_least: float = field(f.number, 0.0)


@dataclass(frozen=True)
class Step:
    """A step of the instructions. It is done when its checks pass, its question is answered and its
    deed is done.

    Attributes:
        checks: ids of checks.
        points: the op in the palette, or the name of the node, that the step is about.
        picture: a picture below the text; ``steps.ID.picture`` describes it.
    """

    id: str = field(f.text)
    checks: tuple[str, ...] = field(many(f.text), ())
    predict: Prediction | None = field(optional(nested(Prediction)), None)
    deed: Deed | None = field(optional(nested(Deed)), None)
    points: str = field(f.text, "")
    picture: bytes = field(f.picture, b"")


@dataclass(frozen=True)
class ErrorAt:
    """An error that a typical mistake causes.

    Attributes:
        kind: the name of the error class, such as ``ShapeError``.
        node: the name of the node that has the error; empty for any.
        op: the op of that node; empty for any.
    """

    kind: str = field(f.text)
    node: str = field(f.text, "")
    op: str = field(f.text, "")


@dataclass(frozen=True)
class SymptomOf:
    """How a training of a check ends: ``diverged``, ``unchanged`` (no better than before it), or
    ``short`` (it improved, but too little), with a measured value between ``low`` and ``high``."""

    kind: str = field(optional(f.one_of(DIVERGED, UNCHANGED, SHORT)), None)
    low: float | None = field(optional(f.number), None)
    high: float | None = field(optional(f.number), None)

    def fits(self, found: Symptom) -> bool:
        """Return whether a training ended so."""
        within = (self.low is None or found.value >= self.low) and (
            self.high is None or found.value <= self.high
        )
        return within and self.kind in (None, found.kind)


@dataclass(frozen=True)
class Twin:
    """A typical mistake, known by values or by signs. Its hint is ``twins.ID.hint``.

    Attributes:
        graph: the mistaken graph, an object with the fields of a file; None in a student's copy,
            which holds its values.
        error: the error by which the mistake is known.
        symptom: how a training ends that makes the mistake.
        lacks: ops of which the answer has none.
        setting: an attribute or a setting of the training, and the values that are mistaken.
    """

    id: str = field(f.text)
    graph: Mapping[str, Any] | None = field(optional(named(f.raw)), None)
    error: ErrorAt | None = field(optional(nested(ErrorAt)), None)
    symptom: SymptomOf | None = field(optional(nested(SymptomOf)), None)
    lacks: tuple[str, ...] = field(many(f.text), ())
    setting: Setting | None = field(optional(nested(Setting)), None)

    @property
    def has_sign(self) -> bool:
        """Whether the mistake can be recognised without comparing values, for example by an error
        or a missing op.
        """
        return bool(self.error or self.symptom or self.lacks or self.setting)


@dataclass(frozen=True)
class Milestone:
    """An intermediate value of the solution that is worth a part of the credit.

    Attributes:
        node: the name of the node in the solution.
        credit: the part of the failed checks' credit, from 0 to 1.
    """

    id: str = field(f.text)
    node: str = field(f.text)
    credit: float = field(f.number, 0.25)


@dataclass(frozen=True)
class Part:
    """A part of a solved lesson that later lessons offer as a subgraph.

    Attributes:
        name: the name of the subgraph.
        inputs: names of given nodes; the subgraph has a port for each, in this order.
        node: the name of the node whose value is the output.
    """

    name: str = field(f.text)
    inputs: tuple[str, ...] = field(many(f.text, 1))
    node: str = field(f.text)


@dataclass(frozen=True)
class Lesson:
    """A lesson.

    Attributes:
        id: its name in progress and marks; it stays when the lesson is revised.
        language: the language of its texts, as ``en`` or ``pt_BR``.
        course: the id of its course; empty for a single lesson.
        place: its place in the course, from 0.
        minutes: the time that it takes.
        given: ids of the nodes that the learner starts with.
        given_frames: ids of the frames that the learner starts with.
        start: attributes with which given nodes start, where they differ from the solution: by id
            of the node, then by attribute. ``training`` stands for the settings of the training;
            null removes a setting.
        locked: ids of given nodes that the learner cannot change; None for all of them.
        offered: ops that the learner may use; None for all.
        next: the id of the following lesson.
        builds: the part that the solved lesson gives to later lessons.
        uses: subgraphs of the file that are parts of earlier lessons: the id of the lesson that
            builds each, by name. The learner's own part takes the place of such a subgraph.
        expected: the solution's values in a student's copy; None in a teacher's file.
    """

    schema: int = field(whole(1))
    id: str = field(f.text)
    texts: Mapping[str, str] = field(named(f.text))
    version: int = field(whole(1), 1)
    language: str = field(f.text, "en")
    course: str = field(f.text, "")
    place: int = field(whole(0, 999), 0)
    minutes: int = field(whole(1, 999), 10)
    given: tuple[str, ...] = field(many(f.text), ())
    given_frames: tuple[str, ...] = field(many(f.text), ())
    start: Mapping[str, Mapping[str, Any]] = field(named(named(f.raw)), {})
    locked: tuple[str, ...] | None = field(optional(many(f.text)), None)
    offered: tuple[str, ...] | None = field(optional(many(f.text)), None)
    steps: tuple[Step, ...] = field(many(nested(Step)), ())
    probes: Probes = field(nested(Probes), Probes())
    checks: tuple[Check, ...] = field(many(check_of), ())
    twins: tuple[Twin, ...] = field(many(nested(Twin)), ())
    milestones: tuple[Milestone, ...] = field(many(nested(Milestone)), ())
    next: str = field(f.text, "")
    builds: Part | None = field(optional(nested(Part)), None)
    uses: Mapping[str, str] = field(named(f.text), {})
    expected: Mapping[str, Any] | None = field(optional(named(f.raw)), None)

    @property
    def key(self) -> str:
        """The key of the lesson, unique among all courses, under which the learner's progress is
        stored.
        """
        return self.id if self.course == BUNDLED else f"{self.course or 'own'}.{self.id}"

    @property
    def is_student_copy(self) -> bool:
        """Whether the file holds values instead of the solution."""
        return self.expected is not None

    def text(self, key: str, default: str = "") -> str:
        """Return a text of the lesson, such as ``twins.sum.hint``."""
        return self.texts.get(key, default)

    def check(self, id: str) -> Check:
        """Return the check with this id."""
        return next(c for c in self.checks if c.id == id)

    def locks(self, node_id: str) -> bool:
        """Return whether the learner cannot change this node."""
        return node_id in (self.given if self.locked is None else self.locked)


def is_student_copy(document: Document) -> bool:
    """Return whether a document is the learner's copy of a lesson, which holds expected values
    instead of the solution.
    """
    return bool(document.lesson) and "expected" in document.lesson


def lesson_of(document: Document) -> Lesson | None:
    """Return the lesson in a document; None if it has none, or is only an answer to one.

    Raises:
        LessonProblem: a field is wrong, or names what does not exist.
        NewerLesson: a later release wrote it.
    """
    data = document.lesson
    if not data or ANSWERS in data:
        return None
    schema = data.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise NewerLesson(
            f"the lesson has schema {schema}, and this program reads up to {SCHEMA}",
            hint="Update nodeflow to open it.",
        )
    lesson = f.read(Lesson, data, "lesson")
    for problem in _contradictions(lesson, document):
        raise LessonProblem(f"lesson: {problem}")
    return lesson


def _contradictions(lesson: Lesson, document: Document) -> Iterator[str]:
    """Yield a sentence for each field of a lesson that contradicts another field or the graph."""
    for name in ("steps", "checks", "twins", "milestones"):
        ids = [item.id for item in getattr(lesson, name)]
        if twice := next((i for i in ids if ids.count(i) > 1), None):
            yield f"two of the {name} have the id {twice!r}"
    for node in (*lesson.given, *lesson.start, *(lesson.locked or ())):
        if node not in document.nodes and node != TRAINING:
            yield f"the given node {node!r} is not in the graph"
    for node in lesson.locked or ():
        if node not in lesson.given:
            yield f"the locked node {node!r} is not given"
    checks = {check.id for check in lesson.checks}
    for step in lesson.steps:
        for check in step.checks:
            if check not in checks:
                yield f"step {step.id!r} names the check {check!r}, which does not exist"
    for key in _needed_texts(lesson):
        if key not in lesson.texts:
            yield f"the text {key!r} is missing"
    for name in lesson.uses:
        if name not in document.subgraphs:
            yield f"the subgraph {name!r}, which the lesson uses, is not in the file"
    part = lesson.builds
    for node in () if part is None or lesson.is_student_copy else (*part.inputs, part.node):
        if document.node_named(node) is None:
            yield f"there is no node {node!r}, named by the part that the lesson builds"
    if not lesson.is_student_copy:
        for milestone in lesson.milestones:
            if document.node_named(milestone.node) is None:
                yield f"there is no node {milestone.node!r}, named by milestone {milestone.id!r}"


def _needed_texts(lesson: Lesson) -> Iterator[str]:
    yield "title"
    for step in lesson.steps:
        yield f"steps.{step.id}.title"
        yield f"steps.{step.id}.text"
        if step.predict is not None:
            yield f"steps.{step.id}.question"
            if step.predict.kind == "choice":
                yield from (f"steps.{step.id}.choices.{i}" for i in range(step.predict.choices))
    for twin in lesson.twins:
        yield f"twins.{twin.id}.hint"
