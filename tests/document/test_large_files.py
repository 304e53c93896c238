"""Large .flow files: opened in ten times their size, and read as small ones are."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from random import Random

import pytest

from nodeflow.document.io import flow, flow_parsing
from nodeflow.errors import NodeflowError, ReadRefused
from nodeflow.file_reading import ReadLimit, limited
from nodeflow.resources import examples
from tests.document.flow_mutations import composed, mutant
from tests.volumes import is_nightly

MEGABYTES = 57 if is_nightly() else 12
MOST_TIMES = 10.0
"""Of the file's size, what opening it may take."""
CHILD = """
import os, sys
import nodeflow.ops
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.io import flow

def peak():  # not ru_maxrss, which begins with what the parent takes
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:")) * 1024

before = peak()
analysis = Analysis(flow.load(sys.argv[1]))
assert not analysis.all_problems()
print((peak() - before) / os.path.getsize(sys.argv[1]))
"""


def write(path, nodes, wires):
    """A file of this version, one item a line."""
    content = {"format": "nodeflow", "version": flow.VERSION, "next_id": 10**7}
    content |= {"nodes": nodes, "wires": wires, "training": {}}
    path.write_text(json.dumps(content))


def chain(size: int):
    """So many bytes of short nodes with two wires each."""
    nodes = [{"id": "n1", "op": "constant", "name": "c", "attrs": {"value": 1.0}, "pos": [0, 0]}]
    wires = []
    for i in range(2, size // 155):
        place = [i % 1000 * 10, i // 1000 * 10]
        nodes.append({"id": f"n{i}", "op": "add", "name": f"add_{i}", "attrs": {}, "pos": place})
        wires += [[f"n{i - 1}", "out", f"n{i}", "x"], ["n1", "out", f"n{i}", "y"]]
    return nodes, wires


def constants(size: int):
    """So many bytes of the shortest nodes that have an attribute."""
    nodes = []
    for i in range(1, size // 104):
        node = {"id": f"n{i}", "op": "constant", "name": f"c_{i}", "attrs": {"value": i / 8}}
        nodes.append(node | {"pos": [i % 1000 * 10, i // 1000 * 10]})
    return nodes, []


def table(size: int, number: Callable[[Random], float], characters: int):
    """So many bytes of numbers of one constant."""
    random = Random(1)
    count = size // 1000 // (characters + 2)
    rows = [[number(random) for _ in range(1000)] for _ in range(count)]
    attrs = {"dtype": "float32", "value": rows}
    return [{"id": "n1", "op": "constant", "name": "c", "attrs": attrs, "pos": [0, 0]}], []


def weights(size: int):
    return table(size, lambda random: round(random.uniform(-1, 1), 4), 7)


def whole_numbers(size: int):
    """No number is shorter than those that Python keeps anyway and has objects of its own."""
    return table(size, lambda random: random.randint(257, 999), 3)


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("content", [chain, constants, weights, whole_numbers])
def test_opening_takes_ten_times_the_size_of_a_file(tmp_path, content):
    path = tmp_path / "large.flow"
    write(path, *content(MEGABYTES << 20))
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(path)], capture_output=True, text=True, check=True
    )
    times = float(child.stdout)
    print(f"{content.__name__}: {times:.2f} times {path.stat().st_size} bytes")
    assert 1 < times < MOST_TIMES
    assert times * path.stat().st_size < flow_parsing.cost(path.read_bytes()), "the estimate"


def outcome(text: str) -> str:
    try:
        return flow.dumps(flow.loads(text))
    except NodeflowError as error:
        return str(error)


def test_a_large_file_is_read_as_a_small_one(monkeypatch):
    texts = [path.read_text() for path in examples()] + [json.dumps(composed())]
    texts += [mutant(number) for number in range(1000 if is_nightly() else 150)]
    texts += [text[: len(text) * part // 7] for text in texts[:12] for part in range(1, 7)]
    texts += [texts[0].replace("]", ",]", 1), texts[0] + "x", "", "{", "[]", '{"a" 1}', "{,}"]
    small = [outcome(text) for text in texts]
    monkeypatch.setattr(flow_parsing, "LARGE", 0)
    streamed = []
    by_items = flow_parsing._by_items

    def counting(text, progress):
        streamed.append(by_items(text, progress))
        return streamed[-1]

    monkeypatch.setattr(flow_parsing, "_by_items", counting)
    assert [outcome(text) for text in texts] == small
    assert sum(data is not None for data in streamed) > 40


def test_one_character_beyond_ascii_does_not_make_all_others_wider(monkeypatch):
    text = '{"a": "' + "x" * 2000 + ' ünïcode ✓ 𝔘 \\u00e9 \\" \\n", "ß": 1}'
    content = b"\xef\xbb\xbf" + text.encode()
    monkeypatch.setattr(flow_parsing, "LARGE", 0)
    for chunk in (1, 7, 1000, 1 << 20):
        monkeypatch.setattr(flow_parsing, "CHUNK", chunk)
        found = flow_parsing.decoded(content)
        assert found.isascii() and json.loads(found) == json.loads(text)
    with pytest.raises(UnicodeDecodeError):
        flow_parsing.decoded(content[:-4] + b"\xff")


def test_short_numbers_of_a_table_are_few_objects_and_read_as_they_are_written():
    texts = ["-0.25", "0.5", "1e-05", "-0.0", "12345", "-1234", "0.12345", "1234567", "1E+2"]
    text = f'{{"format": "nodeflow", "extra": [{", ".join(texts * 2)}]}}'
    found = flow_parsing.parse(text)["extra"]
    assert [repr(value) for value in found] == [repr(json.loads(text)) for text in texts] * 2
    first, again = found[: len(texts)], found[len(texts) :]
    alike = [one is other for one, other in zip(first, again, strict=True)]
    assert alike == [len(text) <= flow_parsing.SHORT for text in texts]
    with pytest.raises(NodeflowError, match="too large"):
        flow_parsing.parse('{"format": "nodeflow", "extra": 1e999}')


@pytest.mark.thorough
def test_who_reads_a_large_file_says_how_far_it_is_and_can_be_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(flow_parsing, "LARGE", 0)
    path = tmp_path / "large.flow"
    write(path, *chain(2 << 20))
    shares: list[float] = []
    flow.load(path, shares.append)
    assert len(shares) > 20 and shares == sorted(shares)
    assert 0 < shares[0] < 0.1 and 0.9 < shares[-1] <= 1

    class Enough(Exception):
        pass

    for most in (0.1, 0.7, 0.95):
        seen: list[float] = []

        def stop(share, most=most, seen=seen):
            seen.append(share)
            if share > most:
                raise Enough

        with pytest.raises(Enough):
            flow.load(path, stop)
        assert [share > most for share in seen] == [False] * (len(seen) - 1) + [True]


@pytest.mark.sample(1)
@pytest.mark.parametrize("value", ["[]", "{}", '""', '{"a":{}}', "0"])
def test_what_takes_more_memory_than_allowed_is_refused_before_it_is_taken(
    tmp_path, monkeypatch, value
):
    """A small file of nothing but containers takes twenty times its size."""
    path = tmp_path / "hostile.flow"
    body = ",".join([value] * (300_000 // (len(value) + 1)))
    path.write_text(f'{{"format": "nodeflow", "version": 3, "extra": [{body}]}}')
    monkeypatch.setattr(flow, "LARGE", 0)
    monkeypatch.setattr(flow, "decoded", lambda content: pytest.fail("it was read"))
    with limited(ReadLimit(2_000_000)), pytest.raises(ReadRefused, match="may take 2 MB"):
        flow.load(path)
    monkeypatch.undo()
    tracemalloc.start()
    try:
        assert len(flow.load(path).extra["extra"]) > 30_000
        assert tracemalloc.get_traced_memory()[1] < flow_parsing.cost(path.read_bytes())
    finally:
        tracemalloc.stop()


HOLLOW = {
    "empty lists": "[],",
    "with spaces": "[ ], ",
    "empty objects": "{},",
    "lists in lists": "[[[[]]]],",
    "objects of one value": '{"a":1},',
    "objects of empty lists": '{"a":[]},',
}
REFUSED = CHILD.replace(
    "analysis = Analysis(flow.load(sys.argv[1]))\nassert not analysis.all_problems()",
    "try:\n    flow.load(sys.argv[1])\nexcept flow.FlowError as error:\n    print(error)",
)


@pytest.mark.thorough
@pytest.mark.parametrize("field", ["attrs", "unknown field"])
@pytest.mark.parametrize("part", HOLLOW.values(), ids=HOLLOW)
def test_a_file_of_brackets_is_refused_before_it_is_read(tmp_path, part, field):
    """20 million empty lists take 1.6 GB, and 60 MB in a file."""
    filled = f"[{part * (MEGABYTES * 1_000_000 // len(part))}1]"
    node = {"id": "n1", "op": "constant", "name": "c", "attrs": {}, "pos": [0, 0]}
    whole = json.dumps({"format": "nodeflow", "version": flow.VERSION, "nodes": [node], "more": 1})
    old, new = ('"attrs": {}', '"attrs": {"value": %s}') if field == "attrs" else ("1}", "%s}")
    path = tmp_path / "hollow.flow"
    path.write_text(whole.replace(old, new % filled))
    done = subprocess.run(
        [sys.executable, "-c", REFUSED, str(path)], capture_output=True, text=True, check=True
    )
    said, times = done.stdout.splitlines()
    assert "nearly empty lists and objects" in said
    assert float(times) < MOST_TIMES


@pytest.mark.thorough
@pytest.mark.parametrize("row", ["[1], ", "[[1]], ", "[[[1]]], ", "[1, 2], ", "[], [1, 2, 3], "])
def test_tables_of_short_rows_are_none_of_them(row):
    text = f'{{"format": "nodeflow", "version": 3, "nodes": [], "more": [{row * 300_000}[1]]}}'
    text += " " * max(0, flow_parsing.LARGE - len(text))
    assert flow_parsing.parse(text)["format"] == "nodeflow"
