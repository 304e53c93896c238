"""Queries for nodes by op, attribute, dtype, shape and number of parameters."""

from __future__ import annotations

import pytest

from nodeflow.document.analysis import node_query
from nodeflow.document.analysis.declarations import declaration
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands
from nodeflow.document.model.document import Document


@pytest.fixture(scope="module")
def document() -> Document:
    """Two convolutions of a picture, its shape, and a mean."""
    doc, ids = Document(), {}

    def add(name: str, op: str, **attrs: object) -> None:
        ids[name] = commands.add_node(doc, op, (0, 0), name, attrs)

    add("x", "placeholder", shape=[1, 32, 32, 3])
    add("small", "variable", shape=[3, 3, 3, 8], value=0.0)
    add("large", "variable", shape=[5, 5, 8, 64], value=0.0)
    add("first", "conv2d", strides=[2, 2])
    add("second", "conv2d")
    add("turned", "variable", shape=[16, 64, 7, 1], value=0.0)
    add("third", "conv2d", filter_layout="OIHW")
    add("sizes", "shape")
    add("mean", "reduce_mean")
    for source, target, port in (
        *(("x", "first", "x"), ("small", "first", "filter"), ("first", "second", "x")),
        *(("large", "second", "filter"), ("second", "third", "x"), ("turned", "third", "filter")),
        *(("second", "sizes", "x"), ("second", "mean", "x")),
    ):
        commands.connect(doc, ids[source], "out", ids[target], port)
    return doc


def found(doc: Document, query: str) -> set[str] | None:
    analysis, terms = Analysis(doc), node_query.parsed(query)
    if terms is None:
        return None
    names = set()
    for record in doc.nodes.values():
        types = (analysis.out_types(record.id) or {}).values()
        op = declaration(record, doc)
        node = node_query.subject(doc, record, record.name, op, analysis.type_of, types)
        if node_query.matches(terms, node):
            names.add(record.name)
    return names


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("conv kernel 3 3", {"first"}),
        ("conv kernel 5", {"second"}),
        ("strides 2 2", {"first"}),
        ("Conv first", {"first"}),
        ("1x32x32x3", {"x"}),
        ("1x*x8", {"first"}),
        ("1×?×?×64", {"second"}),
        ("5x*", {"large"}),
        ("params > 10k", {"large", "second"}),
        ("params=216", {"small", "first"}),  # 3 * 3 * 3 * 8
        ("conv params <= 0.216K", {"first"}),
        ("params > 1M", set()),
        ("int32", {"sizes"}),
        ("f32 conv params > 12k", {"second"}),
        ("conv kernel 4 4", set()),
        ("kernel 7 1", {"third"}),
    ],
)
def test_a_query_finds_the_nodes_that_match_all_its_terms(document, query, names):
    assert found(document, query) == names


def test_a_single_word_is_left_to_the_search_by_name(document):
    assert node_query.parsed("conv") is None and node_query.parsed("") is None
