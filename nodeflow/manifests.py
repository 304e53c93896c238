"""What integrations offer, read from their manifests without importing them.

An integration joins nodeflow to other software. It is a folder, ``nodeflow/integrations/NAME``,
with a ``manifest.json`` that lists its offers by purpose:

    {
      "title": "t-SNE",
      "software": {"title": "scikit-learn", "module": "sklearn", "package": "scikit-learn>=1.5"},
      "offers": {
        "projection": {
          "tsne": {"label": "t-SNE", "object": "embedding:embed"}
        }
      }
    }

``software`` is left out where nodeflow alone is enough. ``shim`` names a file in ``nodeflow/`` for
programs to import, which is removed with the folder: ``"shim": "tensorflow1.py"``. An offer has a
name, which files, settings and options store, and an ``object``, ``module:name`` inside the folder.
All other fields belong to its purpose; `PURPOSES` lists the purposes with their fields, and the
type of the object.

**To offer a thing** that core already asks for, add it to the manifest. Nothing else registers it.

**To ask for a thing**, in core: add a purpose to `PURPOSES`, list the offers with
``offers(PURPOSE)``, show ``label`` and other fields without importing anything, and call ``load()``
when the user wants the object. Look a stored name up with `offer`: its error says in words that the
name is not offered here. Keep the name in the user's files. Ask ``check_software()`` before an
object that imports the software.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

from nodeflow.errors import NodeflowError, suggest

FOLDER = Path(__file__).resolve().parent / "integrations"
MANIFEST = "manifest.json"
GUIDE = "guide.md"
"""The page about an integration, in its folder; the documentation site includes it."""


@dataclass(frozen=True)
class Purpose:
    """Something that core asks integrations for.

    Attributes:
        noun: the name of one offer in errors: ``way to place points``.
        fields: the manifest's fields of an offer besides ``object``, each with its meaning.
        object: a description of the object.
    """

    noun: str
    fields: Mapping[str, str]
    object: str


PURPOSES = {
    "backend": Purpose(
        "backend",
        {
            "label": "its name in the window",
            "help": "where it computes and how to get it, for --help: ``on a GPU if there is one``",
            "tip": "what its choice means, for the tooltip in the window",
        },
        "a `nodeflow.engine.backend.Backend`: executes runs and training steps",
    ),
    "byte_pairs": Purpose(
        "way to learn byte pairs",
        {"label": "its name in the window"},
        "learns tokens of several letters: (count of each word, most) -> tokens, in the order in "
        "which they are joined",
    ),
    "code": Purpose(
        "library to write code for",
        {"label": "the library's name in the window"},
        "a `nodeflow.exchange.code_targets.Target`: writes graphs as programs of the library",
    ),
    "exporter": Purpose(
        "file to export to",
        {
            "label": "the program's name in the window",
            "tip": "what the file holds, for the tooltip in the window",
            "ending": "how names of the files end: ``.onnx``",
            "options": "its options of ``nodeflow export``, each by its flag with ``help``, "
            "``metavar`` and, for a whole number, the ``least`` one",
        },
        "makes a `nodeflow.exchange.exporting.Exporter`: writes graphs as files",
    ),
    "importer": Purpose(
        "program to import models of",
        {
            "label": "the program's name in the window; the offer's name begins the ops of nodes "
            "without a counterpart",
            "help": "what it reads, for --help: ``an ONNX file``",
            "endings": 'how names of the files end: ``[".onnx"]``',
        },
        "a `nodeflow.exchange.importing.Importer`: reads a model as a graph with its weights",
    ),
    "model_checks": Purpose(
        "kind of models to check",
        {
            "label": "the models, in words",
            "endings": 'how names of the files end: ``[".onnx"]``',
            "values": "the programs that can compute two models to compare; the first is the "
            "default",
        },
        "makes a `nodeflow.exchange.model_checks.ModelChecks`: computes every tensor of models",
    ),
    "model_edits": Purpose(
        "kind of models to change",
        {
            "label": "the models, in words",
            "endings": 'how names of the files end: ``[".onnx"]``',
            "verbs": "the changes by name, each with ``help`` and ``options``: by its flag "
            "``help``, ``metavar``, ``kind`` (see `nodeflow.exchange.model_edits`) and "
            "``required``",
        },
        "writes a changed copy and returns a `nodeflow.exchange.model_edits.Edited`: (source, "
        "target, verb, options, samples)",
    ),
    "names": Purpose(
        "library of names",
        {"label": "the programs whose names it knows"},
        "a `nodeflow.foreign_names.answers.Library`: names of another library and their "
        "counterparts here, for hints",
    ),
    "page": Purpose(
        "page of the documentation",
        {},
        "returns the page as Markdown; the documentation site has it as ``integrations/NAME.md``",
    ),
    "peer": Purpose(
        "program to compare with",
        {
            "label": "its name in the window",
            "help": "what it is, for --help: ``ONNX's own evaluator``",
            "tip": "what it compares, for the tooltip in the window",
            "is_default": "true if graphs are compared with it unless another one is named",
        },
        "makes a `nodeflow.exchange.comparison.Peer`: computes a graph a second time",
    ),
    "processes": Purpose(
        "way to train in several processes",
        {
            "options": "its options of ``nodeflow train``, each by its flag with ``help``, "
            "``metavar`` and, for a whole number, the ``least`` one",
        },
        "a `nodeflow.cli.several_processes.Launcher`: starts the processes, and connects them",
    ),
    "program": Purpose(
        "kind of programs to open",
        {"help": "the library that the programs import, for --help: ``TensorFlow 1``"},
        "a `nodeflow.cli.left_graphs.Runner`: returns the command that runs a program and writes "
        "the graph that it leaves",
    ),
    "projection": Purpose(
        "way to place points",
        {"label": "its name in the window"},
        "a `host.views.kinds.projection.Placing`: places the rows of a matrix in two dimensions",
    ),
    "public": Purpose(
        "public name",
        {},
        "what a namespace of ``nf`` has under this name: ``summary.FileWriter``",
    ),
    "run_files": Purpose(
        "kind of files of runs",
        {
            "label": "the program that reads the files",
            "help": "what ``nodeflow runs NAME`` does",
            "folder": "what the folder is for, for --help",
            "look": "the command that shows the files; {folder} stands for their folder",
        },
        "writes runs of a `RunStore` and returns their number: (store, runs, folder)",
    ),
    "run_import": Purpose(
        "kind of runs to import",
        {
            "label": "the files, in words",
            "help": "what ``nodeflow runs NAME`` does",
            "folder": "what is in the folder, for --help",
        },
        "keeps what a folder holds as runs of a `RunStore`, and yields them: (store, folder)",
    ),
    "sampler": Purpose(
        "sampler of sweeps",
        {
            "label": "its name in the window",
            "help": "what it does, for --help: a verb in the third person",
            "tip": "what it does, for its tooltip",
            "prunes": "true if it can end trials early",
        },
        "makes a `nodeflow.sweeps.sources.Source` from a `nodeflow.sweeps.plan.Plan`",
    ),
    "training_files": Purpose(
        "kind of files of trainings",
        {
            "label": "the program that reads the files",
            "help": "what ``nodeflow train --NAME DIR`` does",
            "tip": "what the action of the window does",
            "look": "the command that shows the files; {folder} stands for their folder",
            "setting": "the key under which the window keeps the chosen folder",
            "action": "the id of the action that chooses the folder",
        },
        "begins the `nodeflow.train.training_files.TrainingFiles` of a training: (folder, name)",
    ),
}
"""The purposes by their names in manifests."""


class SoftwareMissing(NodeflowError):
    """An integration needs a package that is not installed.

    Remedy: Install it as the message says.
    """


class NotOffered(NodeflowError):
    """A file, a setting or an option names something of an integration that is not here.

    Remedy: Choose one of the others, or use a nodeflow that has the integration.
    """


@dataclass(frozen=True)
class Software:
    """The software that an integration joins nodeflow to.

    Attributes:
        title: its name, also as a package: ``scikit-learn``.
        module: the Python module: ``sklearn``.
        package: what pip installs, with the oldest version that works: ``scikit-learn>=1.5``.
    """

    title: str
    module: str
    package: str

    @property
    def is_installed(self) -> bool:
        """Whether the software can be imported. Does not import it."""
        return find_spec(self.module) is not None

    @property
    def how_to_get(self) -> str:
        """A sentence with the command that installs the software."""
        return f"pip install '{self.package}' brings it."


@dataclass(frozen=True)
class Integration:
    """An integration, as its manifest describes it.

    Attributes:
        name: the name of its folder.
        title: its name for users.
        software: the required software; None if nodeflow alone is enough.
        folder: where it is.
        shim: the file beside the packages of nodeflow that has its import line; empty for none.
    """

    name: str
    title: str
    software: Software | None
    folder: Path
    shim: str = ""

    def check_software(self) -> None:
        """Raise `SoftwareMissing` if its software is not installed."""
        if self.software is None or self.software.is_installed:
            return
        needed = self.software.title
        text = f"{self.title} needs {needed}, which" if self.title != needed else needed
        raise SoftwareMissing(f"{text} is not installed", hint=self.software.how_to_get)


@dataclass(frozen=True)
class Offer:
    """One thing that an integration offers.

    Attributes:
        purpose: one of `PURPOSES`.
        name: a name that is unique for its purpose, stored in files and options.
        integration: the integration that offers it.
        fields: its fields in the manifest.
    """

    purpose: str
    name: str
    integration: Integration
    fields: Mapping[str, Any]

    @property
    def label(self) -> str:
        """Its name in the window."""
        return self.fields.get("label", self.name)

    @property
    def module(self) -> str:
        """The full name of the module that defines the object."""
        inside = self.fields["object"].partition(":")[0]
        return f"{__package__}.integrations.{self.integration.name}.{inside}"

    def load(self) -> Any:
        """Import the object that the manifest names, and return it."""
        return getattr(import_module(self.module), self.fields["object"].partition(":")[2])


def integrations() -> tuple[Integration, ...]:
    """Return the integrations that are here, sorted by name."""
    return tuple(dict.fromkeys(offer.integration for offer in _all_offers()))


def offers(purpose: str) -> tuple[Offer, ...]:
    """Return everything that the installed integrations offer for a purpose, such as readers of a
    file format. The order is by integration, then as in the manifest.
    """
    return tuple(offer for offer in _all_offers() if offer.purpose == purpose)


def offer(purpose: str, name: str, others: Iterable[str] = ()) -> Offer:
    """Return the object that an integration offers for a purpose under a name.

    Args:
        others: names that exist without integrations, for the suggestion in the error.

    Raises:
        NotOffered: no installed integration offers it.
    """
    known = {each.name: each for each in offers(purpose)}
    if name in known:
        return known[name]
    choices = [*others, *known]
    there = f"Choose {' or '.join(choices)}, or" if choices else "To use it,"
    hint = suggest(name, choices) or f"{there} install a nodeflow that has the integration with it."
    raise NotOffered(f"there is no {PURPOSES[purpose].noun} {name!r} here", hint=hint)


@cache
def _all_offers() -> tuple[Offer, ...]:
    """Read the manifests.

    Raises:
        ValueError: two integrations offer the same name for a purpose.
    """
    found: dict[tuple[str, str], Offer] = {}
    for path in sorted(FOLDER.glob(f"*/{MANIFEST}")):
        manifest = json.loads(path.read_text(encoding="utf-8"))
        software = Software(**manifest["software"]) if "software" in manifest else None
        integration = Integration(
            path.parent.name, manifest["title"], software, path.parent, manifest.get("shim", "")
        )
        for purpose, named in manifest["offers"].items():
            for name, fields in named.items():
                if (purpose, name) in found:
                    raise ValueError(f"{path}: another integration offers {purpose} {name!r}")
                one = Offer(purpose, name, integration, MappingProxyType(fields))
                found[purpose, name] = one
    return tuple(found.values())
