"""The web page of a report: a table that sorts by a click on a column, with errors as colours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

_STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }
body { margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
th { text-align: left; cursor: pointer; border-bottom: 2px solid }
th, td { padding: .25rem .6rem } td.n { font-variant-numeric: tabular-nums }
"""
_SCRIPT = """
for (const head of document.querySelectorAll("th")) head.onclick = () => {
  const body = document.querySelector("tbody"), at = head.cellIndex;
  const value = row => row.cells[at].dataset.value ?? row.cells[at].textContent;
  const down = head.dataset.down = head.dataset.down === "1" ? "" : "1";
  const order = (a, b) => isNaN(a) || isNaN(b) ? String(a).localeCompare(b) : a - b;
  const rows = [...body.rows].sort((a, b) => order(value(a), value(b)) * (down ? -1 : 1));
  body.append(...rows);
};
"""
FAINT, FULL = 1e-6, 1.0
"""Errors without a colour, and with the full colour. The colours between follow the logarithm."""


def page_of(
    title: str,
    verdict: str,
    notes: Sequence[str],
    heads: Sequence[str],
    rows: Sequence[Sequence[str | float]],
) -> str:
    """Return a self-contained HTML page with a title, a verdict, notes and a table.

    Table cells that are floats are shown as errors, on a coloured background.
    """
    head = "".join(f"<th>{escape(each)}</th>" for each in heads)
    body = "\n".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    more = "".join(f"<p>{escape(note)}</p>" for note in notes)
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>\n'
        f"<style>{_STYLE}</style>\n<h1>{escape(title)}</h1>\n<p><b>{escape(verdict)}</b></p>{more}\n"
        f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>\n"
        f"<script>{_SCRIPT}</script></html>\n"
    )


def _cell(value: str | float) -> str:
    if isinstance(value, str):
        return f"<td>{escape(value)}</td>"
    number = value if math.isfinite(value) else 1e308
    part = math.log(max(min(number, FULL), FAINT) / FAINT) / math.log(FULL / FAINT)
    color = f"background:rgba(214,39,40,{0.7 * part:.2f})"
    return f'<td class="n" data-value="{number}" style="{color}">{value:.3g}</td>'
