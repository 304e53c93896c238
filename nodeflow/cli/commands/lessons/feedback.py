"""The page that a student receives: the tests that passed, a hint, and a drawing of the answer."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from html import escape

from nodeflow.document.io import flow
from nodeflow.drawing.formats.svg import graph_svg
from nodeflow.drawing.graph_drawing import draw_graph
from nodeflow.drawing.theme_colors import PALETTES
from nodeflow.lessons.grading.answers import Answer
from nodeflow.lessons.grading.results import Result
from nodeflow.lessons.schema import Lesson

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2330; --faint: #5d6675; --line: #d6dbe3;
  --good: #237a4d; --bad: #93111a; --back: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --faint: #a0a9b8; --line: #3a4252;
  --good: #5ad3a0; --bad: #ee786d; --back: #181c24; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back);
  max-width: 46rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p.faint { color: var(--faint); margin: .25rem 0; } ul { list-style: none; padding: 0; margin: 0; }
li { border-top: 1px solid var(--line); padding: .5rem 0; }
b.good { color: var(--good); } b.bad { color: var(--bad); }
blockquote { border-left: 4px solid var(--line); margin: 0; padding: .25rem 1rem; }
figure { margin: 0; border: 1px solid var(--line); }
svg { max-width: 100%; height: auto; display: block; }
"""


def feedback_page(lesson: Lesson, answer: Answer, result: Result, points: float) -> str:
    """Return a self-contained HTML page about an answer. All texts of the answer are escaped."""
    title = escape(lesson.text("title", lesson.id))
    body = [
        f"<h1>{title}</h1>",
        f'<p class="faint">{escape(answer.name or answer.id)}</p>',
        f"<p><strong>{points * result.credit:.2f} of {points:g} points</strong></p>",
    ]
    if result.problem:
        body.append(f"<p>Your file could not be marked: {escape(result.problem)}.</p>")
    if result.checks:
        body.append("<h2>Checks</h2><ul>" + "".join(_check(lesson, result)) + "</ul>")
    if result.twin:
        hint = escape(lesson.text(f"twins.{result.twin}.hint"))
        body.append(f"<h2>Think about this</h2><blockquote>{hint}</blockquote>")
    if result.milestones:
        found = (
            f"<li>{escape(lesson.text(f'milestones.{one}.found', one))}: "
            f"<code>{escape(name)}</code></li>"
            for one, name in result.milestones.items()
        )
        body.append("<h2>On the way</h2><ul>" + "".join(found) + "</ul>")
    if result.altered:
        names = ", ".join(f"<code>{escape(name)}</code>" for name in result.altered)
        body.append(f"<p>Given nodes were changed and put back for marking: {names}.</p>")
    if result.text:
        drawing = graph_svg(draw_graph(flow.loads(result.text)), PALETTES["light"])
        body.append(f"<h2>Your graph</h2><figure>{drawing}</figure>")
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width">'
        f"<style>{_STYLE}</style></head>\n<body>{''.join(body)}</body></html>\n"
    )


def _check(lesson: Lesson, result: Result) -> list[str]:
    rows = []
    for check in result.checks:
        name = escape(lesson.text(f"checks.{check.id}.title", check.id))
        verdict = '<b class="good">✓ passed</b>' if check.passed else '<b class="bad">✗ not yet</b>'
        said = f'<p class="faint">{escape(check.said)}</p>' if check.said else ""
        rows.append(f"<li>{verdict} {name}{said}</li>")
    return rows


def zipped(answers: Sequence[Answer], pages: Sequence[str]) -> bytes:
    """Return a zip of the pages, under the names that a learning platform expects.

    Moodle finds a student's page in the folder of the answer, Canvas by the answer's file name.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for answer, page in zip(answers, pages, strict=True):
            entry = zipfile.ZipInfo(answer.feedback_name, (1980, 1, 1, 0, 0, 0))
            archive.writestr(entry, page, zipfile.ZIP_DEFLATED)
    return out.getvalue()
