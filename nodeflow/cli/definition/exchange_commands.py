"""The commands for files and programs of other software, as data.

Integrations offer the formats and programs.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from nodeflow.cli.definition.options import (
    ALLOW_DATA,
    ANY_FILE,
    DATA_DIR,
    DATASET,
    FETCH,
    FILE,
    INIT,
    INPUTS,
    JSON,
    PLUGINS,
    READ_LIMIT,
    SEED,
    SET,
    THREADS,
    TIER,
    WEIGHTS,
    WITHOUT,
    Command,
    Option,
    offered_option,
    option,
    positive_number,
)
from nodeflow.manifests import offers


def _export_help() -> str:
    """Return the help of ``nodeflow export``."""
    made = [f"inference as {each.label}" for each in offers("exporter")]
    if offers("code"):
        made.append("stand-alone code that runs and trains it, with its weights")
    document = "Python code that builds it with nodeflow"
    return f"export a graph: {', or '.join(made)}{'; or ' if made else ''}{document}"


def _export_options() -> tuple[Option, ...]:
    """Return the option for the target of an export, and the options that only some targets
    have.
    """
    exporters = offers("exporter")
    target = option(
        "--to",
        help="target of the export",
        choices=(*(each.name for each in (*exporters, *offers("code"))), "nodeflow"),
        required=True,
    )
    own = (item for each in exporters for item in each.fields.get("options", {}).items())
    return target, *(offered_option(flag, about) for flag, about in own)


def _model_option() -> tuple[Option, ...]:
    """Return the argument for the file to import."""
    endings = [ending for each in offers("importer") for ending in each.fields["endings"]]
    help = f"the {' or '.join(endings)} file"
    return (option("model", help=help, metavar=f"FILE{'|'.join(endings)}"),)


def _verified_option() -> tuple[Option, ...]:
    """Return the argument for the graph or model to verify."""
    endings = [ending for each in offers("model_checks") for ending in each.fields["endings"]]
    names = " or ".join([".flow", *endings])
    return (option("file", help=f"the {names} file", metavar="FILE"),)


def _against_options() -> tuple[Option, ...]:
    """Return the option that chooses the program of a comparison."""
    found = offers("peer")
    default = next((each for each in found if each.fields.get("is_default")), found[0])
    help = f"the program (default: {default.name}, {default.fields['help']})"
    names = tuple(each.name for each in found)
    return (option("--against", help=help, choices=names, default=default.name),)


IMPORT = Command(
    "import",
    "import a model of another program: "
    + " or ".join(each.fields["help"] for each in offers("importer")),
    "nodeflow.cli.commands.models.import_model:import_model",
    (
        _model_option,
        option(
            "-o",
            "--output",
            help="file to write, its weights beside it (default: the name of the model, with "
            ".flow)",
            metavar="OUT.flow",
        ),
        option(
            "--trainable",
            help="let a training change the weights (default: they are frozen)",
            action="store_true",
        ),
        option("--force", help="overwrite the file and its weights", action="store_true"),
        READ_LIMIT,
        ANY_FILE,
        JSON,
    ),
    purpose="importer",
)


OPEN_PROGRAM = Command(
    "open-program",
    "run a Python program, and open the window with the graph that it left: a program for "
    + " or ".join(each.fields["help"] for each in offers("program")),
    "nodeflow.cli.commands.models.open_program:open_program",
    (
        option("program", help="the program; it runs with your rights", metavar="FILE.py"),
        option(
            "arguments",
            help="the program's own arguments",
            metavar="ARGUMENT",
            nargs=argparse.REMAINDER,
        ),
    ),
    purpose="program",
)


EXPORT = Command(
    "export",
    _export_help(),
    "nodeflow.cli.commands.models.export_model:export_graph",
    (
        FILE,
        _export_options,
        option(
            "-o",
            "--output",
            help="file, or folder for code (default: the name of the graph, with the ending "
            "of such files, or with -nodeflow and the like)",
            metavar="OUT",
        ),
        option(
            "--fetch",
            help="node or output that the model or the code predicts; may be repeated "
            "(default: outputs without consumers; for a graph that trains, the predictions "
            "that need no labels)",
            metavar="NAME",
            action="append",
            default=[],
            dest="fetches",
        ),
        SET,
        SEED,
        DATA_DIR,
        DATASET,
        ALLOW_DATA,
        WEIGHTS,
        INIT,
        TIER,
        THREADS,
        WITHOUT,
        READ_LIMIT,
        ANY_FILE,
        PLUGINS,
        JSON,
    ),
)


SAMPLES = option(
    "--samples",
    help="folder of samples of a model: .npz files with an array per input, or .npy files for a "
    "single input (default: random numbers)",
    metavar="DIR",
)


VERIFY = Command(
    "verify",
    "compare every value of a graph or a model with what another program computes",
    "nodeflow.cli.commands.verification.verify:verify",
    (
        _verified_option,
        _against_options,
        SAMPLES,
        FETCH,
        *INPUTS,
        WEIGHTS,
        INIT,
        TIER,
        THREADS,
        WITHOUT,
        READ_LIMIT,
        ANY_FILE,
        PLUGINS,
        JSON,
    ),
    purpose="peer",
)


def _values_option() -> tuple[Option, ...]:
    """Return the option that chooses the program that computes two models."""
    names = tuple(name for each in offers("model_checks") for name in each.fields["values"])
    help = f"the program that computes both (default: {names[0]})"
    return (option("--values", help=help, choices=names, default=names[0]),)


COMPARE = Command(
    "compare",
    "compare two models node by node: which layer lost its accuracy after quantization",
    "nodeflow.cli.commands.verification.model_checks:compare",
    (
        option("reference", help="the model whose values are right", metavar="A"),
        option("file", help="the model to judge, such as a quantized one", metavar="B"),
        SAMPLES,
        _values_option,
        option(
            "--bound",
            help="relative error of a node by itself that is too large (default: 0.1)",
            type=positive_number,
            default=0.1,
            metavar="X",
        ),
        option("-o", "--output", help="write the table as a web page", metavar="REPORT.html"),
        TIER,
        READ_LIMIT,
        ANY_FILE,
        JSON,
    ),
    purpose="model_checks",
)


def _model_verbs() -> tuple[Command, ...]:
    """Return a command for each change of model files."""
    made = []
    for each in offers("model_edits"):
        endings = "|".join(each.fields["endings"])
        for verb, about in each.fields["verbs"].items():
            own = [_verb_option(flag, item) for flag, item in about["options"].items()]
            listed = (
                option("model", help="the model, which stays as it is", metavar=f"IN{endings}"),
                option("-o", "--output", help="file to write", metavar="OUT", required=True),
                *own,
                SAMPLES,
                READ_LIMIT,
                ANY_FILE,
                JSON,
            )
            handler = "nodeflow.cli.commands.models.edit_model:edit"
            made.append(Command(verb, about["help"], handler, listed))
    return tuple(made)


def _verb_option(flag: str, about: Mapping[str, Any]) -> Option:
    """Return an option of a change, which repeats if it takes names or pairs."""
    repeats = about.get("kind") in ("names", "pairs")
    settings = {"action": "append"} if repeats else {}
    required = about.get("required", False)
    return option(flag, help=about["help"], metavar=about["metavar"], required=required, **settings)


MODEL = Command(
    "model",
    "change a model file: add outputs, cut, rename, fold, convert; the rest stays byte for byte",
    "",
    parts=(_model_verbs,),
    purpose="model_edits",
)
