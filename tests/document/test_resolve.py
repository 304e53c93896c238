"""Deciding the conflicts of merges: a side's values, a file that opens, and undo.

100 random merges in ``make test``, 10 000 in ``make test-nightly``.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodeflow.document.diff.conflicts import UnresolvedConflicts, conflicts_of
from nodeflow.document.diff.merge import merge
from nodeflow.document.diff.problems import conflict_problems
from nodeflow.document.diff.resolve_conflicts import (
    CURRENT,
    CannotResolve,
    choices,
    resolve,
    resolve_all,
)
from nodeflow.document.edit import commands
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.edit.subgraphs.definitions import remove_definition
from nodeflow.document.io import flow, journal
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.build import build
from nodeflow.document.to_graph.live.live_build import LiveBuild
from nodeflow.document.to_graph.task import Task
from tests.document.strategies import actions, perform
from tests.document.test_merge import (
    COUNT,
    copy,
    definition_edits,
    edit_definition,
    random_base,
)


def table(doc: Document) -> dict[tuple, object]:
    """What a file says at every path, from its JSON alone."""
    data = json.loads(flow.dumps(doc))
    found: dict[tuple, object] = {}
    for scope, body in (("", data), *data["subgraphs"].items()):
        if scope:
            found["subgraph", scope] = True
            fields = body.keys() - {"nodes", "wires", "frames"}
            found.update({("subgraph", scope, k): body[k] for k in fields})
        for kind in ("node", "frame"):
            for item in body[f"{kind}s"]:
                found[kind, item["id"]] = scope
                for field, value in item.items():
                    if field == "attrs":
                        found.update({(kind, item["id"], field, k): v for k, v in value.items()})
                    else:
                        found[kind, item["id"], field] = value
        for source, port, target, into in body["wires"]:
            found["wire", target, into] = [source, port]
    found.update({("training", name): value for name, value in data["training"].items()})
    if data["weights"] is not None:
        found["weights",] = data["weights"]
    return found


def is_decided(path: tuple, item: dict, side: str, now: dict[tuple, object]) -> bool:
    """Says whether a file has a side's value at the path of a conflict."""
    owner = path[:2]
    if path[0] in ("node", "frame") and len(path) == 2:
        wanted = item.get(side)
        return path not in now if wanted is None else now.get(path) == wanted["scope"]
    if path[0] == "subgraph" and len(path) == 2:
        return (path in now) == (side in item)
    owner = ("node", path[1]) if path[0] == "wire" else owner
    if path[0] in ("node", "frame", "subgraph", "wire") and owner not in now:
        return True  # what it was about is gone, by another conflict
    value, wanted = now.get(path), item.get(side)
    if path[2:] == ("name",) and value != wanted:
        scope = now[owner]
        others = {now[(*p, "name")] for p in now if p[0] == "node" and len(p) == 2
                  and now[p] == scope and p != owner}  # fmt: skip
        return wanted in others and value.startswith(wanted.rstrip("0123456789").rstrip("_"))
    return value == wanted and (side in item or path not in now)


def cannot(path: tuple, item: dict, side: str, now: dict[tuple, object]) -> bool:
    """Says whether a side's value has no place in a file."""
    if path[0] == "wire":
        return now.get(("node", item[side][0])) != now.get(("node", path[1]))
    users = [p for p, v in now.items() if p[2:] == ("attrs", "definition") and v == path[1]]
    return path[0] == "subgraph" and side not in item and bool(users)


@pytest.mark.thorough
@settings(max_examples=COUNT, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 40), actions, actions, definition_edits, definition_edits)
def test_all_conflicts_of_random_merges_can_go_to_one_side(
    seed, to_ours, to_theirs, in_ours, in_theirs
):
    base = random_base(seed)
    ours, theirs = copy(base), copy(base)
    for doc, acts, inside in ((ours, to_ours, in_ours), (theirs, to_theirs, in_theirs)):
        for act in acts:
            perform(doc, act)
        for number, name in inside:
            edit_definition(doc, number, name)
    merged = flow.dumps(merge(base, ours, theirs).document)
    for side in ("ours", "theirs", "base", CURRENT):
        doc = flow.loads(merged)
        found = conflicts_of(doc)
        failed = resolve_all(doc, side)
        text, now = flow.dumps(doc), table(doc)
        assert flow.dumps(flow.loads(text)) == text
        build(flow.loads(text), partial=True)
        left = [c.item for c in conflicts_of(doc)]
        assert len(left) == len(failed)
        for conflict in found:
            if conflict.item in left:
                assert cannot(conflict.path, conflict.item, side, now), conflict
            elif side != CURRENT:
                assert is_decided(conflict.path, conflict.item, side, now), conflict
        if side == CURRENT:
            assert table(doc) == table(flow.loads(merged)) and not left
        if found:
            doc.undo()
        assert flow.dumps(doc) == merged
        for conflict in conflicts_of(doc)[:8]:
            count = len(conflicts_of(doc))
            try:
                resolve(doc, conflict, side)
            except CannotResolve:
                assert flow.dumps(doc) == merged, "nothing is done in part"
                continue
            assert len(conflicts_of(doc)) == count - 1
            after = flow.dumps(doc)
            doc.undo()
            assert flow.dumps(doc) == merged
            doc.redo()
            assert flow.dumps(doc) == after
            doc.undo()


@pytest.fixture
def sides() -> tuple[Document, Document, Document]:
    """``n1 = constant, n2 = relu(n1)``, three times."""
    doc = Document()
    a = commands.add_node(doc, "constant", (0, 0), attrs={"value": 1.0})
    commands.connect(doc, a, "out", commands.add_node(doc, "relu", (200, 0)), "x")
    return copy(doc), copy(doc), copy(doc)


def merged(sides) -> Document:
    return merge(*sides).document


def test_a_value_is_kept_and_the_field_goes_with_its_last_conflict(sides):
    _, ours, theirs = sides
    commands.set_attr(ours, "n1", "value", 2.0)
    commands.set_attr(theirs, "n1", "value", 3.0)
    doc = merged(sides)
    (conflict,) = conflicts_of(doc)
    assert choices(doc, conflict) == ["ours", "theirs", "base"]
    resolve(doc, conflict, "theirs")
    assert doc.nodes["n1"].attrs["value"] == 3.0
    assert "conflicts" not in flow.dumps(doc) and doc.undo_label == "Keep theirs: constant.value"


def test_a_value_that_no_side_has_can_be_kept_as_it_is(sides):
    _, ours, theirs = sides
    commands.set_attr(ours, "n1", "value", 2.0)
    commands.set_attr(theirs, "n1", "value", 3.0)
    doc = merged(sides)
    commands.set_attr(doc, "n1", "value", 2.5)
    (conflict,) = conflicts_of(doc)
    assert choices(doc, conflict) == ["ours", "theirs", "base", CURRENT]
    resolve(doc, conflict, CURRENT)
    assert doc.nodes["n1"].attrs["value"] == 2.5 and not conflicts_of(doc)


def test_a_node_that_one_side_removed_can_go_or_stay(sides):
    _, ours, theirs = sides
    commands.remove(ours, ["n1"])
    commands.set_attr(theirs, "n1", "value", 5.0)
    for side, nodes in (("ours", {"n2"}), ("theirs", {"n1", "n2"}), ("base", {"n1", "n2"})):
        doc = merged(sides)
        assert resolve_all(doc, side) == []
        assert doc.nodes.keys() == nodes and bool(doc.wires) == ("n1" in nodes)
    assert doc.nodes["n1"].attrs["value"] == 1.0, "base had this"


def test_a_subgraph_that_one_side_removed_goes_with_its_instance(sides):
    base, ours, theirs = sides
    instance = create(base, ["n2"], "half")
    ours, theirs = copy(base), copy(base)
    commands.remove(ours, [instance])
    remove_definition(ours, "half")
    commands.rename(theirs, instance, "kept")
    commands.rename(theirs.graph("half"), "n2", "changed")
    doc = merged((base, ours, theirs))
    assert resolve_all(doc, "ours") == [] and not conflicts_of(doc)
    assert doc.nodes.keys() == {"n1"} and not doc.subgraphs


def test_a_name_that_is_taken_by_now_gets_a_suffix_and_the_node_keeps_its_numbers(sides):
    for doc, name in zip(sides[1:], ("one", "two"), strict=True):
        commands.rename(doc, "n1", name)
    doc = merged(sides)
    commands.rename(doc, "n2", "two")
    resolve(doc, conflicts_of(doc)[0], "theirs")
    assert {n.name for n in doc.nodes.values()} == {"two", "two_1"}


def test_a_node_that_both_sides_grouped_moves_with_what_else_was_changed(sides):
    _, ours, theirs = sides
    create(ours, ["n2"], "mine")
    create(theirs, ["n2"], "yours")
    commands.set_attr(ours, "n1", "value", 9.0)
    doc = merged(sides)
    conflict = next(c for c in conflicts_of(doc) if c.path == ("node", "n2"))
    assert "n2" in doc.graph("mine").nodes
    commands.rename(doc.graph("mine"), "n2", "changed_since")
    resolve(doc, conflict, "theirs")
    assert doc.graph("yours").nodes["n2"].name == "changed_since"
    assert "n2" not in doc.graph("mine").nodes and doc.nodes["n1"].attrs["value"] == 9.0


def test_a_wire_from_another_graph_is_refused_with_the_reason(sides):
    _, ours, theirs = sides
    create(ours, ["n1"], "block")
    new = commands.add_node(theirs, "tanh", (200, 200))
    commands.connect(theirs, "n1", "out", new, "x")
    doc = merged(sides)
    (conflict,) = [c for c in conflicts_of(doc) if c.path[0] == "wire"]
    text = flow.dumps(doc)
    with pytest.raises(CannotResolve, match="constant, which is now in the subgraph `block`"):
        resolve(doc, conflict, "theirs")
    assert flow.dumps(doc) == text
    resolve(doc, conflict, "ours")
    assert conflict.item not in [c.item for c in conflicts_of(doc)]


def test_conflicts_about_layout_do_not_keep_a_file_from_training():
    doc = Document()
    w = commands.add_node(doc, "variable", (0, 0), attrs={"value": 3.0})
    loss = commands.add_node(doc, "square", (200, 0))
    commands.connect(doc, w, "out", loss, "x")
    adam = commands.add_node(doc, "adam", (400, 0))
    commands.connect(doc, loss, "out", adam, "loss")
    ours, theirs = copy(doc), copy(doc)
    commands.move(ours, {w: (5, 5)})
    commands.move(theirs, {w: (9, 9)})
    drawn = merge(doc, ours, theirs).document
    assert [p.severity for p in conflict_problems(drawn)] == ["warning"]
    Task(drawn).training()
    commands.set_attr(ours, adam, "learning_rate", 0.2)
    commands.set_attr(theirs, adam, "learning_rate", 0.3)
    with pytest.raises(UnresolvedConflicts, match=r": adam\.learning_rate\. Decide"):
        Task(merge(doc, ours, theirs).document).training()


def test_problems_name_place_and_sides_in_words(sides):
    base, ours, theirs = sides
    for doc in sides:
        create(doc, ["n1"], "block")
    other = commands.add_node(ours, "tanh", (0, 200))
    commands.connect(ours, other, "out", "n2", "x")
    commands.remove(theirs, [], [("n2", "x")])
    commands.set_attr(ours.graph("block"), "n1", "value", 2.0)
    commands.remove(theirs.graph("block"), ["n1"])
    found = {(p.node, p.port): p for p in conflict_problems(merged((base, ours, theirs)))}
    assert found["relu", "x"].message == (
        "a merge could not decide this wire: ours from tanh, theirs no wire, "
        "base from block:constant"
    )
    whole = found["block/constant", None]
    assert whole.message == (
        "a merge could not decide whether this node exists: ours constant with value = 2.0, "
        "theirs no such thing, base constant with value = 1.0"
    )
    assert whole.severity == "error" and "nodeflow resolve" in whole.text("cli")


@pytest.mark.parametrize(
    "item",
    [
        3,
        {"path": []},
        {"path": ["node"], "ours": 1},
        {"path": ["wire", "n2"], "ours": 1},
        {"path": ["node", "n1"], "ours": 5},
        {"path": ["node", "n1", "pos"], "ours": "left", "theirs": [1, 2]},
        {"path": ["node", "n1", "op"], "ours": None},
        {"path": ["wire", "n2", "x"], "ours": ["n77", "out"], "theirs": 4},
        {"path": ["training", "epochs"], "ours": "many"},
        {"path": ["weights"], "ours": "/etc/passwd"},
        {"path": ["subgraph", "a/b"], "ours": {}},
        {"path": ["nothing", "like", "this"]},
    ],
)
def test_entries_that_are_damaged_are_shown_and_can_be_removed(sides, item):
    doc = sides[0]
    doc.extra = {"conflicts": [item]}
    doc = copy(doc)
    (problem,) = conflict_problems(doc)
    assert problem.message and problem.sides
    for side in ("ours", "theirs", "base", CURRENT):
        before = flow.dumps(doc)
        try:
            resolve(doc, conflicts_of(doc)[0], side)
        except CannotResolve:
            assert flow.dumps(doc) == before
            continue
        assert flow.dumps(copy(doc)) == flow.dumps(doc)
        doc.undo()
        assert flow.dumps(doc) == before
    resolve(doc, conflicts_of(doc)[0], CURRENT)
    assert not conflicts_of(doc)


def test_a_journal_recovers_decisions(sides, tmp_path):
    _, ours, theirs = sides
    commands.set_attr(ours, "n1", "value", 2.0)
    commands.set_attr(theirs, "n1", "value", 3.0)
    doc = merged(sides)
    kept = journal.Journal(doc, tmp_path)
    commands.rename(doc, "n2", "other")
    resolve(doc, conflicts_of(doc)[0], "theirs")
    assert flow.dumps(journal.recover(kept.path).document) == flow.dumps(doc)
    kept.close()


steps = st.lists(
    st.sampled_from(
        ["node", "wire", "frame", "subgraph", "training", "weights", "file", "n1", "n2", "f9", "x",
         "attrs", "name", "op", "pos", "value", "epochs", "metrics", "block", "", "\x1b[31m<b>"]
    ),
    max_size=5,
)  # fmt: skip
json_value = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=4)
    | st.sampled_from(["n1", "out"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["scope", "op", "name", "attrs", "pos", "node"]), inner)
    ),
    max_leaves=5,
)
entries = st.lists(
    json_value
    | st.fixed_dictionaries(
        {"path": steps | json_value},
        optional={"base": json_value, "ours": json_value, "theirs": json_value},
    ),
    max_size=3,
)


@pytest.mark.thorough
@settings(max_examples=3 * COUNT, suppress_health_check=list(HealthCheck))
@given(entries | json_value)
def test_whatever_a_file_lists_is_shown_and_decided_or_refused(listed):
    doc = Document()
    a = commands.add_node(doc, "constant", (0, 0), attrs={"value": 1.0})
    commands.connect(doc, a, "out", commands.add_node(doc, "relu", (200, 0)), "x")
    create(doc, ["n2"], "block")
    doc.extra = {} if listed is None else {"conflicts": listed}
    doc = copy(doc)
    text = flow.dumps(doc)
    assert len(conflict_problems(doc)) == len(conflicts_of(doc))
    for side in ("ours", "theirs", "base", CURRENT):
        doc = flow.loads(text)
        resolve_all(doc, side)
        after = flow.dumps(doc)
        assert flow.dumps(flow.loads(after)) == after
        assert side != CURRENT or not conflicts_of(doc)
        if doc.can_undo:
            doc.undo()
        assert flow.dumps(doc) == text


def test_a_decision_about_the_seed_reaches_the_running_graph(sides):
    for doc, seed in zip(sides, (1, 2, 3), strict=True):
        doc.extra = {"seed": seed}
    doc = copy(merged(sides))
    live = LiveBuild(doc)
    doc.subscribe(live.follow)
    assert live.build.graph.seed == 2
    resolve(doc, conflicts_of(doc)[0], "theirs")
    assert live.build.graph.seed == 3
    doc.undo()
    assert live.build.graph.seed == 2
