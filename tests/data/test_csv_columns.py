"""Typed columns of a CSV file as features and labels: categories, dates, gaps, splits, windows."""

from __future__ import annotations

import csv
from datetime import date

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nodeflow.data.catalog import dataset_columns, open_dataset, pinned_options
from nodeflow.data.errors import DataFormatError
from nodeflow.data.survey import dataset_statistics, survey
from nodeflow.data.tables import schema
from nodeflow.errors import AttributeProblem
from tests.data import own_data

PLAIN = {"shuffle": False, "splits": [1.0]}


@pytest.fixture
def write(tmp_path):
    def write(text: str, name: str = "data.csv") -> str:
        (tmp_path / name).write_text(text)
        return f"csv:{tmp_path / name}"

    return write


def train(source: str, **options) -> dict[str, np.ndarray]:
    options = {**PLAIN, **options}
    dataset = open_dataset(source, **options)
    assert dataset.columns == dataset_columns(source, options)
    return {n: c.rows(slice(None)) for n, c in dataset.split("train").items()}


CITIES = (
    "city,garden,when,price\nRome,yes,2020-01-03,3\nBern,no,2020-02-01,1\nRome,No,2021-01-01,2\n"
)


def test_categories_booleans_and_dates_are_features(write):
    source = write(CITIES)
    got = train(source)["features"]
    begin = date(1970, 1, 1)
    moments = [date(2020, 1, 3), date(2020, 2, 1), date(2021, 1, 1)]
    expected = [
        [0, 1, 1, (moments[0] - begin).days],
        [1, 0, 0, (moments[1] - begin).days],
        [0, 1, 0, (moments[2] - begin).days],
    ]
    np.testing.assert_array_equal(got, expected)
    names = open_dataset(source).feature_names["features"]
    assert names == ("city = Bern", "city = Rome", "garden", "when")


def test_categories_can_be_numbers_and_dates_their_parts(write):
    got = train(write(CITIES), category_encoding="code", dates="parts")["features"]
    assert got.tolist() == [
        [1, 1, 2020, 1, 3, 4, 0],
        [0, 0, 2020, 2, 1, 5, 0],
        [1, 0, 2021, 1, 1, 4, 0],
    ]


def test_a_second_file_is_encoded_like_the_first(write):
    first = write(CITIES)
    options = pinned_options(first, {})
    assert options["categories"] == {"city": ["Bern", "Rome"]}
    second = write("price,city,when,garden\n5,Rome,2022-01-01,yes\n", "second.csv")
    got = train(second, **{**options, **PLAIN})
    assert got["features"].tolist() == [[0, 1, 1, (date(2022, 1, 1) - date(1970, 1, 1)).days]]
    assert got["labels"].tolist() == [[5]]


def test_dates_of_a_second_file_are_read_in_the_order_of_the_first(write):
    first = write("when,y\n13/02/2020,1\n03/04/2020,2\n")
    options = pinned_options(first, {})
    assert options["date_order"] == "day_first"
    second = write("when,y\n03/04/2021,1\n", "second.csv")
    days = (date(2021, 4, 3) - date(1970, 1, 1)).days
    assert train(second, **{**options, **PLAIN})["features"].tolist() == [[days]]
    assert train(second)["features"].tolist() == [[(date(2021, 3, 4) - date(1970, 1, 1)).days]]
    told = train(second, date_order="day_first", types={"when": "date"})
    assert told["features"].tolist() == [[days]]
    iso = pinned_options(write("when,y\n2020-02-13,1\n", "iso.csv"), {})
    assert "date_order" not in iso


@pytest.mark.parametrize("column", ["--1", "²", "9" * 5000, "1e0"])
def test_a_text_of_digits_and_signs_is_no_number_of_a_column(write, column):
    source = write("a,b\n1,2\n3,4\n")
    with pytest.raises(DataFormatError, match=f"has no column '{column}'"):
        train(source, labels=[column])
    with pytest.raises(DataFormatError, match=f"has no column '{column}'"):
        train(source, features=[column], labels=["c"])


def test_unknown_categories_are_named_by_row_and_column(write):
    options = pinned_options(write(CITIES), {})
    second = write("city,garden,when,price\nRome,yes,2020-01-03,3\nOslo,no,2020-02-01,1\n", "b.csv")
    with pytest.raises(DataFormatError, match=r"line 3, column 'city': 'Oslo'.*Known are Bern, Ro"):
        open_dataset(second, **options)


def test_classes_keep_their_numbers_in_a_second_file(write):
    first = write("x,kind\n1,b\n2,a\n3,c\n")
    options = pinned_options(first, {})
    second = write("x,kind\n1,c\n", "second.csv")
    assert train(second, **{**options, **PLAIN})["labels"].tolist() == [[0, 0, 1]]
    with pytest.raises(DataFormatError, match="line 2, column 'kind': 'd' is a category"):
        open_dataset(write("x,kind\n1,d\n", "third.csv"), **options)


def test_boolean_labels_are_two_classes(write):
    got = open_dataset(write("x,ok\n1,Yes\n2,no\n3,YES\n"), **PLAIN)
    assert got.classes["labels"] == ("no", "Yes")
    assert got.split("train")["labels"].rows(slice(None)).tolist() == [[0, 1], [1, 0], [0, 1]]


def test_declared_types_win(write):
    source = write("zip,y\n8001,1\n8002,2\n8001,3\n")
    got = train(source, types={"zip": "category"})["features"]
    assert got.tolist() == [[1, 0], [0, 1], [1, 0]]
    with pytest.raises(DataFormatError, match="line 2, column 'city': 'Rome' is not a number"):
        open_dataset(write(CITIES, "c.csv"), types={"city": "number"})


def test_free_text_is_left_out_with_a_notice(write):
    rows = "".join(f"{i},remark number {i},{i}\n" for i in range(30))
    dataset = open_dataset(write("x,remark,y\n" + rows))
    assert dataset.feature_names["features"] == ("x",)
    assert dataset.notice == "remark is free text and not used as features."
    with pytest.raises(DataFormatError, match="'remark' is free text with 30 different values"):
        open_dataset(write("x,remark,y\n" + rows), features=["remark"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"types": {"x": "numbr"}}, "Did you mean number"),
        ({"types": ["x"]}, "an object with a value for each column"),
        ({"categories": {"x": "a"}}, "needs a list of texts"),
        ({"statistics": {"x": {"mean": "a"}}}, "'x' needs numbers"),
    ],
)
def test_malformed_declarations_are_refused(write, options, message):
    with pytest.raises(AttributeProblem, match=message):
        open_dataset(write("x,y\n1,2\n"), **options)


def test_more_numbers_than_fit_in_memory_are_refused(write, monkeypatch):
    monkeypatch.setattr(schema, "MOST_NUMBERS", 11)
    with pytest.raises(DataFormatError, match=r"3 rows of 4 features .*category_encoding code"):
        open_dataset(write(CITIES, "wide.csv"))
    assert open_dataset(write(CITIES, "wide.csv"), category_encoding="code", **PLAIN)


# ---- missing values --------------------------------------------------------------------------

GAPS = "a,b,kind,y\n1,2,u,1\n,4,v,2\n3,NA,v,3\n5,6,?,4\n7,8,v,\n9,10,v,6\n"


def test_rows_with_gaps_are_dropped_and_counted(write):
    dataset = open_dataset(write(GAPS), **PLAIN)
    features = dataset.split("train")["features"].rows(slice(None))
    assert features.tolist() == [[1, 2, 1, 0], [9, 10, 0, 1]]
    assert dataset.rows["train"].tolist() == [0, 5]
    assert dataset.notice == (
        "data.csv: 4 of 6 rows are left out, with values missing in a 1, b 1, kind 1, y 1."
    )


def test_gaps_are_filled_from_the_train_rows(write):
    source = write(GAPS)
    dataset = open_dataset(source, missing="fill", shuffle=False, splits=[0.6, 0, 0.4])
    assert dataset.rows["train"].tolist() == [0, 1, 2]
    a, b = (1 + 3) / 2, (2 + 4) / 2
    train_rows = dataset.split("train")["features"].rows(slice(None))
    assert train_rows.tolist() == [[1, 2, 1, 0], [a, 4, 0, 1], [3, b, 0, 1]]
    test_rows = dataset.split("test")["features"].rows(slice(None))
    assert test_rows.tolist() == [[5, 6, 0, 1], [9, 10, 0, 1]], "v is the most frequent"
    pinned = pinned_options(source, {"missing": "fill", "shuffle": False, "splits": [0.6, 0, 0.4]})
    fills = {name: figures["fill"] for name, figures in pinned["statistics"].items()}
    assert fills == {"a": a, "b": b, "kind = u": 0, "kind = v": 1}
    fewer = open_dataset(source, **{**pinned, "features": ["b"]})
    assert fewer.split("train")["features"].rows(slice(None)).ravel().tolist() == [2, 4, b]


def test_a_second_file_is_scaled_and_filled_like_the_first(write):
    rows = np.random.default_rng(3).normal(50, 9, (40, 2)).round(2)
    first = write("a,b,y\n" + "".join(f"{a},{b},0\n" for a, b in rows))
    given = {"standardize": True, "missing": "fill", "shuffle": False, "splits": [0.5, 0, 0.5]}
    options = pinned_options(first, given)
    second = write("a,b,y\n10,,0\n-3,100,1\n", "second.csv")
    half = rows[:20]
    values = np.array([[10, half[:, 1].mean()], [-3, 100]])
    truth = (values - half.mean(axis=0)) / half.std(axis=0)
    got = train(second, **{**options, **PLAIN})["features"]
    np.testing.assert_allclose(got, truth, rtol=1e-5, atol=1e-6)


def test_a_file_without_a_complete_row_says_what_is_missing(write):
    with pytest.raises(DataFormatError, match=r"no complete row.*a 1, b 1"):
        open_dataset(write("a,b,y\n1,,3\n,2,3\n"))


# ---- splits ----------------------------------------------------------------------------------


def test_a_stratified_split_has_every_class_in_its_share(tmp_path):
    path = tmp_path / "rare.csv"
    kinds = ["common"] * 800 + ["rare"] * 40 + ["seldom"] * 160
    with path.open("w") as stream:
        csv.writer(stream).writerows([["x", "kind"], *enumerate(kinds)])
    dataset = open_dataset(f"csv:{path}", split="stratified", splits=[0.75, 0.05, 0.2], seed=3)
    for split, share in (("train", 0.75), ("validation", 0.05), ("test", 0.2)):
        counts = dataset.split(split)["labels"].rows(slice(None)).sum(axis=0)
        assert np.abs(counts - share * np.array([800, 40, 160])).max() <= 1
    xs = np.concatenate([c["features"].rows(slice(None))[:, 0] for c in dataset.splits.values()])
    assert sorted(xs) == list(range(1000)) and xs.tolist() != sorted(xs)
    other = open_dataset(f"csv:{path}", split="stratified", splits=[0.75, 0.05, 0.2], seed=4)
    assert dataset.rows["train"].tolist() != other.rows["train"].tolist()


def test_an_ordered_split_follows_a_column_of_dates(write):
    days = [5, 1, 4, 2, 3]
    text = "when,x,y\n" + "".join(f"2020-01-0{d},{d * 10},0\n" for d in days)
    options = {"split": "ordered", "order_by": "when", "splits": [0.6, 0, 0.4]}
    dataset = open_dataset(write(text), **options)
    got = [dataset.split(s)["features"].rows(slice(None)).ravel().tolist() for s in dataset.splits]
    assert got == [[10, 20, 30], [40, 50]]
    assert dataset.rows["test"].tolist() == [2, 0]


# ---- series ----------------------------------------------------------------------------------


@pytest.mark.parametrize("horizon", [1, 3])
def test_windows_are_the_rows_before_a_label(write, horizon):
    values = np.random.default_rng(0).normal(size=(30, 2)).round(3)
    lines = [f"2020-01-{i + 1:02d},{a},{b}" for i, (a, b) in enumerate(values)]
    shuffled = [lines[i] for i in np.random.default_rng(1).permutation(30)]
    source = write("\n".join(["when,a,b", *shuffled]))
    options = {"window": 4, "horizon": horizon, "order_by": "when", "split": "ordered"}
    got = train(source, **options)
    first = 4 + horizon - 1
    windows = np.stack([values[t - horizon - 3 : t - horizon + 1] for t in range(first, 30)])
    np.testing.assert_array_equal(got["features"], windows.astype(np.float32))
    np.testing.assert_array_equal(got["labels"][:, 0], values[first:, 1].astype(np.float32))


def test_windows_with_a_gap_are_left_out(write):
    text = "x,y\n" + "".join(f"{'' if i == 5 else i},{i}\n" for i in range(12))
    got = train(write(text), window=3)
    assert got["labels"].ravel().tolist() == [3, 4, 9, 10, 11]
    assert got["features"][2, :, 0].tolist() == [6, 7, 8]


# ---- files as users have them ----------------------------------------------------------------


def truth_of_houses(path) -> tuple[np.ndarray, np.ndarray]:
    """Features (area, rooms, age, city x 3, garden, lot) with NaN for gaps, and prices."""
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    gaps = ("", "NA", "?")
    cities = ["Bern", "Oslo, Norway", "Rome"]
    features = [
        [
            *(float("nan") if r[k] in gaps else float(r[k]) for k in ("area", "rooms", "age")),
            *(float("nan") if not r["city"] else float(r["city"] == c) for c in cities),
            float(r["garden"] == "yes"),
            float(r["lot"]),
        ]
        for r in rows
    ]
    return np.array(features), np.array([float(r["price"]) for r in rows])


def test_houses_are_guessed_filled_and_scaled(tmp_path):
    path = own_data.houses_like(tmp_path)
    found = survey(path)
    assert found.guess.task == "regress"
    options = dict(found.guess.options)
    assert options["features"] == ["area", "rooms", "age", "city", "garden", "lot"]
    assert options["labels"] == ["price"] and options["missing"] == "fill"
    dataset = open_dataset(found.source, **options)
    features, prices = truth_of_houses(path)
    train_rows = dataset.rows["train"]
    fill = np.nanmean(features[train_rows], axis=0)
    cities = np.nansum(features[train_rows, 3:6], axis=0)
    fill[3:6] = np.arange(3) == np.argmax(cities)
    whole = np.where(np.isnan(features), fill, features)
    for split, columns in dataset.splits.items():
        rows = dataset.rows[split]
        got = columns["features"].rows(slice(None))
        np.testing.assert_allclose(got, whole[rows], rtol=1e-6)
        np.testing.assert_array_equal(columns["labels"].rows(slice(None))[:, 0], prices[rows])
    mean, deviation = dataset_statistics(found.source, options)["labels"]
    assert mean[0] == pytest.approx(prices[train_rows].mean())
    assert deviation[0] == pytest.approx(prices[train_rows].std())


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    ("make", "task", "labels"),
    [
        (own_data.iris_like, "classify", ["species"]),
        (own_data.houses_like, "regress", ["price"]),
        (own_data.european, "regress", ["Ergebnis"]),
        (own_data.series_like, "series", ["sales"]),
        (own_data.excel_export, "classify", ["Paid"]),
        (own_data.passengers, "classify", ["Survived"]),
    ],
)
def test_the_guess_fits_and_opens(tmp_path, make, task, labels):
    found = survey(make(tmp_path))
    assert (found.guess.task, found.guess.options["labels"]) == (task, labels)
    dataset = open_dataset(found.source, **found.guess.options)
    assert dataset.columns == dataset_columns(found.source, found.guess.options)
    assert list(dataset.splits) == ["train", "validation", "test"]
    assert len(found.head) == min(100, found.rows)
    if task == "classify":
        assert dataset.classes["labels"] == found.classes


def test_what_tells_nothing_is_no_feature(tmp_path):
    found = survey(own_data.passengers(tmp_path))
    assert found.guess.options["features"] == ["Class", "Sex", "Age", "Fare", "Port"]
    assert found.guess.options["missing"] == "fill" and found.classes == ("0", "1")
    kinds = {column.name: column.kind for column in found.columns}
    assert kinds["Name"] == "text" and kinds["Sex"] == "category" and kinds["Class"] == "integer"


# ---- against plain Python --------------------------------------------------------------------

COLORS = ["red", "green", "blue, dark", 'the "rest"']
GAPS_AS = ["", "NA", "?", "null"]


@st.composite
def tables(draw) -> tuple[list[str], list[list[object]]]:
    """Kinds of columns, and rows of numbers, colours, bools and dates, some of them None."""
    kinds = draw(st.lists(st.sampled_from(["number", "color", "flag", "day"]), min_size=1))
    values = {
        "number": st.floats(-1e6, 1e6).map(lambda v: round(v, 3)),
        "color": st.sampled_from(COLORS),
        "flag": st.booleans(),
        "day": st.dates(date(1980, 1, 1), date(2040, 1, 1)),
    }
    rare = st.integers(0, 9).map(lambda n: n == 0)
    rows = [
        [None if draw(rare) else draw(values[kind]) for kind in kinds]
        for _ in range(draw(st.integers(12, 25)))
    ]
    return kinds, rows


@pytest.mark.thorough
@settings(max_examples=60)
@given(tables(), st.sampled_from([",", ";", "\t"]), st.sampled_from(["utf-8", "utf-16"]), st.data())
def test_rows_are_encoded_as_plain_python_would(tmp_path_factory, table, mark, encoding, data):
    kinds, rows = table
    whole = [row for row in rows if None not in row]
    spread = {i: {row[i] for row in rows if row[i] is not None} for i in range(len(kinds))}
    assume(len(whole) >= 2 and all(len(found) >= 2 for found in spread.values()))
    gap = data.draw(st.sampled_from(GAPS_AS))
    assume(gap or all(any(v is not None for v in row) for row in rows))  # an empty line is none

    def written(value: object) -> str:
        if value is None:
            return gap
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, float) and mark == ";":
            return repr(value).replace(".", ",")
        return str(value)

    path = tmp_path_factory.mktemp("csv") / "data.csv"
    with path.open("w", encoding=encoding, newline="") as stream:
        writer = csv.writer(stream, delimiter=mark)
        writer.writerow([f"c{i}" for i in range(len(kinds))])
        writer.writerows([written(v) for v in row] for row in rows)

    def encoded(index: int, value: object) -> list[float]:
        if kinds[index] == "color":
            return [float(value == color) for color in sorted(spread[index])]
        if kinds[index] == "day":
            return [float((value - date(1970, 1, 1)).days)]
        return [float(value)]

    truth = [[number for i, v in enumerate(row) for number in encoded(i, v)] for row in whole]
    types = {"number": "number", "color": "category", "flag": "boolean", "day": "date"}
    options = {
        **PLAIN,
        "label_kind": "none",
        "types": {f"c{i}": types[kind] for i, kind in enumerate(kinds)},
        "decimal": "comma" if mark == ";" else "point",
        "delimiter": {",": "comma", ";": "semicolon", "\t": "tab"}[mark],
    }
    dataset = open_dataset(f"csv:{path}", **options)
    got = dataset.split("train")["features"].rows(slice(None))
    np.testing.assert_array_equal(got, np.array(truth, np.float32))
    assert dataset.rows["train"].tolist() == [i for i, row in enumerate(rows) if None not in row]
    assert (dataset.notice is None) == (len(whole) == len(rows))
    if len(kinds) == 1:  # what separates cells cannot be known
        return
    guessed = {c.name: c.kind for c in survey(path).columns}
    fitting = {"number": ("number", "integer"), "color": ("category",), "flag": ("boolean",)}
    for i, kind in enumerate(kinds):
        assert guessed[f"c{i}"] in fitting.get(kind, ("date",))
