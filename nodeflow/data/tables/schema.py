"""The choice of a table's feature and label columns, and their conversion to numbers.

`choose` applies the options of a CSV source to a table. A `Schema` holds the result: the rows that
are kept, and everything that `pin` returns so that a second file is interpreted in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from nodeflow.data.errors import DataFormatError
from nodeflow.data.source_options import MOST_CLASSES, shown_classes
from nodeflow.data.tables.cell_types import date_order, day, is_missing, number, shortest
from nodeflow.data.tables.encoders import (
    Encoder,
    class_codes,
    class_names,
    column_type,
    make_encoder,
    starts_with_numbers,
    unknown_category,
)
from nodeflow.data.tables.table import TEXT_BYTES, Table
from nodeflow.file_reading import allow
from nodeflow.graph.types import TensorType
from nodeflow.number_text import whole_number

MOST_NUMBERS = 1 << 29
"""The largest number of features in all rows together: 4 GB."""
NUMBER_BYTES = 24
"""Bytes per feature and row: as float64 twice, as float32, and again in its split."""


@dataclass(frozen=True)
class Schema:
    """Features and labels of a table.

    Attributes:
        encoders: encoders of the feature columns, in order.
        label_columns: positions of the label columns.
        label_kind: number, one_hot, class or none.
        values: features of every row of the table, float64 (rows, k); NaN where one is missing.
        kept: the rows of the table that are rows of the data set, in their order, int64; for a
            series to predict, rows after its end come last.
        labels: labels of the kept rows, float32 (n, columns) or class numbers int64 (n); None
            without labels.
        classes: names of the label's classes.
        sequence: all rows of the table in the order of windows, int64.
        notice: a text about omitted parts, or None.
    """

    table: Table
    options: Mapping[str, Any]
    encoders: tuple[Encoder, ...]
    label_columns: tuple[int, ...]
    label_kind: str
    values: np.ndarray
    kept: np.ndarray
    labels: np.ndarray | None
    classes: tuple[str, ...]
    sequence: np.ndarray
    notice: str | None

    @property
    def types(self) -> dict[str, TensorType]:
        return _types(
            self.encoders, self.label_columns, self.label_kind, self.classes, self.options
        )

    @property
    def depth(self) -> int | None:
        """The number of classes of one-hot labels."""
        return len(self.classes) if self.label_kind == "one_hot" else None

    @property
    def strata(self) -> np.ndarray | None:
        """The class numbers of the kept rows, for a stratified split, or None."""
        return self.labels if self.classes else None

    @property
    def class_names(self) -> dict[str, tuple[str, ...]]:
        """The class names of the labels for display, even if the file lacks the declared labels."""
        names = self.options["class_names"]
        wanted = self.options["labels"] or ()
        known = self.options["categories"] or {}
        kinds = ("auto", "one_hot", "class")
        if not self.classes and len(wanted) == 1 and self.options["label_kind"] in kinds:
            found = tuple(known.get(wanted[0]) or ())
            return {"labels": shown_classes(found, names)} if found else {}
        return {"labels": shown_classes(self.classes, names)} if self.classes else {}

    @property
    def feature_names(self) -> tuple[str, ...]:
        return tuple(name for encoder in self.encoders for name in encoder.names)

    def features(self, parts: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return float64 (n, k), or (n, window, k) for a series, filled and scaled.

        Filling values and scales come from the training rows.
        """
        statistics = self.statistics(parts)
        values = self.values
        if self.options["missing"] == "fill":
            values = np.where(np.isnan(values), statistics["fill"], values)
        if self.options["standardize"]:
            values = values - statistics["mean"]
            values = values / statistics["deviation"]
        if not self.options["window"]:
            return values[self.kept]
        return values[self._windows]

    @cached_property
    def _windows(self) -> np.ndarray:
        """Return the rows in the window of each kept row, int64 (n, window)."""
        window, horizon = self.options["window"], self.options["horizon"]
        line = _and_future(self.sequence, len(self.table), horizon)
        place = np.empty(len(self.table) + horizon, np.int64)
        place[line] = np.arange(len(line))
        last = place[self.kept] - horizon
        return line[last[:, None] + np.arange(1 - window, 1)]

    def statistics(self, parts: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return each feature's mean, deviation and filling value.

        A figure is the one in the options, or computed from the training rows.
        """
        rows = self.kept[parts.get("train", np.arange(len(self.kept)))]
        train = self.values[rows[rows < len(self.table)]]
        found: dict[str, np.ndarray] = {}
        if self.options["missing"] == "fill":
            found["fill"] = self._given("fill", self._filling(train))
            train = np.where(np.isnan(train), found["fill"], train)
        if self.options["standardize"]:
            mean, deviation = train.mean(axis=0), train.std(axis=0)
            found["mean"] = self._given("mean", mean)
            found["deviation"] = self._given("deviation", np.where(deviation > 0, deviation, 1))
        return found

    def _given(self, figure: str, computed: Any) -> np.ndarray:
        """Return one statistic for each feature, float64: the value in the options, else the
        computed one.

        Args:
            figure: the name of the statistic.
            computed: its computed value for each feature.
        """
        given = self.options["statistics"] or {}
        return np.array(
            [
                given.get(name, {}).get(figure, own)
                for name, own in zip(self.feature_names, computed, strict=True)
            ],
            np.float64,
        )

    def _filling(self, train: np.ndarray) -> list[float]:
        """Return the filling value of each feature: the mean of numbers, else the most frequent
        value.
        """
        fill: list[float] = []
        for encoder in self.encoders:
            part = train[:, len(fill) : len(fill) + len(encoder.names)]
            part = part[~np.isnan(part).any(axis=1)]
            if not len(part):
                fill += [0.0] * len(encoder.names)
            elif encoder.kind in ("number", "integer", "date") and not encoder.parts:
                fill += part.mean(axis=0).tolist()
            else:
                different, often = np.unique(part, axis=0, return_counts=True)
                fill += different[np.argmax(often)].tolist()
        return fill

    def pinned(self, parts: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Return the guessed options as explicit values."""
        names, given = self.table.names, self.options
        labels = [names[i] for i in self.label_columns]
        types = {**(given["types"] or {}), **{e.name: e.kind for e in self.encoders}}
        categories = dict(given["categories"] or {})
        categories |= {e.name: list(e.categories) for e in self.encoders if e.categories}
        if self.classes:
            categories[labels[0]] = list(self.classes)
            types[labels[0]] = "category"
        else:
            types.update({n: column_type(self.table, names.index(n), self.options) for n in labels})
        figures = self.statistics(parts)
        statistics = {
            name: {figure: float(values[i]) for figure, values in figures.items()}
            for i, name in enumerate(self.feature_names)
            if figures
        }
        absent = not labels and given["labels"]  # the labels of this file are to be predicted
        return {
            "features": [encoder.name for encoder in self.encoders],
            "labels": given["labels"] if absent else labels or None,
            "label_kind": given["label_kind"] if absent else self.label_kind,
            "types": types,
            "categories": categories or None,
            "statistics": statistics or None,
            "date_order": self._date_order(),
        }

    def _date_order(self) -> str:
        """Return the order of day and month that all columns of dates agree on, if there was a
        choice.
        """
        if self.options["date_order"] != "auto":
            return self.options["date_order"]
        found = {date_order(column.read_date) for column in self.table.columns} - {"auto"}
        return found.pop() if len(found) == 1 else "auto"


def choose(table: Table, options: Mapping[str, Any], *, lenient: bool = False) -> Schema:
    """Return the features and labels of a table.

    Args:
        options: all options of the CSV source.
        lenient: whether to leave out rows with unknown categories or unreadable cells, with a
            notice that names the first; labels are then not read.

    Raises:
        DataFormatError: a column or cell does not fit.
    """
    chosen = _chosen(table, options, lenient)
    schema = _schema(table, options, chosen, lenient)
    if not chosen.absent or lenient:
        return schema
    notice = f"{table.path.name} has no {', '.join(chosen.absent)}, so there are no labels."
    return replace(schema, notice=" ".join(filter(None, (schema.notice, notice))))


def sampled_types(table: Table, options: Mapping[str, Any]) -> dict[str, TensorType] | None:
    """Return column types from the first rows of a table, or None if these rows do not decide them.

    Raises:
        DataFormatError: a column or cell does not fit.
    """
    chosen = _chosen(table, options)
    if not _sample_settles(table, chosen, options):
        return None
    encoders, _ = _encoders(table, chosen, options)
    classes = _classes(table, chosen.labels, options) if chosen.kind == "one_hot" else ()
    return _types(encoders, chosen.labels, chosen.kind, classes, options)


@dataclass(frozen=True)
class _Chosen:
    """The columns that the options choose.

    Attributes:
        kind: the kind of the labels, as in `Schema`.
        order: the column that orders the rows, or None.
        absent: names of labels that the file lacks, if it has all features.
    """

    features: tuple[int, ...]
    labels: tuple[int, ...]
    kind: str
    order: int | None
    absent: tuple[str, ...]


def _chosen(table: Table, options: Mapping[str, Any], lenient: bool = False) -> _Chosen:
    named = options["features"]
    for name in named or ():
        table.index(name)  # a missing feature is reported before a missing label
    absent = _absent_labels(table, options)
    labels = () if absent else _label_columns(table, options)
    kind = "none" if lenient else _label_kind(table, labels, options)
    order = None if options["order_by"] is None else table.index(options["order_by"])
    if named is None:
        left_out = () if options["window"] else labels
        features = tuple(i for i in range(len(table.names)) if i not in left_out and i != order)
    else:
        features = tuple(table.index(name) for name in named)
    if not features:
        raise DataFormatError(
            f"{table.path}: every column is a label", hint="Leave at least one for the features."
        )
    if kind in ("one_hot", "class") and len(labels) != 1:
        raise DataFormatError(
            f"{table.path}: class labels need exactly one label column, not {len(labels)}",
            hint="Choose one label column, or label_kind number.",
        )
    return _Chosen(features, () if lenient else labels, kind, order, absent)


def _encoders(
    table: Table, chosen: _Chosen, options: Mapping[str, Any]
) -> tuple[tuple[Encoder, ...], list[str]]:
    """Return an encoder for each feature, and the names of omitted columns of free text.

    Columns of free text are left out if the options name no features, unless there are no others.
    """
    features, dropped = chosen.features, []
    if options["features"] is None:
        texts = [i for i in features if column_type(table, i, options) == "text"]
        if len(texts) < len(features):
            dropped = [table.names[i] for i in texts]
            features = tuple(i for i in features if i not in texts)
    return tuple(make_encoder(table, i, options) for i in features), dropped


def _types(
    encoders: tuple[Encoder, ...],
    labels: tuple[int, ...],
    kind: str,
    classes: tuple[str, ...],
    options: Mapping[str, Any],
) -> dict[str, TensorType]:
    width = sum(len(encoder.names) for encoder in encoders)
    window = options["window"]
    shape = (None, window, width) if window else (None, width)
    types = {"features": TensorType("float32", shape)}
    if kind == "number":
        types["labels"] = TensorType("float32", (None, len(labels)))
    elif kind == "one_hot":
        types["labels"] = TensorType("float32", (None, len(classes)))
    elif kind == "class":
        types["labels"] = TensorType("int64", (None,))
    return types


def _absent_labels(table: Table, options: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the labels that a file lacks, if it has all features; such a file needs
    predictions.
    """
    wanted = options["labels"]
    if not wanted or not options["features"] or options["label_kind"] == "none":
        return ()
    if any(name in table.names or whole_number(name) is not None for name in wanted):
        return ()
    features = options["features"]
    has_all = all(n in table.names or whole_number(n) is not None for n in features)
    return tuple(wanted) if has_all else ()


def _label_columns(table: Table, options: Mapping[str, Any]) -> tuple[int, ...]:
    everything = range(len(table.names))
    if options["label_kind"] == "none":
        return ()
    if options["labels"] is None:
        return tuple(everything[-1:]) if len(everything) > 1 else ()
    return tuple(table.index(name) for name in options["labels"])


def _label_kind(table: Table, labels: tuple[int, ...], options: Mapping[str, Any]) -> str:
    kind = options["label_kind"]
    if not labels:
        return "none"
    if kind != "auto":
        return kind
    return "number" if all(_holds_numbers(table, i, options) for i in labels) else "one_hot"


def _holds_numbers(table: Table, index: int, options: Mapping[str, Any]) -> bool:
    """Return whether a label is a number: as declared, else by its first cell."""
    column = table.columns[index]
    declared = (options["types"] or {}).get(table.names[index])
    if declared:
        return declared in ("number", "integer", "date")
    first = next((cell for cell in column.start if not is_missing(cell)), None)
    if first is None:
        return column.kind in ("number", "integer", "date")
    try:
        number(first, column.decimal)
    except ValueError:
        return column.kind == "date"
    return True


def _sample_settles(table: Table, chosen: _Chosen, options: Mapping[str, Any]) -> bool:
    """Return whether the first rows of a table suffice to fix the types of all its columns."""
    known, types = options["categories"] or {}, options["types"] or {}
    if table.trimmed:
        return False
    if chosen.kind == "one_hot" and not known.get(table.names[chosen.labels[0]]):
        return False
    for index in chosen.features:
        name = table.names[index]
        if types.get(name) == "category" or known.get(name):
            if not known.get(name) and options["category_encoding"] == "one_hot":
                return False
        elif name not in types and not starts_with_numbers(table.columns[index]):
            return False
    return options["label_kind"] != "auto" or all(
        any(not is_missing(cell) for cell in table.columns[i].start) for i in chosen.labels
    )


def _classes(table: Table, labels: tuple[int, ...], options: Mapping[str, Any]) -> tuple[str, ...]:
    known = (options["categories"] or {}).get(table.names[labels[0]])
    return tuple(known) if known else class_names(table.columns[labels[0]])


def _schema(
    table: Table,
    options: Mapping[str, Any],
    chosen: _Chosen,
    lenient: bool,
) -> Schema:
    encoders, dropped = _encoders(table, chosen, options)
    labels, kind, order = chosen.labels, chosen.kind, chosen.order
    width = sum(len(encoder.names) for encoder in encoders)
    if width * len(table) > MOST_NUMBERS:
        raise DataFormatError(
            f"{table.path}: {len(table)} rows of {width} features do not fit in memory",
            hint="Choose fewer features, or category_encoding code.",
        )
    rows, window = len(table), options["window"]
    allow(width * rows * NUMBER_BYTES, table.path)
    if window:
        windows = rows * min(window, rows) * (8 + width * NUMBER_BYTES)
        allow(windows + options["horizon"] * (16 + len(table.names) * TEXT_BYTES), table.path)
    parts, wrong = [], []
    gone: np.ndarray = np.zeros(len(table), bool)
    for encoder in encoders:
        values, error = encoder.encode_leniently(table)
        if error is not None and not lenient:
            raise error
        parts.append(values)
        if error is not None:
            unfit = np.isnan(values).any(axis=1) & ~table.columns[encoder.index].missing
            gone |= unfit
            wrong.append((int(unfit.sum()), error))
    values = np.concatenate(parts, axis=1)
    label_values, classes = _label_values(table, labels, kind, options)
    missing = {e.name: table.columns[e.index].missing for e in encoders}
    missing |= {table.names[i]: table.columns[i].missing for i in labels}
    if options["missing"] == "error" and not lenient:
        _refuse_missing(table, missing)
    filled = options["missing"] == "fill" and (not lenient or options["statistics"])
    if filled:
        missing = {name: missing[name] for name in [table.names[i] for i in labels]}
    for rows in missing.values():
        gone |= rows
    sequence = np.arange(len(table), dtype=np.int64)
    if order is not None:
        keys = make_encoder(table, order, {**options, "dates": "days"}).encode(table)[:, 0]
        gone |= np.isnan(keys)
        sequence = np.argsort(keys, kind="stable")[: int((~np.isnan(keys)).sum())]
    complete = np.logical_not(gone if filled else np.isnan(values).any(axis=1))
    kept = _kept(sequence, gone, complete, options, future=lenient)
    if not len(kept):
        raise DataFormatError(
            f"{table.path} has no complete row"
            if not options["window"]
            else f"{table.path} has no {options['window']} consecutive complete rows",
            hint=_counts_text(missing) and f"Values are missing: {_counts_text(missing)}.",
        )
    notice = _notice(table, gone, missing, dropped, wrong)
    found = None if label_values is None else label_values[kept]
    if found is not None and classes:
        found = found.astype(np.int64)
    elif found is not None:
        found = found.astype(np.float32)
    return Schema(
        table, options, encoders, labels, kind, values, kept, found, classes, sequence, notice
    )


def _kept(
    sequence: np.ndarray,
    gone: np.ndarray,
    complete: np.ndarray,
    options: Mapping[str, Any],
    *,
    future: bool,
) -> np.ndarray:
    """Return the rows of the data set: rows without gaps, or rows whose window has no gap.

    Args:
        future: whether to include the rows after the end of a series that its last windows predict.
    """
    window, horizon = options["window"], options["horizon"]
    if not window:
        return sequence[~gone[sequence]]
    line = _and_future(sequence, len(gone), horizon if future else 0)
    good = np.concatenate([~gone[sequence], np.ones(len(line) - len(sequence), bool)])
    before = np.cumsum(np.concatenate([[0], ~complete[sequence]]))
    targets = np.arange(window - 1 + horizon, len(line))
    first = targets - horizon - window + 1
    whole = before[first + window] == before[first]
    return line[targets[whole & good[targets]]]


def _and_future(sequence: np.ndarray, rows: int, horizon: int) -> np.ndarray:
    """Append row numbers for the ``horizon`` rows after the end of a series to the row numbers of
    the series.
    """
    return np.concatenate([sequence, np.arange(rows, rows + horizon)])


def _label_values(
    table: Table, labels: tuple[int, ...], kind: str, options: Mapping[str, Any]
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Return numbers (rows, columns) or class numbers (rows,), float64, NaN where missing; also
    class names.
    """
    if kind == "none":
        return None, ()
    if kind == "number":
        parts = []
        for index in labels:
            own = column_type(table, index, options)
            own = own if own in ("date", "boolean") else "number"
            parts.append(make_encoder(table, index, options, kind=own).encode(table)[:, :1])
        return np.concatenate(parts, axis=1), ()
    column = table.columns[labels[0]]
    names = _classes(table, labels, options)
    if len(names) > MOST_CLASSES:
        raise DataFormatError(
            f"{table.path}: the label {table.names[labels[0]]!r} has {len(names)} classes",
            hint="Choose another label, or label_kind number.",
        )
    codes = class_codes(column, names)
    bad = np.isnan(codes) & ~column.missing
    if bad.any():
        row = int(np.argmax(bad))
        raise unknown_category(table, row, labels[0], column.text_at(row), names)
    return codes, names


def _refuse_missing(table: Table, missing: Mapping[str, np.ndarray]) -> None:
    for name, rows in missing.items():
        if rows.any():
            row = int(np.argmax(rows))
            raise table.bad_cell(row, table.names.index(name), "the value is missing")


def _counts_text(missing: Mapping[str, np.ndarray]) -> str:
    return ", ".join(f"{name} {int(rows.sum())}" for name, rows in missing.items() if rows.any())


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _notice(
    table: Table,
    gone: np.ndarray,
    missing: Mapping[str, np.ndarray],
    dropped: list[str],
    wrong: list[tuple[int, DataFormatError]],
) -> str | None:
    """Return a notice for the user about omitted rows and columns, or None."""
    said = [f"{table.dialect.notice}."] if table.dialect.notice else []
    count = int(gone.sum())
    if count:
        counts = _counts_text(missing)
        left_out = f"{table.path.name}: {count} of {len(table)} rows {_are(count)} left out"
        said.append(f"{left_out}, with values missing in {counts}." if counts else f"{left_out}.")
    for often, error in wrong:
        said.append(f"{often} {'row does' if often == 1 else 'rows do'} not fit: {error}")
    if dropped:
        verb = "is free text and" if len(dropped) == 1 else "are free text and"
        said.append(f"{', '.join(dropped)} {verb} not used as features.")
    return " ".join(said) or None


def future_texts(table: Table, options: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return the rows after the end of a series.

    Its order continues with the median step, and the other cells are empty.
    """
    count = options["horizon"]
    cells = [[""] * len(table.names) for _ in range(count)]
    if options["order_by"] is not None:
        index = table.index(options["order_by"])
        encoder = make_encoder(table, index, {**options, "dates": "days"})
        keys = encoder.encode_leniently(table)[0][:, 0]
        keys = np.sort(keys[~np.isnan(keys)])
        if len(keys) > 1:
            step = float(np.median(np.diff(keys)))
            written = day if encoder.kind == "date" else shortest
            for number, row in enumerate(cells, 1):
                row[index] = written(float(keys[-1]) + number * step)
    return [tuple(row) for row in cells]
