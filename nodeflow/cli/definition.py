"""The command line as data: commands, options and their help; the parser derives from it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from nodeflow.train.settings import Setting, TrainingSettings, declared


@dataclass(frozen=True)
class Option:
    """One argument: ``flags`` starting with ``--`` make an option, else it is positional."""

    flags: tuple[str, ...]
    help: str
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Command:
    """A subcommand; ``handler`` is ``module:function``, imported only when it runs."""

    name: str
    help: str
    handler: str
    options: tuple[Option, ...] = ()
    commands: tuple[Command, ...] = ()


def option(*flags: str, help: str, **settings: Any) -> Option:
    return Option(flags, help, settings)


def whole_number(least: float | None = None) -> Callable[[str], int]:
    """An argument type: a whole number of at least ``least``."""

    def parse(text: str) -> int:
        value = int(text)
        if least is not None and value < least:
            raise argparse.ArgumentTypeError(f"must be at least {least:g}, not {value}")
        return value

    parse.__name__ = "whole number"  # argparse names the type of a text that int() refuses
    return parse


def setting_option(setting: Setting) -> Option:
    """The option of ``nodeflow train`` for a training setting; its value is given as text."""
    name = setting.name.replace("_", "-")
    help = setting.help[0].lower() + setting.help[1:].removesuffix(".")
    if setting.kind == "bool":
        flag, value = (f"--no-{name}", "false") if setting.default else (f"--{name}", "true")
        return option(flag, help=help, action="store_const", const=value, dest=setting.name)
    if setting.kind == "int":
        return option(f"--{name}", help=help, type=whole_number(setting.minimum), metavar="N")
    if setting.kind == "float":
        return option(f"--{name}", help=help, type=float, metavar="X")
    return option(f"--{name}", help=help, metavar="[SPLIT/]NODE")


FILE = option("file", help="a .flow file", metavar="FILE")
JSON = option("--json", help="print JSON on standard output", action="store_true")
SET = option(
    "--set",
    help="change an attribute before running (VALUE is JSON, or a plain string); also "
    "training.epochs and the like; may be repeated",
    metavar="NODE.ATTR=VALUE",
    action="append",
    default=[],
    dest="settings",
)
FEED = option(
    "--feed",
    help="value of a placeholder: JSON, @x.npy, @x.npz:KEY, @x.csv or @digit.png; may be repeated",
    metavar="NAME=VALUE",
    action="append",
    default=[],
    dest="feeds",
)
FETCH = option(
    "--fetch",
    help="name of a node or output to compute; may be repeated (default: what nothing consumes)",
    metavar="NAME",
    action="append",
    default=[],
    dest="fetches",
)
SPLIT = option(
    "--split",
    help="rows that data sets feed from (default: test)",
    choices=("train", "validation", "test"),
    default="test",
)
INVERT = option("--invert", help="fed pictures are dark on light", action="store_true")
SEED = option("--seed", help="seed of the run", type=int, metavar="N")
DATA_DIR = option("--data-dir", help="folder with the data set's files", metavar="DIR")
DATASET = option(
    "--dataset",
    help="use another source: SOURCE, or NODE=SOURCE where the graph has several",
    metavar="SOURCE",
    action="append",
    default=[],
    dest="datasets",
)
TIER = option(
    "--tier",
    help="how to compute: compiled (default), reference (numpy), or auto (start on reference, "
    "switch when compiled)",
    choices=("auto", "reference", "compiled"),
    default="compiled",
)
THREADS = option("--threads", help="number of threads", type=whole_number(1), metavar="N")
WITHOUT = option(
    "--without",
    help="compile without one of the rewrites that --explain tells of, such as fuse or share; may "
    "be repeated",
    metavar="REWRITE",
    action="append",
    default=[],
)
PROFILE = option(
    "--profile",
    help="write a Chrome trace of the compiled run, or of a few training steps (per kernel: nodes, "
    "thread, bytes), that Perfetto opens",
    metavar="OUT.json",
)
EXPLAIN = option(
    "--explain",
    help="print the optimised plan (of a training step) and the generated code instead of running",
    action="store_true",
)
PLUGINS = option("--plugins", help="folder with ops of your own", metavar="DIR")
INIT = option("--init", help="ignore saved weights", action="store_true")

COMMANDS = (
    Command(
        "run",
        "compute tensors of a graph and print them",
        "nodeflow.cli.run:run",
        (
            FILE,
            FETCH,
            FEED,
            INVERT,
            SET,
            SEED,
            DATA_DIR,
            DATASET,
            SPLIT,
            INIT,
            TIER,
            THREADS,
            WITHOUT,
            PROFILE,
            PLUGINS,
            EXPLAIN,
            JSON,
        ),
    ),
    Command(
        "bench",
        "time a graph: one run of it, and training steps if it is trained",
        "nodeflow.cli.bench:bench",
        (
            FILE,
            FETCH,
            option(
                "--seconds",
                help="how long to measure each (default: 2)",
                type=float,
                default=2.0,
                metavar="S",
            ),
            FEED,
            INVERT,
            SET,
            SEED,
            DATA_DIR,
            DATASET,
            SPLIT,
            INIT,
            TIER,
            THREADS,
            WITHOUT,
            PLUGINS,
            JSON,
        ),
    ),
    Command(
        "train",
        "train a graph and report loss and metrics",
        "nodeflow.cli.train:train",
        (
            FILE,
            *(setting_option(s) for s in declared(TrainingSettings) if s.option),
            DATA_DIR,
            DATASET,
            FEED,
            INVERT,
            SET,
            option("--save-weights", help="write the trained variables to F", metavar="F"),
            PROFILE,
            INIT,
            TIER,
            THREADS,
            WITHOUT,
            PLUGINS,
            EXPLAIN,
            JSON,
        ),
    ),
    Command(
        "check",
        "list every problem of graphs, with node and port",
        "nodeflow.cli.check:check",
        (option("files", help=".flow files", metavar="FILE", nargs="+"), SET, PLUGINS, JSON),
    ),
    Command(
        "ops",
        "the op reference",
        "nodeflow.cli.ops:ops",
        (option("name", help="one op in full", metavar="NAME", nargs="?"), PLUGINS, JSON),
    ),
    Command(
        "render",
        "draw a graph as a picture",
        "nodeflow.cli.render:render",
        (
            FILE,
            option("-o", "--output", help="OUT.png, .svg or .pdf", metavar="OUT", required=True),
            option("--scale", help="pixels a unit (default: 2)", type=float, default=2.0),
            option("--theme", help="light or dark", choices=("light", "dark"), default="light"),
            option("--values", help="compute the graph and show values", action="store_true"),
            SET,
            PLUGINS,
        ),
    ),
    Command(
        "data",
        "data sets: what there is, where it is, and fetching it",
        "",
        commands=(
            Command("list", "the data sources", "nodeflow.cli.data:list_sources", (JSON,)),
            Command(
                "where", "where data is looked for", "nodeflow.cli.data:where", (DATA_DIR, JSON)
            ),
            Command(
                "fetch",
                "download a data set",
                "nodeflow.cli.data:fetch",
                (
                    option("name", help="data set, such as mnist", metavar="NAME"),
                    DATA_DIR,
                    option(
                        "--mirror",
                        help="fetch from this address instead of the usual mirrors",
                        metavar="URL",
                        action="append",
                        default=[],
                        dest="mirrors",
                    ),
                ),
            ),
        ),
    ),
    Command(
        "doctor",
        "versions, threads, BLAS, cache, display: what a bug report needs",
        "nodeflow.cli.doctor:doctor",
        (JSON,),
    ),
)


def build_parser() -> argparse.ArgumentParser:
    """The parser for ``nodeflow COMMAND ...``."""
    parser = argparse.ArgumentParser(
        prog="nodeflow",
        description="Build tensor dataflow graphs by wiring, watch them compute, train them.",
        epilog="nodeflow [FILE] without a command opens the window.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    _add_commands(parser, COMMANDS, "command")
    return parser


def _add_commands(
    parser: argparse.ArgumentParser, commands: tuple[Command, ...], dest: str
) -> None:
    children = parser.add_subparsers(dest=dest, metavar="COMMAND", required=dest != "command")
    for command in commands:
        child = children.add_parser(
            command.name, help=command.help, description=command.help, allow_abbrev=False
        )
        for item in command.options:
            child.add_argument(*item.flags, help=item.help, **item.settings)
        if command.commands:
            _add_commands(child, command.commands, f"{dest}_{command.name}")
        else:
            child.set_defaults(handler=command.handler)


COMMAND_NAMES = tuple(c.name for c in COMMANDS)
