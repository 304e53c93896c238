"""The programs of the guide run as they stand, with the results that it shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nodeflow.integrations.tensorflow1 import namespace

GUIDE = Path(namespace.__file__).with_name("guide.md")
PROGRAMS = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text("utf-8"), re.M | re.S)
ROWS = r"\[\[ ?1\. +2\.\]\s+\[-3\. -4\.\]\]"
COLUMNS = r"\[\[ ?1\. -2\.\]\s+\[ ?3\. -4\.\]\]"
PRINTED = (r"\d(\.\d+)?(e-\d+)?", r"1\.0", r"0\.75", rf"{ROWS}\s+{COLUMNS}", "")
"""What each program prints."""


@pytest.mark.parametrize(("program", "printed"), list(zip(PROGRAMS, PRINTED, strict=True)))
def test_a_program_of_the_guide_runs(program: str, printed: str, capsys) -> None:
    import nodeflow.tensorflow1 as tf

    tf.reset_default_graph()
    exec(compile(program, "guide", "exec"), {})
    assert re.fullmatch(printed, capsys.readouterr().out.strip())
