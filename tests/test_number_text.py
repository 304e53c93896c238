"""One format for the numbers of the window and of the command line's tables."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest

import nodeflow
from nodeflow.number_text import count, number, plain, rounded


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1234567, "0.1235"),
        (3.14159265, "3.142"),
        (1e-7, "1e−7"),
        (-0.00012345, "−0.0001234"),
        (9999.9, "10\u202f000"),
        (12345.678, "12\u202f346"),
        (999999.9, "1\u202f000\u202f000"),
        (1e6, "1e6"),
        (1234, "1234"),
        (60000, "60\u202f000"),
        (-1234567, "−1\u202f234\u202f567"),
        (np.float32(0.1), "0.1"),
        (np.int64(2**53 + 1), "9\u202f007\u202f199\u202f254\u202f740\u202f993"),
        (np.bool_(False), "false"),
        (np.uint8(7), "7"),
        (float("inf"), "∞"),
    ],
)
def test_numbers_have_four_digits_and_groups(value, text):
    assert number(value) == text


@pytest.mark.parametrize("exponent", range(-12, 13))
def test_a_text_is_within_half_of_its_last_digit(exponent):
    rng = np.random.default_rng(exponent + 20)
    for value in (rng.uniform(-1, 1, 40) * 10.0**exponent).tolist():
        shown = float(plain(number(value)))
        assert abs(shown - value) <= 0.5001 * 10.0 ** (np.floor(np.log10(abs(value))) - 3)


def test_texts_for_terminals_are_ascii():
    for value in (-1234567, -1.5e-9, float("-inf"), 0.25):
        assert plain(number(value)).isascii()
    assert rounded(1234.56, 1) == "1234.6" and count(-5) == "−5"


@pytest.mark.thorough
def test_the_window_has_no_other_format_for_numbers():
    """Thousands by commas, or digits by hand, would be a second format."""
    wrong = re.compile(r"(,\.?\d*f?|\.?[1-9]g|^g)$")
    found = []
    for path in (Path(nodeflow.__file__).parent / "ui").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FormattedValue) and node.format_spec is not None:
                spec = "".join(
                    str(part.value)
                    for part in node.format_spec.values
                    if isinstance(part, ast.Constant)
                )
                if wrong.search(spec):
                    found.append(f"{path.name}:{node.lineno} {spec}")
    assert found == []
