"""The commands about data, sweeps and runs, as data; `all_commands` lists them with the others."""

from __future__ import annotations

from nodeflow.cli.definition.options import (
    ALLOW_DATA,
    ANY_FILE,
    DATA_DIR,
    DATASET,
    FETCH,
    FILE,
    JSON,
    PLUGINS,
    READ_LIMIT,
    RUN,
    SEED,
    THREADS,
    TIER,
    Command,
    Option,
    option,
    whole_number,
)
from nodeflow.manifests import offers

DATA = Command(
    "data",
    "list, look at, locate and download data sets",
    "",
    parts=(
        Command(
            "list",
            "list the data sources",
            "nodeflow.cli.commands.information.data:list_sources",
            (JSON,),
        ),
        Command(
            "show",
            "print the columns of a data file: types, missing values, distributions",
            "nodeflow.cli.commands.information.data:show",
            (
                option("data", help="data file, or folder of pictures", metavar="FILE"),
                option(
                    "--rows",
                    help="read only the first N rows",
                    type=whole_number(1),
                    metavar="N",
                ),
                option(
                    "--check",
                    help="read every picture of a folder, and name those that are damaged",
                    action="store_true",
                ),
                READ_LIMIT,
                ANY_FILE,
                JSON,
            ),
        ),
        Command(
            "where",
            "list the folders that are searched for MNIST",
            "nodeflow.cli.commands.information.data:where",
            (DATA_DIR, JSON),
        ),
        Command(
            "fetch",
            "download a data set",
            "nodeflow.cli.commands.information.data:fetch",
            (
                option("name", help="data set to download, such as mnist", metavar="NAME"),
                option(
                    "--data-dir",
                    help="folder to download to (default: the cache folder)",
                    metavar="DIR",
                ),
                option(
                    "--mirror",
                    help="URL to download from instead of the default mirrors; may be repeated",
                    metavar="URL",
                    action="append",
                    default=[],
                    dest="mirrors",
                ),
            ),
        ),
    ),
)


def _sampler_options() -> tuple[Option, ...]:
    """Return the option that chooses the sampler of trials, with the samplers of integrations."""
    found = offers("sampler")
    known = ["grid tries every combination", "random draws"]
    known += [f"{each.name} {each.fields['help']}" for each in found]
    sampler = option(
        "--sampler",
        help=f"{', '.join(known)} (default: grid; random with --trials)",
        choices=("grid", "random", *(each.name for each in found)),
    )
    able = [each.label for each in found if each.fields.get("prunes")]
    if not able:
        return (sampler,)
    return sampler, option(
        "--prune",
        help=f"let {' or '.join(able)} end trials early whose epochs are worse than those of other "
        "trials",
        action="store_true",
    )


SWEEP = Command(
    "sweep",
    "train a graph with many values of its attributes and settings, and print the best",
    "nodeflow.cli.commands.training.sweep:sweep",
    (
        FILE,
        option(
            "--set",
            help="values to try: a list [1, 2, 3], a range 0.1..0.5, log:1e-4..1e-1 or int:1..8; "
            "a single value is set in all trials; may be repeated (default: those in the file)",
            metavar="NODE.ATTR=SPEC",
            action="append",
            default=[],
            dest="settings",
        ),
        option(
            "--trials",
            help="number of trials to draw (default: every combination)",
            type=whole_number(1),
            metavar="N",
        ),
        _sampler_options,
        option(
            "--parallel",
            help="number of trials that train at once and share the cores (default: 1)",
            type=whole_number(1),
            metavar="N",
        ),
        option(
            "--draw-seed",
            help="seed of the draws: the same one gives the same trials (default: 1)",
            type=int,
            metavar="N",
        ),
        option("--name", help="name of the sweep, which tags its runs", metavar="NAME"),
        option(
            "--epochs", help="number of epochs of each trial", type=whole_number(1), metavar="N"
        ),
        SEED,
        DATA_DIR,
        DATASET,
        ALLOW_DATA,
        TIER,
        THREADS,
        READ_LIMIT,
        ANY_FILE,
        PLUGINS,
        JSON,
    ),
)


def _run_files() -> tuple[Command, ...]:
    """Return the commands that write runs for other programs, and read files of other programs."""
    written = (
        Command(
            each.name,
            each.fields["help"],
            "nodeflow.cli.commands.training.runs:write_files",
            (
                option("runs", help="runs to write", metavar="RUN", nargs="+"),
                option("-o", "--output", help=each.fields["folder"], metavar="DIR", required=True),
                JSON,
            ),
        )
        for each in offers("run_files")
    )
    read = (
        Command(
            each.name,
            each.fields["help"],
            "nodeflow.cli.commands.training.runs:import_runs",
            (option("folder", help=each.fields["folder"], metavar="DIR"), READ_LIMIT, JSON),
        )
        for each in offers("run_import")
    )
    return *written, *read


RUNS = Command(
    "runs",
    "list, look at, compare, export, import and delete trainings that were kept",
    "",
    parts=(
        Command(
            "list",
            "list the runs, newest first",
            "nodeflow.cli.commands.training.runs:list_runs",
            (
                option("--of", help="only the runs of this .flow file", metavar="FILE"),
                option("--most", help="maximum number of runs", type=whole_number(1), metavar="N"),
                JSON,
            ),
        ),
        Command(
            "show",
            "print everything known about a run",
            "nodeflow.cli.commands.training.runs:show",
            (RUN, JSON),
        ),
        Command(
            "curves",
            "print the loss of every step and the metrics of every epoch as CSV",
            "nodeflow.cli.commands.training.runs:curves",
            (RUN, option("--csv", help="file to write instead", metavar="FILE"), JSON),
        ),
        Command(
            "at",
            "compute a step of a run again and print its tensors: variables from before the "
            "step, its batch, gradients",
            "nodeflow.cli.commands.training.runs:at",
            (
                RUN,
                option("step", help="counted from 1", type=whole_number(1), metavar="STEP"),
                FETCH,
                DATA_DIR,
                ALLOW_DATA,
                THREADS,
                READ_LIMIT,
                ANY_FILE,
                JSON,
            ),
        ),
        Command(
            "diff",
            "print why two runs differ: the last common step, their edits since then, and their "
            "differences at the end; exit status 1 if there are any",
            "nodeflow.cli.commands.training.runs:diff",
            (
                option("before", help="a run", metavar="A"),
                option("after", help="another run", metavar="B"),
                JSON,
            ),
        ),
        Command(
            "export",
            "write a run to a folder: run.json, curves.csv, graph.flow, tables and weights",
            "nodeflow.cli.commands.training.runs:export_run",
            (
                RUN,
                option("-o", "--output", help="folder to create", metavar="DIR", required=True),
                JSON,
            ),
        ),
        _run_files,
        Command(
            "delete",
            "delete runs with their curves and weights",
            "nodeflow.cli.commands.training.runs:delete",
            (option("runs", help="runs to delete", metavar="RUN", nargs="+"), JSON),
        ),
        Command(
            "limit",
            "print or set how much all runs may take on disk (default: 2GB)",
            "nodeflow.cli.commands.training.runs:show_limit",
            (option("size", help="such as 500MB", metavar="SIZE", nargs="?"), JSON),
        ),
    ),
)
