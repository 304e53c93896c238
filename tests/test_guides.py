"""The programs of the guides run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
GUIDES = ROOT / "docs" / "guides"
ALL_GUIDES = [*sorted(GUIDES.glob("*.md")), *sorted(ROOT.glob("nodeflow/integrations/*/guide.md"))]


WITHOUT_PROGRAMS = {
    "command_line",
    "files",
    "pages",
    "plots",
    "stage",
    "sweeps",
    "teaching",
    "versions",
}
"""Guides to the window and the command line, which have tests of their own."""


DECLARES_AN_OP = "own_ops"
"""The guide whose program is loaded as a file of ops, in ``test_documents.py``."""


def programs(guide: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", guide.read_text("utf-8"), re.M | re.S)


def test_every_other_guide_has_a_program() -> None:
    assert {guide.stem for guide in GUIDES.glob("*.md") if not programs(guide)} == WITHOUT_PROGRAMS


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    "guide",
    [g for g in ALL_GUIDES if programs(g) and g.stem != DECLARES_AN_OP],
    ids=lambda path: path.stem if path.parent == GUIDES else path.parent.name,
)
def test_the_programs_of_a_guide_run(guide: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "kept"))
    names: dict = {}
    for block in programs(guide):
        exec(compile(block, str(guide), "exec"), names)
