"""The text of a formula and its syntax tree, with the position in the text of each part of the
tree.
"""

from __future__ import annotations

import ast

LONGEST = 20_000
SIGNS = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "\N{NO-BREAK SPACE}": " "})
"""Characters copied from papers, with the Python character of the same length for each."""


class Source:
    """A formula's text; lines and columns count from 0, in characters."""

    def __init__(self, text: str) -> None:
        lines = text.translate(SIGNS).split("\n")
        self._indents = [len(line) - len(line.lstrip()) for line in lines]
        self._lines = [line.lstrip() for line in lines]
        self._text = "\n".join(self._lines)

    def parse(self) -> ast.Module:
        """Return the syntax tree; raise SyntaxError if the text is not Python."""
        if len(self._text) > LONGEST:
            raise SyntaxError(f"a formula has at most {LONGEST} characters")
        try:
            return ast.parse(self._text)
        except (ValueError, MemoryError) as error:  # zero bytes, deep nesting
            raise SyntaxError(str(error) or "too complex") from None

    def place(self, node: ast.AST) -> tuple[int, int, int]:
        """Return the line, the column and the length of a syntax tree node in the source text.

        Of a node with several lines, only the first character counts.
        """
        line = getattr(node, "lineno", 1) - 1
        start = self._column(line, getattr(node, "col_offset", 0))
        same = getattr(node, "end_lineno", None) == line + 1
        end = self._column(line, getattr(node, "end_col_offset", 0)) if same else start + 1
        return line, start, max(end - start, 1)

    def place_of_error(self, error: SyntaxError) -> tuple[int, int]:
        """Return line and column of a syntax error."""
        line = min(max((error.lineno or 1) - 1, 0), len(self._lines) - 1)
        column = max((error.offset or 1) - 1, 0)
        return line, min(column, len(self._lines[line])) + self._indents[line]

    def explain(self, error: SyntaxError) -> str:
        """Return the cause of a syntax error in one sentence."""
        text = error.msg
        if text.startswith("invalid syntax"):
            return "this cannot be read here"
        return text[:1].lower() + text[1:]

    def advice(self, error: SyntaxError) -> str | None:
        """Return a hint if a syntax error is a common mistake, or None."""
        if "==" in error.msg:
            return "Comparing is written ==; one = gives a name."
        if "was never closed" in error.msg:
            return "Close it."
        return None

    def _column(self, line: int, offset: int) -> int:
        """Return a column in characters; the syntax tree counts bytes of UTF-8."""
        if line >= len(self._lines):
            return 0
        return (
            len(self._lines[line].encode()[:offset].decode(errors="ignore")) + self._indents[line]
        )
