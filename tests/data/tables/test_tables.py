"""Reading tables as the world writes them, against Python's csv module and plain arithmetic."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nodeflow.data.catalog import open_dataset
from nodeflow.data.errors import DataFormatError
from nodeflow.data.tables.cell_types import column_kind, date_reader, days, decimal_evidence, number
from nodeflow.data.tables.dialect import Dialect, find_dialect, records
from nodeflow.data.tables.table import read_table
from tests.data import own_data

CELL = st.text(
    st.characters(codec="utf-8", exclude_characters="\x00", exclude_categories=["Cs"]), max_size=8
)


def write(folder, raw: bytes, name: str = "data.csv"):
    path = folder / name
    path.write_bytes(raw)
    return path


@pytest.mark.thorough
@settings(max_examples=150)
@given(
    rows=st.integers(1, 4).flatmap(
        lambda width: st.lists(
            st.lists(CELL, min_size=width, max_size=width), min_size=1, max_size=8
        )
    ),
    mark=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_cells_are_those_of_pythons_csv_module(
    tmp_path_factory, rows, mark, end, encoding, quoting
):
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=mark, lineterminator=end, quoting=quoting).writerows(rows)
    assume(not any(line.startswith("#") for line in text.getvalue().splitlines()))
    path = write(tmp_path_factory.mktemp("csv"), text.getvalue().encode(encoding))
    names = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
    dialect = find_dialect(path, names[mark])
    got = [record.cells for record in records(path, dialect)]
    truth = csv.reader(io.StringIO(text.getvalue(), newline=""), delimiter=mark)
    stripped = [tuple(cell.strip() for cell in row) for row in truth]
    assert got == [row for row in stripped if any(row)]


@pytest.mark.thorough
@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.floats(-1e9, 1e9), st.floats(-1e3, 1e3)).map(
            lambda pair: (round(pair[0], 2), round(pair[1], 4))
        ),
        min_size=2,
        max_size=10,
    ),
    st.booleans(),
    st.sampled_from(["\u00a0", ".", "'", ""]),
)
def test_numbers_with_decimal_commas_and_groups_are_read_back(
    tmp_path_factory, rows, semicolon, group
):
    def written(value: float, digits: int) -> str:
        return f"{value:,.{digits}f}".replace(",", "_").replace(".", ",").replace("_", group)

    mark = ";" if semicolon else "\t"
    lines = ["a" + mark + "b"] + [f"{written(a, 2)}{mark}{written(b, 4)}" for a, b in rows]
    path = write(tmp_path_factory.mktemp("csv"), "\r\n".join(lines).encode())
    table = read_table(path)
    assert table.decimal == ","
    np.testing.assert_array_equal(table.numbers(0), [a for a, _ in rows])
    np.testing.assert_array_equal(table.numbers(1), [b for _, b in rows])


@pytest.mark.parametrize(
    ("cell", "mark", "value"),
    [
        ("1,234.5", ".", 1234.5),
        ("1.234,5", ",", 1234.5),
        ("1,234", ".", 1234),
        ("1,234", ",", 1.234),
        ("12 345,6", ",", 12345.6),
        ("1'234'567.8", ".", 1234567.8),
        ("$1,000", ".", 1000),
        ("3,5 €", ",", 3.5),
        ("12%", ".", 12),
        ("\u22125", ".", -5),
        ("-1e-3", ".", -0.001),
    ],
)
def test_numbers_of_many_countries(cell, mark, value):
    assert number(cell, mark) == value


@pytest.mark.parametrize("cell", ["1,23,4", "1.2.3", "12,34.5", "x", "1 2", ""])
def test_what_is_no_number_is_refused(cell):
    with pytest.raises(ValueError):
        number(cell)


def test_evidence_for_the_decimal_mark():
    cells = ("2,5", "1.234,5", "0,125", "1,234", "7", "1,234.5", "2.5", "x")
    assert [decimal_evidence(cell) for cell in cells] == [1, 1, 0, 0, 0, -1, -1, 0]


@pytest.mark.thorough
@settings(max_examples=60)
@given(
    st.lists(st.dates(date(1950, 1, 1), date(2060, 1, 1)), min_size=25, max_size=40, unique=True),
    st.sampled_from(["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d %b %Y", "%B %d, %Y"]),
)
def test_dates_are_days_since_1970(moments, pattern):
    assume(any(moment.day > 12 for moment in moments))
    cells = [moment.strftime(pattern) for moment in moments]
    assert column_kind(dict.fromkeys(cells, 1)) == "date"
    read = date_reader(cells)
    assert read is not None
    assert [days(read(cell)) for cell in cells] == [(m - date(1970, 1, 1)).days for m in moments]


def test_times_are_fractions_and_zones_are_heeded():
    cells = ["2020-01-01T12:00:00", "2020-01-02T06:00:00"]
    read = date_reader(cells)
    assert read is not None
    first = datetime(2020, 1, 1, 12, tzinfo=UTC).timestamp() / 86400
    assert days(read(cells[0])) == first
    assert days(read("2020-01-01T14:00:00+02:00")) == first


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "2.5"], "number"),
        (["1", "-2", "3.0"], "integer"),
        (["1", "2", "x"], "number"),
        (["yes", "No"], "boolean"),
        (["TRUE", "false"], "boolean"),
        (["red", "blue"], "category"),
        ([f"name {i}" for i in range(30)], "text"),
        (["2020-01-01", "2020-01-02"], "date"),
        ([], "number"),
    ],
)
def test_kinds_of_columns(cells, kind):
    assert column_kind(dict.fromkeys(cells, 1)) == kind


# ---- encodings and dialects ------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_unicode_is_recognised(tmp_path, encoding):
    path = write(tmp_path, "größe,höhe\n1,2\n".encode(encoding))
    table = read_table(path)
    assert table.names == ("größe", "höhe") and table.dialect.notice is None


def test_windows_text_is_read_with_a_notice(tmp_path):
    path = write(tmp_path, "größe,preis €\n1,2\n".encode("cp1252"))
    assert read_table(path).names == ("größe", "preis €")
    notice = open_dataset(f"csv:{path}").notice
    assert notice and "data.csv is not UTF-8" in notice and "cp1252" in notice
    path = write(tmp_path, b"a\x81,b\n1,2\n")
    assert "Latin-1" in (read_table(path).dialect.notice or "")


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b\n1,5;2,5\n", ";"),
        ("1,5;2,5\n3,5;4,5\n", ";"),
        ("a\tb\n1,5\t2,5\n", "\t"),
        ("a,b\nx;y,1\nz;w,2\n", ","),
        ("a|b\n1|2\n", "|"),
        ("sep=;\na;b\n1;2\n", ";"),
        ('"a;1",b\n"c;2",d\n', ","),
        ("# made by hand\na;b\n1;2\n", ";"),
    ],
)
def test_what_separates_cells_is_found(tmp_path, text, mark):
    path = write(tmp_path, text.encode())
    assert find_dialect(path).delimiter == mark
    assert len(read_table(path).names) == 2


def test_one_column_may_hold_commas(tmp_path):
    table = read_table(write(tmp_path, b"colour\nred\nblue, dark\ngreen\n"))
    assert [row[0] for row in table.rows] == ["red", "blue, dark", "green"]


def test_comments_are_left_out(tmp_path):
    path = write(tmp_path, b"# it's \"made\na,b\n1,2\n# between\n3,4\n# 5,6\n")
    assert read_table(path).rows == (("1", "2"), ("3", "4"))


def test_numpys_header_names_the_columns(tmp_path):
    values = np.array([[1.5, 2.0], [3.0, 4.5]])
    np.savetxt(tmp_path / "data.txt", values, delimiter=",", header="a,b")
    table = read_table(tmp_path / "data.txt")
    assert table.names == ("a", "b")
    np.testing.assert_array_equal(np.stack([table.numbers(0), table.numbers(1)], 1), values)


def test_a_column_called_number_sign_is_no_comment(tmp_path):
    table = read_table(write(tmp_path, b"#,name\n1,x\n2,y\n"))
    assert table.names == ("#", "name") and len(table) == 2
    tags = read_table(write(tmp_path, b"tag,n\n#cat,1\n#dog,2\nbird,3\n"))
    assert [row[0] for row in tags.rows] == ["#cat", "#dog", "bird"]


def test_separators_behind_the_last_cell_are_no_column(tmp_path):
    assert read_table(write(tmp_path, b"a,b\n1,2,\n3,4,,\n")).rows == (("1", "2"), ("3", "4"))
    assert read_table(write(tmp_path, b"a,b,,\n1,2,,\n3,4,,\n")).names == ("a", "b")


def test_names_are_made_different(tmp_path):
    assert read_table(write(tmp_path, b"x,,x\n1,2,3\n")).names == ("x", "1", "x (2)")


def test_a_text_above_a_number_makes_a_header(tmp_path):
    assert read_table(write(tmp_path, b"2019,when\n5,2020\n6,2021\n")).names == ("2019", "when")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'a,b\n1,2\n3,"4\n5,6\n', "line 3: a quote is opened and never closed"),
        (b'a,b\n1,2\n3,"4"5\n', "line 3: ',' expected"),
        (b"a,b\n1,2\n3\n", "line 3: 1 values, but there are 2 columns"),
    ],
)
def test_damage_is_named_by_its_line(tmp_path, raw, message):
    with pytest.raises(DataFormatError, match=message):
        read_table(write(tmp_path, raw))


@pytest.mark.thorough
def test_rows_of_many_chunks_come_together(tmp_path):
    """Numbers, then a gap in a later chunk: the column is one of numbers throughout."""
    values = np.arange(20_000) / 8
    cells = [repr(v) for v in values.tolist()]
    cells[15_000] = "NA"
    path = write(tmp_path, "\n".join(["x", *cells]).encode())
    table = read_table(path)
    column = table.columns[0]
    assert column.kind == "number" and column.missing.sum() == 1 and column.missing[15_000]
    truth = values.copy()
    truth[15_000] = np.nan
    np.testing.assert_array_equal(table.numbers(0), truth)
    assert table.lines[-1] == 20_001 and len(column.counts()) == 19_999


def test_a_table_is_read_once_as_long_as_it_stays(tmp_path, monkeypatch):
    from nodeflow.data.tables import table as module

    limits = []
    original = module.read_table
    monkeypatch.setattr(
        module, "read_table", lambda p, **more: limits.append(more["limit"]) or original(p, **more)
    )
    path = write(tmp_path, b"x,y\n" + b"1,2\n" * 50)
    assert len(module.kept_table(path, limit=100)) == 50
    assert len(module.kept_table(path)) == 50 == len(module.kept_table(path, limit=60))
    assert limits == [100], "fewer rows than the limit: that is all of it"
    assert len(module.kept_table(path, limit=10)) == 10 == len(module.kept_table(path, limit=10))
    assert limits == [100, 10]
    write(tmp_path, b"x,y\n" + b"1,2\n" * 51)
    assert len(module.kept_table(path)) == 51 and limits == [100, 10, None]


def test_records_can_be_read_again_as_they_are_written(tmp_path):
    path = write(tmp_path, b"a,b\n1.50,x\n")
    assert [r.cells for r in records(path, Dialect())] == [("a", "b"), ("1.50", "x")]


# ---- files as users have them ----------------------------------------------------------------


@pytest.mark.thorough
def test_a_european_file_is_read(tmp_path):
    table = read_table(own_data.european(tmp_path))
    assert table.names == ("Länge", "Größe", "Datum", "Ergebnis")
    assert [column.kind for column in table.columns] == ["number", "number", "date", "number"]
    length, size, result = table.numbers(0), table.numbers(1), table.numbers(3)
    np.testing.assert_allclose(result, 3 * length + size / 1000, atol=0.02)
    first = table.columns[2].start[0]
    read = table.columns[2].read_date
    assert read is not None
    day, month, year = map(int, first.split("."))
    assert read(first) - datetime(year, month, day) == timedelta(0)


def test_a_spreadsheets_export_is_read(tmp_path):
    table = read_table(own_data.excel_export(tmp_path))
    assert table.names == ("Order No", "Customer", "Amount", "Paid")
    assert [c.kind for c in table.columns] == ["integer", "category", "number", "boolean"]
    np.testing.assert_array_equal(table.numbers(2), 1000 + 12.5 * np.arange(40))
    assert {row[1] for row in table.rows} == {'Miller "Bob" & Sons', "Two\nlines"}
