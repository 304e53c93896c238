"""A user's choices about a data file, from which a starter makes a graph."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from nodeflow.data.catalog import source_options
from nodeflow.data.survey import ColumnSurvey, Survey

CLASSIFY, REGRESS, PICTURES, SERIES = "classify", "regress", "pictures", "series"
TEXT, DATA = "text", "data"
NUMBERS = ("number", "integer", "boolean")
MOST_CLASSES = 100
"""The maximum number of values of a label with classes."""
NO_TABLE = {
    CLASSIFY: "There is no array of class numbers beside one of numbers.",
    REGRESS: "There is no array of numbers to predict.",
    PICTURES: "There are no pictures with classes.",
    SERIES: "There is no table with rows in the order of time.",
    TEXT: "There is no text file.",
}
"""The reason why arrays or pictures do not suit a starter."""
SPLITS = {
    CLASSIFY: "stratified",
    REGRESS: "random",
    PICTURES: "stratified",
    SERIES: "ordered",
    TEXT: "",
}
"""The default split of rows for each starter."""


@dataclass
class Choices:
    """The choices, initially as guessed by the survey.

    Attributes:
        task: the id of the starter.
        inputs, labels: names of columns, in the order of the file.
        scale: whether inputs are scaled to mean 0 and deviation 1.
        one_hot: whether each category becomes a column, instead of a number.
        split: ``random``, ``stratified`` (each class has the same share in each split) or
            ``ordered`` (the last rows are the test rows).
        shares: the fractions of train, validation and test.
        missing: the source's option for rows with missing values.
        window, horizon: for a series: number of input rows, and how many rows ahead to predict.
        size: height and width to resize pictures to; empty if nothing is resized.
        color: ``grey`` or ``rgb``, for pictures.
        class_names: displayed names by class; classes without an entry keep their own.
        order_by: the column that orders the rows of a series or an ordered split; "" for none.
        known: the options that the source has.
        split_chosen: whether the user chose the split.
        fits: the starters that can use these arrays (`starters_for`); None if that is unknown.
        unit: for a text: characters, words or byte_pairs.
        by_line: for a text: whether every line is a text of its own.
    """

    survey: Survey
    task: str = CLASSIFY
    inputs: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    scale: bool = True
    one_hot: bool = True
    split: str = "random"
    shares: tuple[float, ...] = (0.8, 0.1, 0.1)
    missing: str = ""
    window: int = 16
    horizon: int = 1
    order_by: str = ""
    class_names: dict[str, str] = field(default_factory=dict)
    size: tuple[int, ...] = ()
    color: str = ""
    known: frozenset[str] = field(default_factory=frozenset)
    split_chosen: bool = False
    fits: tuple[str, ...] | None = None
    unit: str = ""
    by_line: bool = False

    @classmethod
    def guessed(cls, survey: Survey, fits: tuple[str, ...] | None = None) -> Choices:
        """Return the choices for a new graph that suit a survey of the data: starter, inputs,
        labels and so on.

        If the guessed starter cannot use the data, choose another one that can. The last resort is
        the starter that makes only the data nodes.
        """
        guess = dict(survey.guess.options)
        names = tuple(c.name for c in survey.columns)
        labels = tuple(guess.get("labels") or ()) if survey.kind == "table" else ()
        inputs = guess.get("features") or [n for n in names if n not in labels]
        known = frozenset(option.name for option in source_options(survey.source))
        dates = [c for c in survey.columns if c.kind == "date" and not c.missing]
        found = cls(
            survey,
            survey.guess.task,
            tuple(inputs),
            labels,
            split=guess.get("split") or SPLITS.get(survey.guess.task, "random"),
            shares=tuple(guess.get("splits") or (0.8, 0.1, 0.1)),
            missing=guess.get("missing") or ("drop" if "missing" in known else ""),
            window=int(guess.get("window") or 0) or cls.window,
            horizon=int(guess.get("horizon") or 0) or cls.horizon,
            order_by=guess.get("order_by") or next((c.name for c in dates), ""),
            size=tuple(guess.get("size") or ()),
            color=guess.get("color") or "",
            known=known,
            unit=guess.get("unit") or "",
            by_line=guess.get("texts") == "lines",
            fits=fits,
        )
        if found.misfit(found.task):
            others = (task for task in (*SPLITS, DATA) if not found.misfit(task))
            found.choose_task(next(others, found.task))
        return found

    def choose_task(self, task: str) -> None:
        """Choose another starter graph. Change the input columns and the train/test split to those
        that it needs.
        """
        if task == SERIES:
            self.inputs = self._ordered(
                n
                for n in {*self.inputs, *self.labels} - {self.order_by}
                if self.column(n).kind in NUMBERS
            )
        elif self.task == SERIES and task != DATA:
            self.inputs = self._ordered({*self.inputs} - {*self.labels})
        self.task = task
        if not self.split_chosen:
            self.split = SPLITS.get(task, self.split)

    @property
    def is_table(self) -> bool:
        return self.survey.kind == "table"

    def column(self, name: str) -> ColumnSurvey:
        return next(column for column in self.survey.columns if column.name == name)

    def use_as_input(self, name: str, used: bool) -> None:
        """Make a column an input, or stop using it. An input is no longer a label."""
        chosen = {*self.inputs, name} if used else {*self.inputs} - {name}
        self.inputs = self._ordered(chosen)
        if used and self.task != SERIES:
            self.labels = self._ordered({*self.labels} - {name})

    def use_as_label(self, name: str, used: bool) -> None:
        """Make a column the only label, or with ``used`` false no label.

        The previous label becomes an input again, and the task is adapted to the new label.
        """
        before = self.labels
        if used:
            self.labels = (name,)
            if self.task != SERIES:
                back = {n for n in before if self.column(n).kind != "text"}
                self.inputs = self._ordered(({*self.inputs} | back) - {name})
            if self.task in (CLASSIFY, REGRESS):
                self.choose_task(CLASSIFY if not self.misfit(CLASSIFY) else REGRESS)
        else:
            self.labels = self._ordered({*before} - {name})

    def name_class(self, label: str, name: str) -> None:
        """Set the name that is displayed for a class.

        An empty name, or a name that equals the class's value, resets it.
        """
        self.class_names.pop(label, None)
        if name.strip() and name.strip() != label:
            self.class_names[label] = name.strip()

    def classes(self) -> tuple[tuple[str, int], ...]:
        """Return (class, number of rows) for each class of the label; empty without classes."""
        if not self.is_table:
            counts = [c.categories for c in self.survey.columns if c.kind == "category"]
            return counts[0] if counts else tuple((name, 0) for name in self.survey.classes)
        if len(self.labels) != 1 or self.misfit(CLASSIFY):
            return ()
        return self.column(self.labels[0]).categories

    def misfit(self, task: str) -> str:
        """Return the reason why a starter cannot use these columns, as a sentence; "" if it can."""
        if not self.is_table:
            fits = (self.survey.guess.task,) if self.fits is None else self.fits
            return "" if task in (*fits, DATA) else NO_TABLE[task]
        if task == DATA:
            words = [n for n in self.inputs if self.column(n).kind == "text"]
            if words:
                return f"{words[0]} is free text. Leave it out."
            return "" if self.inputs else "Choose at least one input."
        if task == PICTURES:
            return "There are no pictures in a table."
        if task == TEXT:
            return NO_TABLE[TEXT]
        if not self.inputs or (task != SERIES and {*self.inputs} <= {*self.labels}):
            return "Choose at least one input."
        if not self.labels:
            return "Choose a label: the column to predict."
        labels = [self.column(name) for name in self.labels]
        if task == CLASSIFY:
            return self._no_classes(labels)
        wrong = next((c for c in labels if c.kind not in NUMBERS), None)
        if wrong is not None:
            return f"{wrong.name} is not a number."
        if task == SERIES and self.survey.rows < 4 * (self.window + self.horizon):
            return "There are too few rows for a series."
        return ""

    def _no_classes(self, labels: list[ColumnSurvey]) -> str:
        if len(labels) != 1:
            return "Classes need exactly one label."
        (label,) = labels
        if label.kind in ("date", "text"):
            return f"{label.name} has no classes."
        rare = label.kind == "integer" and 3 * label.distinct > self.survey.rows
        if label.kind == "number" or label.distinct > MOST_CLASSES or rare:
            return f"{label.name} is a number with {label.distinct} different values."
        return "" if label.distinct > 1 else f"{label.name} is the same in all rows."

    def options(self) -> dict[str, Any]:
        """Return the attributes of the new dataset node, except its source.

        They leave out types and categories that are read later from the whole file, because the
        survey at the start may have read only a part of it.
        """
        found = dict(self.survey.guess.options)
        if self.task == DATA and self.survey.as_stored is not None:
            found = dict(self.survey.as_stored)
            if self.split == "stratified":  # arrays as they are have no classes
                return self._known({**found, "splits": list(self.shares), "split": "random"})
        if self.is_table:
            classes, series = self.task == CLASSIFY, self.task == SERIES
            classes = classes or (self.task == DATA and not self.misfit(CLASSIFY))
            labels = self.labels
            if self.task == DATA:
                labels = tuple(name for name in labels if name not in self.inputs)
            found |= {"features": list(self.inputs), "labels": list(labels)}
            found["label_kind"] = "one_hot" if classes else "number" if labels else "none"
            found["types"] = dict.fromkeys(self.labels, "category") if classes else None
            found["categories"] = None
            found["category_encoding"] = "one_hot" if self.one_hot else "code"
            found["window"] = self.window if series else 0
            found["horizon"] = self.horizon if series else 1
            found["missing"] = self.missing
            ordered = series or self.split == "ordered"
            found["order_by"] = (self.order_by or None) if ordered else None
        if self.size:
            found |= {"size": list(self.size), "color": self.color}
        if self.unit:
            found |= {"unit": self.unit, "window": self.window}
            found |= {"texts": "lines" if self.by_line else "whole", "shuffle": self.by_line}
        known = {label for label, _ in self.classes()}
        names = {label: name for label, name in self.class_names.items() if label in known}
        found["class_names"] = names or None
        found["splits"] = list(self.shares)
        found["split"] = self.split
        return self._known(found)

    def _known(self, found: dict[str, Any]) -> dict[str, Any]:
        """Return those of the found options that the data source supports and that are not
        empty.
        """
        return {n: v for n, v in found.items() if n in self.known and v not in (None, "")}

    def _ordered(self, names: Iterable[str]) -> tuple[str, ...]:
        chosen = set(names)
        return tuple(c.name for c in self.survey.columns if c.name in chosen)
