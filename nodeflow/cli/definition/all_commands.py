"""The command line as data: commands, options and their help.

The parser (`build_parser`) and the reference (``tools/make_reference.py``) derive from it. To add a
command, add an entry to `COMMANDS` and the module with its function.
"""

from __future__ import annotations

import argparse

from nodeflow.cli.definition.exchange_commands import (
    COMPARE,
    EXPORT,
    IMPORT,
    MODEL,
    OPEN_PROGRAM,
    VERIFY,
)
from nodeflow.cli.definition.lesson_commands import GRADE, LESSON
from nodeflow.cli.definition.options import (
    ALLOW_DATA,
    ANY_FILE,
    DATA_DIR,
    DATASET,
    EXPLAIN,
    FEED,
    FETCH,
    FILE,
    INIT,
    INPUTS,
    INVERT,
    JSON,
    MEMORY,
    OUTPUT,
    PLUGINS,
    PREPARE,
    PROFILE,
    READ_LIMIT,
    SEED,
    SET,
    THREADS,
    TIER,
    WEIGHTS,
    WITHOUT,
    Command,
    backend_options,
    option,
    processes_options,
    training_file_options,
    training_options,
    whole_number,
)
from nodeflow.cli.definition.run_commands import DATA, RUNS, SWEEP
from nodeflow.manifests import offers

ALL_COMMANDS = (
    Command(
        "run",
        "compute tensors of a graph and print them",
        "nodeflow.cli.commands.computation.run:run",
        (
            FILE,
            FETCH,
            *INPUTS,
            OUTPUT,
            WEIGHTS,
            INIT,
            backend_options,
            TIER,
            THREADS,
            MEMORY,
            WITHOUT,
            PROFILE,
            READ_LIMIT,
            ANY_FILE,
            PLUGINS,
            EXPLAIN,
            JSON,
        ),
    ),
    Command(
        "generate",
        "write text token by token with a trained graph",
        "nodeflow.cli.commands.computation.generate:generate",
        (
            FILE,
            option("--node", help="the node Generate (default: the only one)", metavar="NAME"),
            option("--prompt", help="text to continue (default: that of the node)", metavar="TEXT"),
            option(
                "--length",
                help="number of tokens to write (default: that of the node)",
                type=whole_number(1),
                metavar="N",
            ),
            option(
                "--seed",
                help="seed of the draws: the same one gives the same text (default: that of the "
                "node)",
                type=int,
                metavar="N",
            ),
            FEED,
            INVERT,
            PREPARE,
            SET,
            DATA_DIR,
            DATASET,
            ALLOW_DATA,
            WEIGHTS,
            INIT,
            READ_LIMIT,
            ANY_FILE,
            PLUGINS,
            JSON,
        ),
    ),
    Command(
        "bench",
        "measure the time of a run, and of a training step if the graph has an optimizer",
        "nodeflow.cli.commands.computation.bench:bench",
        (
            FILE,
            FETCH,
            option(
                "--seconds",
                help="duration of each measurement (default: 2)",
                type=float,
                default=2.0,
                metavar="S",
            ),
            *INPUTS,
            WEIGHTS,
            INIT,
            backend_options,
            TIER,
            THREADS,
            WITHOUT,
            READ_LIMIT,
            ANY_FILE,
            PLUGINS,
            JSON,
        ),
    ),
    Command(
        "train",
        "train a graph and print its loss and metrics",
        "nodeflow.cli.commands.training.train:train",
        (
            FILE,
            training_options,
            DATA_DIR,
            DATASET,
            ALLOW_DATA,
            FEED,
            INVERT,
            PREPARE,
            SET,
            option(
                "--save-weights", help="write the trained variables to this file", metavar="OUT"
            ),
            option(
                "--checkpoint",
                help="save checkpoints of the training in this folder: while it runs, at its end, "
                "and when it is stopped",
                metavar="DIR",
            ),
            option(
                "--every",
                help="write a checkpoint every so many steps (500) or seconds (30s) (default: 60s)",
                metavar="STEPS|SECONDSs",
            ),
            option(
                "--keep",
                help="number of newest checkpoints to keep; 0 keeps all (default: 3)",
                type=whole_number(0),
                metavar="N",
            ),
            option(
                "--resume",
                help="resume from the newest checkpoint in this folder, from this checkpoint, or "
                "from that of a run; the losses are bit for bit the same as without the "
                "interruption",
                metavar="DIR|RUN",
            ),
            option(
                "--resume-changed",
                help="resume even if graph, data, settings or machine have changed",
                action="store_true",
            ),
            option("--run-name", help="name of the run (default: file and time)", metavar="NAME"),
            option("--no-run", help="do not keep the training as a run", action="store_true"),
            training_file_options,
            PROFILE,
            WEIGHTS,
            INIT,
            backend_options,
            processes_options,
            TIER,
            THREADS,
            MEMORY,
            WITHOUT,
            READ_LIMIT,
            ANY_FILE,
            PLUGINS,
            EXPLAIN,
            JSON,
        ),
    ),
    Command(
        "new",
        "make a graph that learns from a data file",
        "nodeflow.cli.commands.models.new:new",
        (
            option("data", help="data file, or folder of pictures", metavar="DATA"),
            option(
                "-o",
                "--output",
                help="file to write (default: the name of the data, with .flow)",
                metavar="OUT.flow",
            ),
            option("--label", help="column to predict (default: guessed)", metavar="COLUMN"),
            option(
                "--starter",
                help="task of the graph (default: guessed from the data)",
                choices=("classify", "regress", "pictures", "series", "text"),
            ),
            option("--force", help="overwrite the file", action="store_true"),
            READ_LIMIT,
            ANY_FILE,
            JSON,
        ),
    ),
    IMPORT,
    OPEN_PROGRAM,
    EXPORT,
    VERIFY,
    COMPARE,
    MODEL,
    Command(
        "check",
        "list all problems of one or more graphs, with node and port",
        "nodeflow.cli.commands.verification.check:check",
        (
            option("files", help="the .flow files", metavar="FILE", nargs="+"),
            SET,
            ALLOW_DATA,
            READ_LIMIT,
            ANY_FILE,
            PLUGINS,
            JSON,
        ),
    ),
    Command(
        "check-gradients",
        "compare the gradients of nodes with finite differences; exit status 1 if one is wrong",
        "nodeflow.cli.commands.verification.check_gradients:check_gradients",
        (
            FILE,
            option(
                "--node",
                help="node to check (default: all with a gradient); may be repeated",
                metavar="NAME",
                action="append",
                default=[],
                dest="nodes",
            ),
            FEED,
            INVERT,
            PREPARE,
            SET,
            SEED,
            DATA_DIR,
            DATASET,
            ALLOW_DATA,
            WEIGHTS,
            INIT,
            READ_LIMIT,
            ANY_FILE,
            PLUGINS,
            JSON,
        ),
    ),
    Command(
        "diff",
        "print the differences between two graphs; exit status 1 if there are any",
        "nodeflow.cli.commands.versions.diff:diff",
        (
            option("before", help="the .flow file before", metavar="A.flow"),
            option("after", help="the .flow file after", metavar="B.flow"),
            option("rest", help=argparse.SUPPRESS, metavar="GIT", nargs="*"),
            option(
                "--layout",
                help="also compare the positions of nodes and frames",
                action="store_true",
            ),
            option(
                "--git",
                help="take the arguments that git gives an external diff, and exit with 0",
                action="store_true",
            ),
            READ_LIMIT,
            ANY_FILE,
            JSON,
        ),
    ),
    Command(
        "merge",
        "merge the changes of two graphs since their common ancestor; exit status 1 if some "
        "conflict",
        "nodeflow.cli.commands.versions.merge:merge",
        (
            option("base", help="the .flow file of the common ancestor", metavar="BASE"),
            option("ours", help="the .flow file with our changes", metavar="OURS"),
            option("theirs", help="the .flow file with their changes", metavar="THEIRS"),
            option("-o", "--output", help="file to write", metavar="OUT", required=True),
            READ_LIMIT,
            ANY_FILE,
            JSON,
        ),
    ),
    Command(
        "resolve",
        "list or decide the conflicts that a merge left in a graph; exit status 1 if any is left",
        "nodeflow.cli.commands.versions.resolve:resolve",
        (
            FILE,
            option(
                "places",
                help="conflicts to decide, as listed, or nodes (default: all)",
                metavar="PLACE",
                nargs="*",
            ),
            option(
                "--keep",
                help="the side to keep; current: what the file has now",
                choices=("ours", "theirs", "base", "current"),
            ),
            option("-o", "--output", help="file to write (default: FILE)", metavar="OUT"),
            READ_LIMIT,
            ANY_FILE,
            JSON,
        ),
    ),
    Command(
        "ops",
        "list all ops, or describe one",
        "nodeflow.cli.commands.information.ops:ops",
        (option("name", help="op to describe", metavar="NAME", nargs="?"), PLUGINS, JSON),
    ),
    Command(
        "render",
        "draw a graph as PNG, SVG, PDF or a web page",
        "nodeflow.cli.commands.computation.render:render",
        (
            FILE,
            option(
                "-o",
                "--output",
                help="file to write: OUT.png, OUT.svg, OUT.pdf or OUT.html",
                metavar="OUT",
                required=True,
            ),
            option(
                "--scale", help="pixels per unit (default: 2)", type=float, default=2.0, metavar="X"
            ),
            option(
                "--theme",
                help="colour theme (default: light; on a page, the reader's)",
                choices=("light", "dark"),
            ),
            option("--values", help="compute the graph and show its values", action="store_true"),
            option(
                "--run",
                help="on a page: show a run of the graph as a recording of up to 60 steps",
                metavar="RUN",
            ),
            SET,
            ALLOW_DATA,
            READ_LIMIT,
            ANY_FILE,
            PLUGINS,
        ),
    ),
    DATA,
    SWEEP,
    LESSON,
    GRADE,
    RUNS,
    Command(
        "doctor",
        "print versions, threads, BLAS, cache and display for a bug report, or write one",
        "nodeflow.cli.commands.information.doctor:doctor",
        (
            option(
                "--bundle",
                help="write a report to attach to a problem: versions, settings, errors in the "
                "log; no data, no graph; names of home, user and host are replaced",
                metavar="FILE.zip",
            ),
            option(
                "--with",
                help="put this file into the report, as it is (several times: several files)",
                metavar="FILE",
                dest="files",
                action="append",
                default=[],
            ),
            READ_LIMIT,
            ANY_FILE,
            JSON,
        ),
    ),
    Command(
        "install-desktop",
        "put nodeflow into the menu of programs (Linux), and open .flow files by double click",
        "nodeflow.cli.commands.information.install_desktop:install_desktop",
        (option("--remove", help="take nodeflow out of the menu again", action="store_true"),),
    ),
)

COMMANDS = tuple(each for each in ALL_COMMANDS if not each.purpose or offers(each.purpose))
"""The commands that are here: those without a purpose, and those that integrations make useful."""


def build_parser(only: str | None = None) -> argparse.ArgumentParser:
    """Return the parser for ``nodeflow COMMAND ...``.

    Args:
        only: the command whose options are needed, by its first argument; None for all.
    """
    parser = argparse.ArgumentParser(
        prog="nodeflow",
        description="Build tensor dataflow graphs in a node editor, run them and train them.",
        epilog="Without a command, nodeflow [FILE] opens the window.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    parser.add_argument(
        "--safe", action="store_true", help="open the window without your own ops: --safe [FILE]"
    )
    _add_commands(parser, COMMANDS, "command", only)
    return parser


def _add_commands(
    parser: argparse.ArgumentParser,
    commands: tuple[Command, ...],
    dest: str,
    only: str | None = None,
) -> None:
    children = parser.add_subparsers(dest=dest, metavar="COMMAND", required=dest != "command")
    for command in commands:
        child = children.add_parser(
            command.name, help=command.help, description=command.help, allow_abbrev=False
        )
        if only not in (None, command.name):
            continue
        for item in command.options:
            child.add_argument(*item.flags, help=item.help, **item.settings)
        if command.commands:
            _add_commands(child, command.commands, f"{dest}_{command.name}")
        else:
            child.set_defaults(handler=command.handler)


COMMAND_NAMES = tuple(c.name for c in COMMANDS)
