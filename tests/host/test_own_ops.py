"""The engine process loads the same plugin folder as the window, and loads it again."""

from __future__ import annotations

import pytest

from nodeflow.document.edit import commands
from nodeflow.document.model.document import Document
from nodeflow.host.protocol import Evaluate, LoadPlugins, Previews

TIMES = """
import nodeflow

@nodeflow.op(infer="same as x")
def times(x):
    return x * {factor}
"""


def document() -> Document:
    doc = Document()
    two = commands.add_node(doc, "constant", (0, 0), name="two", attrs={"value": 2.0})
    out = commands.add_node(doc, "times", (200, 0), name="out")
    after = commands.add_node(doc, "square", (400, 0), name="after")
    commands.connect(doc, two, "out", out, "x")
    commands.connect(doc, out, "out", after, "x")
    return doc


@pytest.mark.thorough
def test_the_engine_loads_reloads_and_survives_a_user_s_mistakes(talk, tmp_path) -> None:
    file = tmp_path / "times.py"
    doc = document()

    def values(text: str | None) -> dict[str, str]:
        file.unlink() if text is None else file.write_text(text)
        talk.send(LoadPlugins(str(tmp_path)))
        talk.send(Evaluate(doc.revision, 1))
        return {n: v.text for n, v in talk.wait_for(Previews).values.items()}

    file.write_text(TIMES.format(factor=3))
    talk.send(LoadPlugins(str(tmp_path)))
    talk.sync(doc)
    assert values(TIMES.format(factor=3)) == {"two": "2", "out": "6", "after": "36"}
    assert values(TIMES.format(factor=5))["after"] == "100"
    failed = values(TIMES.format(factor="x.nothing"))
    assert "times failed (times.py, line 6)" in failed["out"] and "after" not in failed
    assert values("def (") == {"two": "2"}
    assert values("raise SystemExit") == {"two": "2"}
    assert values(None) == {"two": "2"}
    assert values(TIMES.format(factor=1))["after"] == "4"
