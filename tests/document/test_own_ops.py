"""Documents with ops of the user's own: known, changed, broken, gone and back."""

from __future__ import annotations

from pathlib import Path

import pytest

import nodeflow as nf
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.wiring.shown_ports import in_ports
from nodeflow.document.edit import commands
from nodeflow.document.formula.export_python import python_code
from nodeflow.document.formula.insert import add_expression
from nodeflow.document.formula.render import formula_text
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.build import build
from nodeflow.ops.user import PLUGINS

BLEND = """
import nodeflow

@nodeflow.op(infer="same as x")
def blend(x, y, share: float = 0.5):
    return x * share + y * (1 - share)
"""


@pytest.fixture
def blend(plugin_files: Path) -> Path:
    file = plugin_files / "blend.py"
    file.write_text(BLEND)
    PLUGINS.load()
    return file


def document() -> tuple[Document, str]:
    doc = Document()
    a = commands.add_node(doc, "constant", (0, 0), name="a", attrs={"value": 2.0})
    b = commands.add_node(doc, "constant", (0, 90), name="b", attrs={"value": 6.0})
    mix = commands.add_node(doc, "blend", (200, 0), name="mix", attrs={"share": 0.25})
    out = commands.add_node(doc, "square", (400, 0), name="out")
    commands.connect(doc, a, "out", mix, "x")
    commands.connect(doc, b, "out", mix, "y")
    commands.connect(doc, mix, "out", out, "x")
    return doc, mix


def change(file: Path, analysis: Analysis, text: str | None) -> set[str]:
    file.unlink() if text is None else file.write_text(text)
    return analysis.refresh_ops(PLUGINS.load())


def value(doc: Document, name: str = "out") -> float:
    graph = build(doc).graph
    with nf.Session(graph) as session:
        return float(session.run(graph.tensor(name)))


def test_it_is_inferred_built_and_run_like_any_other(blend) -> None:
    doc, mix = document()
    analysis = Analysis(doc)
    assert analysis.all_problems() == [] and str(analysis.type_of(mix, "out")) == "float32 ()"
    assert value(doc) == 25.0


def test_a_port_that_went_keeps_its_wire_and_is_a_problem(blend) -> None:
    doc, mix = document()
    analysis = Analysis(doc)
    before = flow.dumps(doc)
    touched = change(blend, analysis, BLEND.replace("x, y,", "x, z,").replace("y *", "z *"))
    assert mix in touched and flow.dumps(doc) == before
    messages = [str(p) for p in analysis.problems_of(mix)]
    assert any("no in-port 'y'" in m for m in messages)
    assert any("nothing is connected to `z`" in m for m in messages)
    change(blend, analysis, BLEND)
    assert analysis.all_problems() == [] and value(doc) == 25.0


def test_ports_in_another_order_keep_their_wires_by_name(blend) -> None:
    doc, _ = document()
    analysis = Analysis(doc)
    change(blend, analysis, BLEND.replace("x, y,", "y, x,"))
    assert analysis.all_problems() == [] and value(doc) == 25.0


def test_an_op_that_went_keeps_all_its_data_until_it_returns(blend) -> None:
    doc, mix = document()
    analysis = Analysis(doc)
    before = flow.dumps(doc)
    change(blend, analysis, None)
    (problem,) = analysis.problems_of(mix)
    assert problem.kind == "UnknownOp" and "Ops of your own come from files in" in (
        problem.hint or ""
    )
    assert [p.name for p in in_ports(doc, doc.nodes[mix])] == ["x", "y"]
    again = flow.loads(flow.dumps(doc))
    assert flow.dumps(again) == before and again.nodes[mix].attrs == {"share": 0.25}
    blend.write_text(BLEND)
    analysis.refresh_ops(PLUGINS.load())
    assert analysis.all_problems() == [] and value(doc) == 25.0


def test_a_broken_file_is_a_problem_of_the_node_with_file_and_line(blend) -> None:
    doc, mix = document()
    analysis = Analysis(doc)
    change(blend, analysis, BLEND + "\n)")
    (problem,) = analysis.problems_of(mix)
    assert "blend.py, line 8: SyntaxError" in problem.message
    assert len(analysis.all_problems()) == 1, "what depends on it has no problem of its own"
    commands.disconnect(doc, (mix, "x"))
    assert [p.message for p in Analysis(doc).problems_of(mix)] == [problem.message]
    doc.undo()
    result = build(doc, partial=True, analysis=analysis)
    assert "a" in result.graph and "out" not in result.graph


def test_a_file_that_never_loaded_is_named_where_its_op_is_missed(plugin_files) -> None:
    (plugin_files / "blend.py").write_text("def (")
    PLUGINS.load()
    doc, mix = document()
    (problem,) = Analysis(doc).problems_of(mix)
    assert "blend.py, line 1: SyntaxError" in str(problem)


def test_an_attribute_of_another_kind_is_a_problem_and_is_kept(blend) -> None:
    doc, mix = document()
    analysis = Analysis(doc)
    change(blend, analysis, BLEND.replace("share: float = 0.5", "share: int = 2"))
    (problem,) = analysis.problems_of(mix)
    assert problem.port == "share" and doc.nodes[mix].attrs == {"share": 0.25}


def test_formulas_name_it_and_code_loads_it(blend) -> None:
    doc, mix = document()
    code = python_code(doc, mix)
    assert "nf.load_plugins()" in code and "nf.blend(a, b, share=0.25" in code
    add_expression(doc, Analysis(doc), "c = blend(a, 3, share=0.5) + 1")
    assert value(doc, "c") == 3.5
    assert "blend(" in formula_text(doc, mix)


def test_an_op_inside_a_subgraph_is_looked_at_again_too(blend) -> None:
    from nodeflow.document.edit.subgraphs.create_subgraph import create

    doc, mix = document()
    create(doc, [mix])
    analysis = Analysis(doc)
    assert analysis.all_problems() == [] and value(doc) == 25.0
    change(blend, analysis, BLEND + "\n)")
    assert any("blend.py, line 8" in str(p) for p in analysis.all_problems())
    change(blend, analysis, BLEND)
    assert analysis.all_problems() == [] and value(doc) == 25.0
