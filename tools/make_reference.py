"""The generated pages of the documentation, as Markdown by file name.

They derive from the declarations that the program itself uses: the registries of ops, data sources
and rewrites, ``nodeflow/cli/definition``, ``nodeflow/train/settings.py`` and the files of lessons.
``docs/conf.py`` writes the pages when the site is built.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from nodeflow.cli.definition.all_commands import COMMANDS
from nodeflow.cli.definition.options import Command, Option, setting_option
from nodeflow.data.catalog import SOURCES
from nodeflow.engine.plan.passes import rewrites_in_order
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.op import Op
from nodeflow.lessons.courses import read_course
from nodeflow.ops import CATEGORIES, REGISTRY
from nodeflow.resources import resource
from nodeflow.train.settings import Setting, TrainingSettings, declared


def pages() -> dict[str, str]:
    """Return Markdown by file name."""
    by_category = {
        category: sorted(
            (op for op in REGISTRY if op.category == category and not op.hidden and not op.own),
            key=lambda op: op.id,
        )
        for category in CATEGORIES
    }
    filled = {category: ops for category, ops in by_category.items() if ops}
    made = {_file(category): category_page(category, ops) for category, ops in filled.items()}
    return {
        "ops.md": op_index(filled), **made, "cli.md": command_line(), "data.md": data_sources(),
        "rewrites.md": rewrites(), "lessons.md": lessons(),
    }  # fmt: skip


# -- ops ------------------------------------------------------------------------------------------


def op_index(by_category: dict[str, list[Op]]) -> str:
    """Return all ops by category, each with its first sentence, and the pages of the categories."""
    count = sum(len(ops) for ops in by_category.values())
    lines = [
        "# Ops",
        "",
        f"{count} ops by category. In Python each is a function, `nf.NAME`; in the window an",
        "entry of the panel *Ops*; `nodeflow ops NAME` prints the same text. A layer",
        "`layers/NAME` is `nf.layers.NAME`.",
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
    if op.explicit:
        yield from (
            f"In Python `nf.{op.call_name}`, with TensorFlow 1's defaults; those below are a",
            "new node's in the window.",
            "",
        )
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
    return f"op-{op.id.replace('_', '-').replace('/', '-')}"


# -- the command line -----------------------------------------------------------------------------


def command_line() -> str:
    """Return every command with its arguments and options, and the settings of a training."""
    lines = [
        "# Command line",
        "",
        "`nodeflow` opens the window, `nodeflow FILE` a graph in it. Every other command runs",
        "without a display. Exit status: 0 done, 1 a problem in graph, data, file or run, 2 wrong",
        "option syntax, 130 interrupted.",
        "",
        *_commands(COMMANDS, "nodeflow", 2),
        "## Training settings",
        "",
        "A `.flow` file stores them under `training`; `--set training.NAME=VALUE` changes one for",
        "a single call, and takes the names of nodes.",
        "",
        "| setting | type | default | option of `nodeflow train` | |",
        "| --- | --- | --- | --- | --- |",
        *(_setting(setting) for setting in declared(TrainingSettings)),
    ]
    return "\n".join(lines) + "\n"


def _commands(commands: Iterable[Command], prefix: str, level: int) -> Iterator[str]:
    for command in commands:
        name = f"{prefix} {command.name}"
        yield from (f"{'#' * level} `{name}`", "", _sentence(command.help), "")
        if command.options:
            yield from ("| argument | |", "| --- | --- |")
            yield from (_row(_argument(o), _sentence(o.help)) for o in command.options)
            yield ""
        yield from _commands(command.commands, name, level + 1)


def _argument(option: Option) -> str:
    """Return the flags of an option with its value, or the name of a positional argument."""
    choices = ",".join(option.settings.get("choices", ()))
    named = f"{{{choices}}}" if choices else option.flags[-1].strip("-").upper()
    value = option.settings.get("metavar", named)
    if not option.flags[0].startswith("-"):
        return f"`{value}`"
    takes_value = option.settings.get("action", "store") in ("store", "append")
    return ", ".join(f"`{flag} {value}`" if takes_value else f"`{flag}`" for flag in option.flags)


def _setting(setting: Setting) -> str:
    default = "none" if setting.default in (None, []) else f"`{json.dumps(setting.default)}`"
    option = _argument(setting_option(setting)) if setting.option else ""
    return _row(f"`{setting.name}`", setting.kind, default, option, setting.help)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


# -- data sources ---------------------------------------------------------------------------------


def data_sources() -> str:
    """Return every data source with its options, as attributes of the dataset node."""
    lines = [
        "# Data sources",
        "",
        "What a dataset node reads: its attribute `source` is one of the forms below, and the",
        "options are its other attributes. `nodeflow data show FILE` prints what a file holds, and",
        "`--dataset FILE` takes a file by its ending.",
        "",
        "A second file is encoded as the first was: types, categories, classes and what fills in",
        "for missing values are written into the document when the source is replaced. Its labels",
        "may be missing; `nodeflow run GRAPH --dataset FILE -o OUT.csv` predicts them.",
    ]
    for source in SOURCES.values():
        endings = ", ".join(f".{ending}" for ending in source.endings)
        read = f" Reads {endings}." if endings else ""
        lines += ["", f"## `{source.form}`", "", f"{source.title}: {source.doc}{read}"]
        if source.options:
            lines += ["", "| option | type | default | |", "| --- | --- | --- | --- |"]
            lines += [_row(f"`{a.name}`", _kind(a), _default(a), a.doc) for a in source.options]
    return "\n".join(lines) + "\n"


# -- rewrites -------------------------------------------------------------------------------------


def rewrites() -> str:
    """Return every rewrite of the compiled tier with its documentation, in the order they run."""
    lines = [
        "# Rewrites",
        "",
        "What the planner does to a graph before it runs. `--explain` lists what each rewrite did,",
        "`--without REWRITE` and `Session(without=[...])` switch one off. An exact rewrite changes",
        "no bit of any result; [Correctness](../../correctness.md) bounds what the others move.",
    ]
    for each in rewrites_in_order():
        names = "".join(f" `{alias}` switches it off, too." for alias in each.aliases)
        kind = "Exact." if each.exact else "Not exact."
        lines += ["", f"## `{each.id}`", "", each.text, "", f"{kind}{names}"]
    return "\n".join(lines) + "\n"


# -- lessons --------------------------------------------------------------------------------------


def lessons() -> str:
    """Return the lessons that come with the program, in their order."""
    entries = read_course(resource("lessons")).entries
    lines = [
        "# Lessons",
        "",
        f"{len(entries)} lessons lead from a first sum to attention. Each checks what you build.",
        "Choose one under *Learn* on the welcome page (*Help → Lessons…*).",
        "[Teaching](../../guides/teaching.md) describes courses, classes and own lessons.",
        "",
        "| lesson | what you do | minutes |",
        "| --- | --- | --- |",
    ]
    lines += [_row(f"{e.place}. {e.title}", e.summary, str(e.minutes)) for e in entries]
    return "\n".join(lines) + "\n"
