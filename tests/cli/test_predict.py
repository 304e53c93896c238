"""``nodeflow run -o``: every row of a file with its prediction, against plain numpy."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from nodeflow.resources import example
from tests.data import own_data

WEIGHTS = np.array([[1.5, -0.5, 0.25], [0.5, 1.0, -1.0], [-1.0, 0.75, 2.0], [0.5, -2.0, 1.0]])


def flow(folder: Path, nodes: list, wires: list, name: str = "graph.flow") -> Path:
    records = [{"id": f"n{i}", "pos": [0, 0], **node} for i, node in enumerate(nodes, 1)]
    text = {
        "format": "nodeflow", "version": 1, "next_id": len(nodes) + 1, "nodes": records,
        "wires": wires, "frames": [], "subgraphs": {}, "training": {}, "weights": None,
    }  # fmt: skip
    path = folder / name
    path.write_text(json.dumps(text))
    return path


def classifier(folder: Path, **options) -> Path:
    """Softmax of x @ WEIGHTS, the classes by argmax, and a loss that needs the labels."""
    attrs = {"source": "csv:flowers.csv", **options}
    nodes = [
        {"op": "dataset", "name": "data", "attrs": attrs},
        {"op": "placeholder", "name": "x", "attrs": {"dtype": "float32", "shape": [None, 4]}},
        {"op": "placeholder", "name": "y", "attrs": {"dtype": "float32", "shape": [None, 3]}},
        {
            "op": "constant",
            "name": "W",
            "attrs": {"dtype": "float32", "value": WEIGHTS.tolist()},
        },
        {"op": "matmul", "name": "logits", "attrs": {}},
        {"op": "softmax", "name": "prediction", "attrs": {}},
        {"op": "softmax_cross_entropy_with_logits", "name": "losses", "attrs": {}},
        {"op": "reduce_mean", "name": "loss", "attrs": {}},
        {"op": "argmax", "name": "best", "attrs": {"axis": -1}},
    ]
    wires = [
        ["n1", "features", "n2", "feed"],
        ["n1", "labels", "n3", "feed"],
        ["n2", "out", "n5", "x"],
        ["n4", "out", "n5", "y"],
        ["n5", "out", "n6", "x"],
        ["n3", "out", "n7", "labels"],
        ["n5", "out", "n7", "logits"],
        ["n7", "out", "n8", "x"],
        ["n6", "out", "n9", "x"],
    ]
    return flow(folder, nodes, wires)


def table(path: Path) -> tuple[list[str], list[list[str]]]:
    with path.open(newline="", encoding="utf-8") as stream:
        head, *rows = csv.reader(stream)
    return head, rows


def softmax(x: np.ndarray) -> np.ndarray:
    powers = np.exp(x - x.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def test_all_rows_are_written_in_order_with_classes_and_probabilities(nodeflow, tmp_path):
    own_data.iris_like(tmp_path)
    result = nodeflow("run", classifier(tmp_path), "--fetch", "prediction", "-o", "out.csv")
    assert result.code == 0, result.err
    assert "150 predictions written to out.csv" in result.err and not result.out
    names, rows = table(tmp_path / "out.csv")
    _, original = table(tmp_path / "flowers.csv")
    assert names[4:] == ["species", "prediction", *(f"prediction {s}" for s in own_data.SPECIES)]
    assert [row[:5] for row in rows] == original
    truth = softmax(np.array([row[:4] for row in original], float) @ WEIGHTS)
    np.testing.assert_allclose(np.array([row[6:] for row in rows], float), truth, rtol=1e-5)
    assert [row[5] for row in rows] == [own_data.SPECIES[i] for i in truth.argmax(axis=1)]


def test_without_a_fetch_it_is_what_the_features_lead_to(nodeflow, tmp_path):
    own_data.iris_like(tmp_path)
    assert nodeflow("run", classifier(tmp_path), "-o", "out.csv").code == 0
    names, rows = table(tmp_path / "out.csv")
    assert names[5:] == ["best"] and {row[5] for row in rows} <= set(own_data.SPECIES)


def test_a_new_file_needs_no_labels_and_may_order_its_columns_as_it_likes(nodeflow, tmp_path):
    own_data.iris_like(tmp_path)
    lines = [
        "petal width;sepal length;note;petal length;sepal width",
        "0,2;5,1;first;1,4;3,5",
        "2,1;6,7;second;5,6;",
        "2,1;6,7;third;5,6;3,0",
    ]
    (tmp_path / "new.csv").write_bytes("\r\n".join(lines).encode())
    graph = classifier(tmp_path)
    result = nodeflow(
        "run", graph, "--dataset", "new.csv", "--fetch", "prediction", "-o", "out.csv"
    )
    assert result.code == 0, result.err
    assert "1 of 3 rows is left out, with values missing in sepal width 1" in result.err
    _, rows = table(tmp_path / "out.csv")
    assert rows[0][:5] == ["0,2", "5,1", "first", "1,4", "3,5"]
    assert rows[1][5:] == ["", "", "", ""]
    x = np.array([[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.6, 2.1]])
    got = np.array([rows[0][6:], rows[2][6:]], float)
    np.testing.assert_allclose(got, softmax(x @ WEIGHTS), rtol=1e-5)
    shown = nodeflow("run", graph, "--dataset", "new.csv", "--fetch", "prediction", "--json")
    assert shown.code == 0, shown.err
    assert len(shown.json["fetches"]["prediction"]) == 2


def test_what_needs_the_labels_says_that_there_are_none(nodeflow, tmp_path):
    own_data.iris_like(tmp_path)
    (tmp_path / "new.csv").write_text(
        "sepal length,sepal width,petal length,petal width\n1,2,3,4\n5,6,7,8\n"
    )
    result = nodeflow("run", classifier(tmp_path), "--dataset", "new.csv", "--fetch", "loss")
    assert result.code == 1 and "labels" in result.err and "Traceback" not in result.err


def test_rows_with_unknown_categories_have_no_prediction_and_are_named(nodeflow, tmp_path):
    (tmp_path / "shops.csv").write_text("city,size,y\nRome,1,2\nBern,2,1\nRome,3,5\n")
    nodes = [
        {"op": "dataset", "name": "data", "attrs": {"source": "csv:shops.csv"}},
        {"op": "placeholder", "name": "x", "attrs": {"dtype": "float32", "shape": [None, 3]}},
        {"op": "reduce_sum", "name": "total", "attrs": {"axis": 1}},
    ]
    graph = flow(tmp_path, nodes, [["n1", "features", "n2", "feed"], ["n2", "out", "n3", "x"]])
    (tmp_path / "new.csv").write_text("city,size\nRome,1\nOslo,5\nBern,7\n")
    result = nodeflow("run", graph, "--dataset", "new.csv", "--fetch", "total", "-o", "out.csv")
    assert result.code == 0, result.err
    assert "1 row does not fit" in result.err
    assert "line 3, column 'city': 'Oslo'" in result.err and "Known are Bern, Rome" in result.err
    assert table(tmp_path / "out.csv")[1] == [
        ["Rome", "1", "2.0"],
        ["Oslo", "5", ""],
        ["Bern", "7", "8.0"],
    ]


def test_data_of_another_kind_are_read_by_their_own_columns(nodeflow, tmp_path):
    own_data.iris_like(tmp_path)
    lines = ["a,b,c,d,kind", "1,2,3,4,x", "5,6,7,8,y", "1,1,1,1,z"]
    (tmp_path / "other.csv").write_text("\n".join(lines))
    graph = classifier(tmp_path)
    result = nodeflow("run", graph, "--dataset", "other.csv", "--fetch", "logits", "-o", "o.npy")
    assert result.code == 0, result.err
    x = np.array([[1, 2, 3, 4], [5, 6, 7, 8], [1, 1, 1, 1]])
    np.testing.assert_allclose(np.load(tmp_path / "o.npy"), x @ WEIGHTS, rtol=1e-5)
    (tmp_path / "less.csv").write_text("sepal length,sepal width,petal length\n1,2,3\n")
    result = nodeflow("run", graph, "--dataset", "less.csv", "--fetch", "logits", "-o", "o.npy")
    assert result.code == 1 and "has no column 'petal width'" in result.err


def test_gaps_of_a_new_file_are_filled_from_the_training_data(nodeflow, tmp_path):
    (tmp_path / "a.csv").write_text("u,v,y\n" + "".join(f"{i},{i * 2},0\n" for i in range(10)))
    attrs = {"source": "csv:a.csv", "missing": "fill", "shuffle": False, "splits": [0.5, 0, 0.5]}
    nodes = [
        {"op": "dataset", "name": "data", "attrs": attrs},
        {"op": "placeholder", "name": "x", "attrs": {"dtype": "float32", "shape": [None, 2]}},
        {"op": "reduce_sum", "name": "total", "attrs": {"axis": 1}},
    ]
    graph = flow(tmp_path, nodes, [["n1", "features", "n2", "feed"], ["n2", "out", "n3", "x"]])
    (tmp_path / "b.csv").write_text("u,v\n100,\n,7\n")
    result = nodeflow("run", graph, "--dataset", "b.csv", "-o", "out.csv")
    assert result.code == 0, result.err
    mean_u, mean_v = np.mean(range(5)), np.mean(range(0, 10, 2))
    got = [float(row[2]) for row in table(tmp_path / "out.csv")[1]]
    assert got == [100 + mean_v, mean_u + 7]


@pytest.mark.thorough
def test_many_batches_and_the_last_partial_one(nodeflow, tmp_path):
    values = np.arange(2501) / 4
    (tmp_path / "a.csv").write_text("x,y\n" + "".join(f"{v},0\n" for v in values.tolist()))
    nodes = [
        {"op": "dataset", "name": "data", "attrs": {"source": "csv:a.csv"}},
        {"op": "placeholder", "name": "x", "attrs": {"dtype": "float32", "shape": [None, 1]}},
        {"op": "square", "name": "p", "attrs": {}},
    ]
    graph = flow(tmp_path, nodes, [["n1", "features", "n2", "feed"], ["n2", "out", "n3", "x"]])
    for ending in ("npy", "npz", "csv"):
        assert nodeflow("run", graph, "--fetch", "p", "-o", f"out.{ending}").code == 0
    truth = (values**2).astype(np.float32)[:, None]
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), truth)
    np.testing.assert_array_equal(np.load(tmp_path / "out.npz")["p"], truth)
    got = np.array([row[-1] for row in table(tmp_path / "out.csv")[1]], np.float32)
    np.testing.assert_array_equal(got, truth[:, 0])
    assert not [p for p in tmp_path.iterdir() if ".part" in p.name]


def test_data_without_texts_have_numbered_rows(nodeflow, tmp_path):
    np.savez(tmp_path / "a.npz", x=np.arange(12.0).reshape(6, 2))
    nodes = [
        {"op": "dataset", "name": "data", "attrs": {"source": "npz:a.npz"}},
        {"op": "placeholder", "name": "x", "attrs": {"dtype": "float32", "shape": [None, 2]}},
        {"op": "negative", "name": "p", "attrs": {}},
    ]
    graph = flow(tmp_path, nodes, [["n1", "x", "n2", "feed"], ["n2", "out", "n3", "x"]])
    assert nodeflow("run", graph, "--fetch", "p", "-o", "out.csv").code == 0
    names, rows = table(tmp_path / "out.csv")
    assert names == ["row", "p 0", "p 1"]
    assert [[float(c) for c in row] for row in rows] == [[i, -2 * i, -2 * i - 1] for i in range(6)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--fetch", "loss", "-o", "out.csv"), ("loss has shape ()",)),
        (("-o", "out.doc"), ("out.doc", ".csv")),
        (("-o", "gone/out.csv"), ("gone",)),
        (("--fetch", "best", "--fetch", "logits", "-o", "out.npy"), ("best, logits", ".npz")),
        (("--split", "train", "-o", "out.csv"), ("--split",)),
        (("--dataset", "letter.odt", "-o", "out.csv"), ("letter.odt is not a data file", ".csv")),
        (("--dataset", "gone.csv", "-o", "out.csv"), ("there is no file gone.csv",)),
        (("--dataset", "mnits", "-o", "out.csv"), ("'mnits'", "Did you mean mnist")),
    ],
)
def test_what_cannot_be_written_is_refused(nodeflow, tmp_path, arguments, words):
    own_data.iris_like(tmp_path)
    (tmp_path / "letter.odt").write_text("x")
    result = nodeflow("run", classifier(tmp_path), *arguments)
    assert result.code == 1 and all(word in result.err for word in words), result.err
    assert not (tmp_path / "out.csv").exists() and "Traceback" not in result.err


def test_a_series_is_foretold_beyond_its_end(nodeflow, tmp_path):
    days = [f"2021-03-{d:02d}" for d in range(1, 31)]
    values = [float(i * i) for i in range(30)]
    lines = [f"{d},{v}" for d, v in zip(days, values, strict=True)]
    (tmp_path / "s.csv").write_text("\n".join(["when,v", *reversed(lines)]))
    attrs = {
        "source": "csv:s.csv", "window": 3, "horizon": 2, "order_by": "when", "features": ["v"],
        "labels": ["v"], "split": "ordered",
    }  # fmt: skip
    nodes = [
        {"op": "dataset", "name": "data", "attrs": attrs},
        {"op": "placeholder", "name": "x", "attrs": {"dtype": "float32", "shape": [None, 3, 1]}},
        {"op": "reduce_sum", "name": "p", "attrs": {"axis": [1, 2]}},
    ]
    graph = flow(tmp_path, nodes, [["n1", "features", "n2", "feed"], ["n2", "out", "n3", "x"]])
    assert nodeflow("run", graph, "--fetch", "p", "-o", "out.csv").code == 0
    names, rows = table(tmp_path / "out.csv")
    assert names == ["when", "v", "p"] and len(rows) == 32
    found = {row[0]: row[2] for row in rows}
    for i, d in enumerate(days):
        if i < 4:
            assert found[d] == ""
        else:
            assert float(found[d]) == sum(values[i - 4 : i - 1])
    assert rows[-2][:2] == ["2021-03-31", ""] and rows[-1][:2] == ["2021-04-01", ""]
    assert float(rows[-2][2]) == sum(values[26:29]) and float(rows[-1][2]) == sum(values[27:30])


def test_the_chance_of_a_layer_chooses_between_two_classes(nodeflow, tmp_path):
    lines = [f"{i % 7 - 3},{i % 5 - 2},{('no', 'yes')[i % 3 == 0]}" for i in range(40)]
    (tmp_path / "two.csv").write_text("a,b,is_so\n" + "\n".join(lines) + "\n")
    dense = {"units": 1, "activation": "sigmoid"}
    nodes = [
        {"op": "dataset", "name": "data", "attrs": {"source": "csv:two.csv"}},
        {"op": "placeholder", "name": "x", "attrs": {"dtype": "float32", "shape": [None, 2]}},
        {"op": "layers/dense", "name": "chance", "attrs": dense},
    ]
    graph = flow(tmp_path, nodes, [["n1", "features", "n2", "feed"], ["n2", "out", "n3", "x"]])
    result = nodeflow("run", graph, "--fetch", "chance", "-o", "out.csv")
    assert result.code == 0, result.err
    names, rows = table(tmp_path / "out.csv")
    assert names[3:] == ["chance", "chance yes"]
    found = {row[3]: row for row in rows}
    assert found.keys() == {"no", "yes"}, "the values are spread around 0"
    assert all((float(row[4]) >= 0.5) == (row[3] == "yes") for row in rows)


def picture_graph(folder: Path, source: str) -> Path:
    """The mean brightness of each channel, as scores of three classes."""
    nodes = [
        {"op": "dataset", "name": "data", "attrs": {"source": source}},
        {
            "op": "placeholder",
            "name": "x",
            "attrs": {"dtype": "float32", "shape": [None, 12, 10, 3]},
        },
        {"op": "reduce_mean", "name": "p", "attrs": {"axis": [1, 2]}},
    ]
    return flow(folder, nodes, [["n1", "images", "n2", "feed"], ["n2", "out", "n3", "x"]])


def test_pictures_are_predicted_with_their_names(nodeflow, tmp_path):
    _, pixels = own_data.pictures(tmp_path)
    graph = picture_graph(tmp_path, "pictures:shapes")
    flat = tmp_path / "flat"
    flat.mkdir()
    names = sorted(pixels)[::7]
    for number, name in enumerate(names):
        (flat / f"{number}.png").write_bytes((tmp_path / "shapes" / name).read_bytes())
    (flat / "2broken.png").write_bytes(b"no picture")
    result = nodeflow("run", graph, "--dataset", "flat", "--fetch", "p", "-o", "out.csv")
    assert result.code == 0, result.err
    assert "No prediction:" in result.err and "2broken.png is damaged" in result.err
    head, rows = table(tmp_path / "out.csv")
    kinds = ["circles", "lines", "squares"]
    assert head == ["file", "p", *(f"p {kind}" for kind in kinds)]
    assert rows[3][0] == "2broken.png" and rows[3][1:] == [""] * 4
    truth = np.stack([pixels[name].mean(axis=(0, 1)) / 255 for name in names])
    good = [row for row in rows if row[1]]
    np.testing.assert_allclose(np.array([r[2:] for r in good], float), truth, rtol=1e-5)
    assert [row[1] for row in good] == [kinds[i] for i in truth.argmax(axis=1)]
    one = nodeflow("run", graph, "--dataset", "flat/1.png", "--fetch", "p", "--json")
    np.testing.assert_allclose(one.json["fetches"]["p"], truth[1:2], rtol=1e-5)


def test_a_broken_picture_is_named_once_also_where_memory_is_limited(nodeflow, tmp_path):
    own_data.pictures(tmp_path)
    graph = picture_graph(tmp_path, "pictures:shapes")
    flat = tmp_path / "flat"
    flat.mkdir()
    good = next((tmp_path / "shapes").rglob("*.png"))
    (flat / "0.png").write_bytes(good.read_bytes())
    (flat / "1broken.png").write_bytes(b"no picture")
    arguments = ("--dataset", "flat", "--fetch", "p", "--memory", "1GB", "-o", "out.csv")
    result = nodeflow("run", graph, *arguments)
    assert result.code == 0, result.err
    assert "memory:" in result.err and result.err.count("1broken.png is damaged") == 1
    assert "1 prediction written to out.csv" in result.err


def test_a_spreadsheet_is_to_be_saved_as_csv(nodeflow, tmp_path):
    (tmp_path / "a.xlsx").write_bytes(b"PK")
    result = nodeflow("data", "show", "a.xlsx")
    assert result.code == 1 and "Save it as CSV" in result.err


# ---- nodeflow data show ----------------------------------------------------------------------


def test_a_data_file_is_shown_as_a_table(nodeflow, tmp_path):
    own_data.houses_like(tmp_path)
    result = nodeflow("data", "show", "houses.csv")
    assert result.code == 0, result.err
    head, _, *lines, guess = result.out.splitlines()
    assert head.startswith("houses.csv: 400 rows, 8 columns")
    city = next(line for line in lines if line.split()[0] == "city")
    assert city.split()[:4] == ["city", "category", "10", "3"] and "Bern (" in city
    assert guess == "Fits: predict price from area, rooms, age, city, garden, lot."


def test_a_data_file_is_shown_as_json(nodeflow, tmp_path):
    own_data.iris_like(tmp_path)
    found = nodeflow("data", "show", "flowers.csv", "--json").json
    assert (found["kind"], found["rows"], found["guess"]["task"]) == ("table", 150, "classify")
    assert found["classes"] == list(own_data.SPECIES)
    assert [c["kind"] for c in found["columns"]] == ["number"] * 4 + ["category"]
    first = nodeflow("data", "show", "flowers.csv", "--rows", "10", "--json").json
    assert first["rows"] == 10 and len(first["head"]) == 10


def test_damage_is_named(nodeflow, tmp_path):
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n3\n")
    result = nodeflow("data", "show", "bad.csv")
    assert result.code == 1 and "bad.csv, line 3: 1 values" in result.err


def test_every_broken_picture_of_a_folder_is_named(nodeflow, tmp_path):
    folder, pixels = own_data.pictures(tmp_path)
    assert nodeflow("data", "show", "shapes", "--check").code == 0
    names = sorted(pixels)[4::9]
    for name in names:
        raw = (folder / name).read_bytes()
        (folder / name).write_bytes(raw[: len(raw) - 40])
    result = nodeflow("data", "show", "shapes", "--check")
    assert result.code == 1 and f"{len(names)} pictures of 30 cannot be read" in result.err
    assert all(name in result.err for name in names)


@pytest.mark.parametrize("fetch", [[], ["--fetch", "probabilities"]])
@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("iris.csv", "iris.csv does not fit x: it has 5 columns, and x takes 784 numbers a row"),
        ("ten.npz", "ten.npz does not fit x: it has 10 numbers a row, and x takes 784 numbers"),
        ("ten.npy", "ten.npy does not fit x: it has 10 numbers a row, and x takes 784 numbers"),
        ("wide.csv", "wide.csv does not fit x: it has no column 'images'; it has features"),
        ("half.npz", "half.npz does not fit x: images is float64, and x takes float32"),
        ("shapes", "shapes does not fit x: it has 12 × 10 × 3 numbers a row, and x takes 784"),
    ],
)
def test_data_that_do_not_fit_are_named_with_the_cause(nodeflow, tmp_path, data, words, fetch):
    """Replacing digits by a table of flowers."""
    own_data.iris_like(tmp_path)
    (tmp_path / "flowers.csv").rename(tmp_path / "iris.csv")
    np.savez(tmp_path / "ten.npz", images=np.zeros((5, 10), np.float32))
    np.savez(tmp_path / "half.npz", images=np.zeros((5, 784)))
    np.save(tmp_path / "ten.npy", np.zeros((5, 10), np.float32))
    names = [f"pixel{number}" for number in range(785)]
    lines = [",".join(names), *[",".join(["0.5"] * 785)] * 4]
    (tmp_path / "wide.csv").write_text("\n".join(lines))
    own_data.pictures(tmp_path)
    attrs = ["--dataset", data]
    if data == "half.npz":
        attrs += ["--set", "mnist.floats=stored"]
    graph = tmp_path / "mnist.flow"
    graph.write_text(example("mnist").read_text())
    result = nodeflow("run", graph, *attrs, *fetch, "-o", "out.csv")
    assert result.code == 1 and words in result.err, result.err
    assert "Choose what to predict" not in result.err and not (tmp_path / "out.csv").exists()


def test_a_table_of_another_width_is_named_with_both_widths(nodeflow, tmp_path):
    own_data.iris_like(tmp_path)
    (tmp_path / "houses.csv").write_text("area,rooms\n1,2\n3,4\n5,6\n")
    result = nodeflow("run", classifier(tmp_path), "--dataset", "houses.csv", "-o", "out.csv")
    assert result.code == 1, result.err
    assert "houses.csv does not fit x: it has 2 columns, and x takes 4 numbers a row" in result.err


# ---- without data sets -----------------------------------------------------------------------


def fed_graph(folder: Path, shape: list | None = None) -> Path:
    nodes = [
        {
            "op": "placeholder",
            "name": "x",
            "attrs": {"dtype": "float32", "shape": shape or [None, 4]},
        },
        {"op": "constant", "name": "W", "attrs": {"dtype": "float32", "value": WEIGHTS.tolist()}},
        {"op": "matmul", "name": "y", "attrs": {}},
        {"op": "reduce_sum", "name": "total", "attrs": {}},
    ]
    wires = [["n1", "out", "n3", "x"], ["n2", "out", "n3", "y"], ["n3", "out", "n4", "x"]]
    return flow(folder, nodes, wires)


ROWS = np.arange(12, dtype="f4").reshape(3, 4)


@pytest.mark.parametrize("shape", [[None, 4], [3, 4]])
def test_what_is_fed_needs_no_data_set(nodeflow, tmp_path, shape):
    np.save(tmp_path / "x.npy", ROWS)
    command = ("run", fed_graph(tmp_path, shape), "--feed", "x=@x.npy")
    result = nodeflow(*command, "--fetch", "y", "-o", "out.npy")
    assert result.code == 0, result.err
    assert "y written to out.npy" in result.err
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), ROWS @ WEIGHTS, rtol=1e-6)
    assert nodeflow(*command, "--fetch", "y", "-o", "out.csv").code == 0
    names, rows = table(tmp_path / "out.csv")
    assert names == ["row", "y 0", "y 1", "y 2"] and [row[0] for row in rows] == ["0", "1", "2"]
    np.testing.assert_allclose(np.array(rows, float)[:, 1:], ROWS @ WEIGHTS, rtol=1e-6)


def test_without_data_sets_and_fetches_it_is_what_run_prints(nodeflow, tmp_path):
    np.save(tmp_path / "x.npy", ROWS)
    graph = fed_graph(tmp_path)
    result = nodeflow("run", graph, "--feed", "x=@x.npy", "-o", "out.npz")
    assert result.code == 0, result.err
    with np.load(tmp_path / "out.npz") as found:
        assert list(found) == ["total"]
        np.testing.assert_allclose(found["total"], (ROWS @ WEIGHTS).sum(), rtol=1e-6)
    result = nodeflow("run", graph, "--feed", "x=@x.npy", "-o", "out.csv")
    assert result.code == 1 and "equal numbers of rows to form a table: total ()" in result.err


def test_a_feed_wins_over_the_data_set(nodeflow, tmp_path):
    own_data.iris_like(tmp_path)
    np.save(tmp_path / "x.npy", ROWS)
    command = ("run", classifier(tmp_path), "--feed", "x=@x.npy")
    result = nodeflow(*command, "--fetch", "prediction", "-o", "out.npy")
    assert result.code == 0, result.err
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), softmax(ROWS @ WEIGHTS), rtol=1e-5)


def test_a_feed_that_is_missing_is_named(nodeflow, tmp_path):
    result = nodeflow("run", fed_graph(tmp_path), "--fetch", "y", "-o", "out.npy")
    assert result.code == 1 and "x" in result.err and "--feed" in result.err
    assert "no data feed" not in result.err
