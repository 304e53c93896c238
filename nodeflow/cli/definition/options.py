"""Arguments of commands as data, and options that several commands share."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nodeflow.manifests import offers

if TYPE_CHECKING:
    from nodeflow.train.settings import Setting


@dataclass(frozen=True)
class Option:
    """An argument of a command: an option if its flags start with ``-``, else positional."""

    flags: tuple[str, ...]
    help: str
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Command:
    """A command, or a group of ``commands``.

    Attributes:
        handler: ``module:function``; the module is imported when the command runs.
        listed: its options; a function in place of an option returns several when they are needed.
        purpose: the purpose for which an integration must have an offer; empty if it needs none.
    """

    name: str
    help: str
    handler: str
    listed: tuple[Option | Callable[[], tuple[Option, ...]], ...] = ()
    parts: tuple[Command | Callable[[], tuple[Command, ...]], ...] = ()
    purpose: str = ""

    @property
    def commands(self) -> tuple[Command, ...]:
        """The commands of a group, in order."""
        found = ((one,) if isinstance(one, Command) else one() for one in self.parts)
        return tuple(command for some in found for command in some)

    @property
    def options(self) -> tuple[Option, ...]:
        """Return all options, in order."""
        found = ((one,) if isinstance(one, Option) else one() for one in self.listed)
        return tuple(option for some in found for option in some)


def option(*flags: str, help: str, **settings: Any) -> Option:
    return Option(flags, help, settings)


def whole_number(least: float | None = None) -> Callable[[str], int]:
    """Return an argument type: a whole number of at least ``least``."""

    def parse(text: str) -> int:
        value = int(text)
        if least is not None and value < least:
            raise argparse.ArgumentTypeError(f"must be at least {least:g}, not {value}")
        return value

    parse.__name__ = "whole number"  # argparse shows this name if int() refuses a text
    return parse


def positive_number(text: str) -> float:
    """Parse an argument: a finite number above 0."""
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be above 0, not {text}")
    return value


def size_in_bytes(text: str) -> int:
    """Parse an argument: a number of bytes such as 800MB."""
    from nodeflow.file_reading import parse_bytes

    try:
        return parse_bytes(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def training_options() -> tuple[Option, ...]:
    """Return the command-line options for training settings, one for each setting that declares
    one.
    """
    from nodeflow.train.settings import TrainingSettings, declared

    return tuple(setting_option(s) for s in declared(TrainingSettings) if s.option)


def training_file_options() -> tuple[Option, ...]:
    """Return an option for each kind of files that a training can write for another program."""
    return tuple(
        option(f"--{each.name}", help=each.fields["help"], metavar="DIR")
        for each in offers("training_files")
    )


def setting_option(setting: Setting) -> Option:
    """Return the option of ``nodeflow train`` for a training setting; its value is parsed later."""
    name = setting.name.replace("_", "-")
    help = setting.help[0].lower() + setting.help[1:].removesuffix(".")
    if setting.kind == "bool":
        flag, value = (f"--no-{name}", "false") if setting.default else (f"--{name}", "true")
        return option(flag, help=help, action="store_const", const=value, dest=setting.name)
    if setting.kind == "int":
        return option(f"--{name}", help=help, type=whole_number(setting.minimum), metavar="N")
    if setting.kind == "float":
        return option(f"--{name}", help=help, type=float, metavar="X")
    if setting.kind == "schedule":
        return option(f"--{name}", help=help, metavar="NODE*N,...")
    return option(f"--{name}", help=help, metavar="[SPLIT/]NODE")


def backend_options() -> tuple[Option, ...]:
    """Return the option that chooses the backend, with the backends of integrations."""
    from nodeflow.engine.backend import NUMBA, backends
    from nodeflow.manifests import offers

    others = "".join(f"; or {each.name}, {each.fields['help']}" for each in offers("backend"))
    help = f"backend: {NUMBA} (default), nodeflow's own engine{others}"
    return (option("--backend", help=help, choices=backends(), default=NUMBA),)


def processes_options() -> tuple[Option, ...]:
    """Return the options for training in several processes, which integrations offer."""
    from nodeflow.manifests import offers

    described = (each.fields["options"].items() for each in offers("processes"))
    return tuple(offered_option(flag, about) for some in described for flag, about in some)


def offered_option(flag: str, about: Mapping[str, Any]) -> Option:
    """Return a command-line option that an integration's manifest declares.

    Args:
        about: its help text, metavar, and optionally the smallest whole number (``least``).
    """
    settings = {} if about.get("least") is None else {"type": whole_number(about["least"])}
    return option(flag, help=about["help"], metavar=about["metavar"], **settings)


FILE = option("file", help="the .flow file", metavar="FILE")
JSON = option("--json", help="print JSON", action="store_true")
SET = option(
    "--set",
    help="set an attribute of a node, or a training setting such as training.epochs; VALUE is JSON "
    "or plain text; may be repeated",
    metavar="NODE.ATTR=VALUE",
    action="append",
    default=[],
    dest="settings",
)
FEED = option(
    "--feed",
    help="feed a placeholder: JSON, @x.npy, @x.npz:KEY, @x.csv or @digit.png; may be repeated",
    metavar="NAME=VALUE",
    action="append",
    default=[],
    dest="feeds",
)
FETCH = option(
    "--fetch",
    help="node or output to compute; may be repeated (default: all that no other node uses)",
    metavar="NAME",
    action="append",
    default=[],
    dest="fetches",
)
SPLIT = option(
    "--split",
    help="split of the data sets to feed (default: test)",
    choices=("train", "validation", "test"),
)
INVERT = option("--invert", help="invert fed pictures: for dark on light", action="store_true")
PREPARE = option(
    "--prepare",
    help="how fed pictures are prepared: plain (default) resizes them; mnist fits a digit into "
    "20 of 28 pixels, light on dark, with its centre of mass in the middle, as MNIST did",
    choices=("plain", "mnist"),
    default="plain",
)
SEED = option(
    "--seed", help="random seed (default: the training seed of the graph)", type=int, metavar="N"
)
DATA_DIR = option("--data-dir", help="folder with the files of the data set", metavar="DIR")
DATASET = option(
    "--dataset",
    help="use another data source: SOURCE or a file, or NODE=SOURCE if the graph has several data "
    "sets; may be repeated",
    metavar="SOURCE",
    action="append",
    default=[],
    dest="datasets",
)
ALLOW_DATA = option(
    "--allow-data",
    help="let the graph read this file or folder, which lies outside its own folder; may be "
    "repeated",
    metavar="PATH",
    action="append",
    default=[],
    dest="allowed_data",
)
OUTPUT = option(
    "-o",
    "--output",
    help="compute all rows of the data, and write them to this file: OUT.csv or OUT.tsv with the "
    "columns of the data and the predictions, OUT.npy or OUT.npz with arrays",
    metavar="OUT",
)
TIER = option(
    "--tier",
    help="execution tier: compiled (default), reference (numpy), or auto (reference until the "
    "compiled code is ready)",
    choices=("auto", "reference", "compiled"),
    default="compiled",
)
THREADS = option("--threads", help="number of threads", type=whole_number(1), metavar="N")
MEMORY = option(
    "--memory",
    help="memory limit for the values of a run or training step, such as 400MB; to stay below it, "
    "values are computed again instead of kept, and training steps of many rows run in blocks "
    "(default: all free memory)",
    type=size_in_bytes,
    metavar="LIMIT",
)
WITHOUT = option(
    "--without",
    help="disable an optimization pass (listed by --explain); may be repeated",
    metavar="PASS",
    action="append",
    default=[],
)
PROFILE = option(
    "--profile",
    help="write a Chrome trace of the compiled run, or of a few training steps, with the nodes, "
    "thread and bytes of each kernel; Perfetto opens it",
    metavar="OUT.json",
)
EXPLAIN = option(
    "--explain",
    help="print the optimized plan and the generated code instead of running",
    action="store_true",
)
PLUGINS = option("--plugins", help="folder with your own ops", metavar="DIR")
WEIGHTS = option(
    "--weights",
    help="start from the variables in this file (default: the weights that the graph names)",
    metavar="FILE.safetensors",
)
READ_LIMIT = option(
    "--read-limit",
    help="memory that reading one file may take, such as 16GB (default: half of the memory)",
    type=size_in_bytes,
    metavar="SIZE",
)
ANY_FILE = option(
    "--any-file",
    help="read pipes, devices and files of the system as well, up to the limit",
    action="store_true",
)
INIT = option("--init", help="ignore the saved weights", action="store_true")
INPUTS = (FEED, INVERT, PREPARE, SET, SEED, DATA_DIR, DATASET, ALLOW_DATA, SPLIT)
"""What a run outside a training computes with."""

RUN = option(
    "run", help="a run: its id, a unique beginning of that, its name, or latest", metavar="RUN"
)
