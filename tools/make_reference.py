"""The generated pages of the documentation: ops and command line, as Markdown by file name.

Both are derived from the declarations that the program itself uses: the op registry and
``nodeflow/cli/definition.py``. ``docs/conf.py`` writes them when the site is built.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from nodeflow.cli.definition import build_parser
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.op import Op
from nodeflow.ops import CATEGORIES, REGISTRY


def pages() -> dict[str, str]:
    """Markdown by file name."""
    by_category = {
        category: sorted(
            (op for op in REGISTRY if op.category == category and not op.hidden and not op.own),
            key=lambda op: op.id,
        )
        for category in CATEGORIES
    }
    filled = {category: ops for category, ops in by_category.items() if ops}
    made = {_file(category): category_page(category, ops) for category, ops in filled.items()}
    return {"ops.md": op_index(filled), **made, "cli.md": command_line()}


# -- ops ------------------------------------------------------------------------------------------


def op_index(by_category: dict[str, list[Op]]) -> str:
    """All ops by category, each with its first sentence, and the pages of the categories."""
    count = sum(len(ops) for ops in by_category.values())
    lines = [
        "# Ops",
        "",
        f"{count} ops by category. In Python each is a function, `nf.NAME`; in the window an",
        "entry of the palette; `nodeflow ops NAME` prints the same text.",
        "",
        ":::{toctree}",
        ":maxdepth: 1",
        ":hidden:",
        "",
        *(_file(category).removesuffix(".md") for category in by_category),
        ":::",
    ]
    for category, ops in by_category.items():
        lines += ["", f"## [{category}]({_file(category)})", ""]
        lines += [f"- [`{op.id}`]({_file(category)}#{_anchor(op)}): {op.summary}" for op in ops]
    return "\n".join(lines) + "\n"


def category_page(category: str, ops: list[Op]) -> str:
    return "\n".join([f"# {category}", "", *(line for op in ops for line in _op(op))]) + "\n"


def _op(op: Op) -> Iterator[str]:
    yield from (f"({_anchor(op)})=", f"## `{op.id}`", "", op.doc.strip(), "")
    if op.inputs:
        yield from ("| input | dtypes | |", "| --- | --- | --- |")
        yield from (_row(_port_name(p), ", ".join(p.dtypes), p.doc) for p in op.inputs)
        yield ""
    documented = [p for p in op.outputs if p.doc or len(op.outputs) > 1]
    if documented:
        yield from ("| output | |", "| --- | --- |")
        yield from (_row(f"`{p.name}`", p.doc) for p in documented)
        yield ""
    if op.attrs:
        yield from ("| attribute | type | default | |", "| --- | --- | --- | --- |")
        yield from (_row(f"`{a.name}`", _kind(a), _default(a), a.doc) for a in op.attrs)
        yield ""


def _port_name(port: Port) -> str:
    marks = [m for m, on in (("several", port.variadic), ("optional", port.optional)) if on]
    return f"`{port.name}`" + (f" ({', '.join(marks)})" if marks else "")


def _kind(attr: Attr) -> str:
    return ", ".join(f"`{c}`" for c in attr.choices) if attr.choices else attr.kind


def _default(attr: Attr) -> str:
    return "required" if attr.required else f"`{attr.default!r}`"


def _row(*cells: str) -> str:
    escaped = (cell.replace("|", "\\|").replace("\n", " ") for cell in cells)
    return f"| {' | '.join(escaped)} |"


def _file(category: str) -> str:
    return f"ops-{category.lower().replace(' ', '-')}.md"


def _anchor(op: Op) -> str:
    return f"op-{op.id.replace('_', '-')}"


# -- the command line -----------------------------------------------------------------------------


def command_line() -> str:
    """Every command with its arguments and options."""
    lines = [
        "# Command line",
        "",
        "`nodeflow` opens the window, `nodeflow FILE` a graph in it. Every other command runs",
        "without a display. Exit status: 0 done, 1 a problem in graph, data, file or run, 2 wrong",
        "option syntax, 130 interrupted.",
        "",
        *_commands(build_parser(), "nodeflow", 2),
    ]
    return "\n".join(lines) + "\n"


def _commands(parser: argparse.ArgumentParser, name: str, level: int) -> Iterator[str]:
    for action in parser._actions:
        if not isinstance(action, argparse._SubParsersAction):
            continue
        helps = {choice.dest: choice.help for choice in action._choices_actions}
        for command, sub in action.choices.items():
            yield from (f"{'#' * level} `{name} {command}`", "")
            yield from (_sentence(helps.get(command) or ""), "")
            rows = [_argument(a) for a in sub._actions if _is_shown(a)]
            if rows:
                yield from ("| argument | |", "| --- | --- |", *rows, "")
            yield from _commands(sub, f"{name} {command}", level + 1)


def _is_shown(action: argparse.Action) -> bool:
    hidden = isinstance(action, argparse._SubParsersAction | argparse._HelpAction)
    return not hidden and action.help != argparse.SUPPRESS


def _argument(action: argparse.Action) -> str:
    if action.choices and action.metavar is None:
        value = "{" + ",".join(str(c) for c in action.choices) + "}"
    else:
        value = str(action.metavar or action.dest.upper())
    takes_value = action.nargs != 0
    names = [f"{flag} {value}" if takes_value else flag for flag in action.option_strings]
    return _row(", ".join(f"`{n}`" for n in names or [value]), _sentence(action.help or ""))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", ")")) or not text else ".")
