"""Everything in nodeflow that writes files of its own, for the tests with failing calls.

A writer acts on a folder. What it has written is compared by ``state``, which leaves out what is
different every time: random names and times.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

import nodeflow as nf
from nodeflow.cli.environment import Environment
from nodeflow.cli.main import main
from nodeflow.document.edit.inserting import library
from nodeflow.document.io import backups, consents, flow
from nodeflow.document.io.kept_training import KeptTraining, unfinished
from nodeflow.document.io.open_files import OpenFile
from nodeflow.document.model.document import Document
from nodeflow.engine.compiler import cache, trust
from nodeflow.engine.compiler.object_code import ObjectCode
from nodeflow.ops.user import folder as plugin_folder
from nodeflow.ops.variables.scope import Variable
from nodeflow.resources import example
from nodeflow.train.saving.checkpoint import (
    MANIFEST,
    LoopParts,
    read_checkpoint,
    read_manifest,
    write_checkpoint,
)
from nodeflow.train.saving.checkpoint_state import checkpoint_exists, get_checkpoint_state
from nodeflow.train.saving.weights import save_weights

Act = Callable[[Path], Any]
State = Callable[[Path], Any]


CHANGING = re.compile(r"other_|[0-9a-f]{24,}|\d[\d .-]{8,}\d|\.\d+\.\d+$")
"""In names: random digits, times, and which of two names a checkpoint uses in turn."""


class CommandFailed(Exception):
    """A command line ended with an exit status other than 0; the text is what it printed."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True)
class Writer:
    """One thing that writes.

    Attributes:
        before: makes what is there before it writes.
        state: what is in the folder, as far as it counts.
        silent: it never raises: what it writes can be made again.
        halves: its output is a log, of which a part may be there.
    """

    name: str
    act: Act
    before: Act = lambda folder: None
    state: State = lambda folder: contents(folder)
    silent: bool = False
    halves: bool = False


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder by name, without hidden ones, which `names` has; a folder that was
    made for a file may stay."""
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    shown = {name for name in files if not any(p.startswith(".") for p in Path(name).parts)}
    return {name: files[name].read_bytes() for name in sorted(shown)}


def names(folder: Path) -> set[str]:
    """The names in a folder, without what is different every time."""
    found = (str(path.relative_to(folder)) for path in folder.rglob("*"))
    return {CHANGING.sub("", name) for name in found}


# ---- what is written ----------------------------------------------------------------------------


def document(name: str = "expression.flow") -> Document:
    return flow.load(example(name))


def empty(path: Path) -> None:
    flow.save(Document(), path)


def command(folder: Path, *arguments: str) -> str:
    """Run a command line; returns what it printed."""
    environment = Environment(io.StringIO(), io.StringIO(), folder)
    code = main(list(arguments), environment)
    text = environment.stderr.getvalue()  # type: ignore[attr-defined]
    if code:
        raise CommandFailed(code, text)
    return text


ONES, TWOS = ({"w": np.full(6, float(n)), "b": np.zeros((2, 3), "float32")} for n in (1, 2))
LOOP = LoopParts({"step": 7}, {"order": np.arange(5)})


def old_checkpoint(folder: Path) -> None:
    write_checkpoint(folder / "c", ONES, 1, LOOP)


def checkpoint_state(folder: Path) -> Any:
    """The variables of the checkpoints that the folder lists, or of the one in it."""
    listed = get_checkpoint_state(folder)
    paths = [Path(p) for p in listed.all_model_checkpoint_paths] if listed else [folder / "c"]
    found = {path.name: read_checkpoint(path) for path in paths if path.exists()}
    return {name: {n: a.tolist() for n, a in one.items()} for name, one in found.items()}


def strays(folder: Path) -> list[str]:
    """Files in checkpoints that are not of them."""
    found = []
    for path in folder.rglob(MANIFEST):
        own = {MANIFEST, *read_manifest(path.parent).files}
        found += [str(f.relative_to(folder)) for f in path.parent.iterdir() if f.name not in own]
    return found


def with_saver(folder: Path, steps: range) -> None:
    graph = nf.Graph()
    with graph.as_default():
        w = Variable([1.0, 2.0], name="w")
        saver = nf.train.Saver(max_to_keep=2)
        with nf.Session(tier="reference") as session:
            session.run(nf.global_variables_initializer())
            there = sorted(str(p) for p in folder.glob("model-*"))
            saver.recover_last_checkpoints(filter(checkpoint_exists, there))
            for step in steps:
                session.run(nf.assign(w, [float(step), 0.0]))
                saver.save(session, folder / "model", global_step=step)


def keep_training(folder: Path) -> None:
    kept = KeptTraining.begin(document("spirals.flow"), "spirals", folder)
    with contextlib.suppress(OSError):
        kept._held.close()  # as the end of the process does


def trainings(folder: Path) -> Any:
    found = unfinished(folder)
    return [(one.title, flow.dumps(one.document())) for one in found]


def training_with_state(folder: Path) -> None:
    keep_training(folder)
    (own,) = folder.iterdir()
    (own / "states").mkdir()
    write_checkpoint(own / "states" / "step-5", ONES, 5, LOOP)


def discard_training(folder: Path) -> None:
    for one in unfinished(folder):
        one.discard()


def in_cache(folder: Path, action: Act) -> Any:
    """Do something with the kernel cache in a folder, and a key there."""
    chosen = {"NODEFLOW_CACHE_DIR": folder, "NODEFLOW_KERNEL_KEY": folder / "key"}
    before = {name: os.environ.get(name) for name in chosen}
    os.environ.update({name: str(path) for name, path in chosen.items()})
    trust.signing_key.cache_clear()
    try:
        return action(folder)
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        trust.signing_key.cache_clear()


KERNEL = ObjectCode("symbol", ("other",), bytes(range(256)) * 40)


def put_kernel(folder: Path) -> None:
    in_cache(folder, lambda _: cache._write("ab" * 32, "the source", KERNEL))


def cached_kernel(folder: Path) -> Any:
    return in_cache(folder, lambda f: cache._read(f / "kernels" / f"{'ab' * 32}.kernel"))


def cache_data(folder: Path) -> None:
    graph = nf.Graph()
    with graph.as_default():
        numbers = nf.data.Dataset.range(4).cache(folder / "numbers")
        element = numbers.make_one_shot_iterator().get_next()
        with nf.Session(tier="reference") as session:
            for _ in range(4):
                session.run(element)
            try:
                session.run(element)
            except nf.errors.OutOfRangeError:
                return


def hold(folder: Path) -> None:
    opened = OpenFile(folder / "open")
    opened.hold(folder / "a.flow")
    with opened.saving(folder / "a.flow"):
        pass
    opened.release()


def own_op(folder: Path) -> None:
    path = folder / "plugins" / "mine.py"
    if path.exists():  # from an attempt before
        path.unlink()
    plugin_folder.new_file("mine", folder / "plugins")


def newest_version(folder: Path) -> Any:
    """The content that can be restored."""
    found = backups.backups_of(folder / "a.flow", folder / "backups")
    return found[0].content() if found else None


def opened(folder: Path) -> Any:
    """Whether a file counts as open."""
    return OpenFile(folder / "open").is_elsewhere(folder / "a.flow")


TABLE = "x,y\n" + "".join(f"{n / 10},{n / 5}\n" for n in range(12))


def with_predictor(folder: Path) -> None:
    (folder / "t.csv").write_text(TABLE)
    command(folder, "new", "t.csv", "-o", "t.flow")


def predict(name: str) -> Act:
    return lambda folder: command(folder, "run", "t.flow", "-o", name, "--tier", "reference")


def text(folder: Path, name: str) -> Path:
    (folder / name).write_text("before")
    return folder / name


WRITERS = [
    Writer("a new document", lambda f: flow.save(document(), f / "a.flow")),
    Writer(
        "a document over another",
        lambda f: flow.save(document(), f / "a.flow"),
        before=lambda f: empty(f / "a.flow"),
    ),
    Writer(
        "weights",
        lambda f: save_weights(f / "w.safetensors", TWOS),
        before=lambda f: save_weights(f / "w.safetensors", ONES),
    ),
    Writer("a checkpoint", lambda f: write_checkpoint(f / "c", TWOS, 2), state=checkpoint_state),
    Writer(
        "a checkpoint over another",
        lambda f: write_checkpoint(f / "c", TWOS, 2, LOOP),
        before=old_checkpoint,
        state=checkpoint_state,
    ),
    Writer(
        "a saver that deletes old checkpoints",
        lambda f: with_saver(f, range(3, 4)),
        before=lambda f: with_saver(f, range(1, 3)),
        state=checkpoint_state,
    ),
    Writer("a training that is kept", keep_training, state=trainings),
    Writer(
        "a training that is discarded",
        discard_training,
        before=training_with_state,
        state=trainings,
        silent=True,
    ),
    Writer(
        "an earlier version",
        lambda f: backups.keep(f / "a.flow", b"after", "saved", 2.0, 1, f / "backups"),
        before=lambda f: backups.keep(f / "a.flow", b"before", "saved", 1.0, 1, f / "backups"),
        state=newest_version,
    ),
    Writer(
        "what a document may read",
        lambda f: consents.remember(f / "a.flow", ["/data/b"], f / "consents"),
        before=lambda f: consents.remember(f / "a.flow", ["/data/a"], f / "consents"),
        state=lambda f: consents.remembered(f / "a.flow", f / "consents"),
    ),
    Writer("the kernel cache", put_kernel, state=cached_kernel, silent=True),
    Writer("a cache of data", cache_data),
    Writer("the record of an open file", hold, state=opened, silent=True),
    Writer("the library", lambda f: library.save_template(document(), ["n1"], "mine", f / "lib")),
    Writer("the folder of own ops", lambda f: plugin_folder.make_folder(f / "plugins")),
    Writer(
        "a file of an own op", own_op, before=lambda f: plugin_folder.make_folder(f / "plugins")
    ),
    Writer(
        "nodeflow merge -o",
        lambda f: command(f, "merge", "a.flow", "a.flow", "b.flow", "-o", "c.flow"),
        before=lambda f: [empty(f / "a.flow"), flow.save(document(), f / "b.flow")],
    ),
    Writer(
        "nodeflow run -o, a table", predict("p.csv"),
        before=lambda f: [with_predictor(f), text(f, "p.csv")],
    ),
    Writer(
        "nodeflow run -o, an array", predict("p.npy"),
        before=lambda f: [with_predictor(f), text(f, "p.npy")],
    ),
    Writer(
        "nodeflow run -o, arrays", predict("p.npz"),
        before=lambda f: [with_predictor(f), text(f, "p.npz")],
    ),
]  # fmt: skip
for _path in sorted(Path(__file__).parents[1].glob("integrations/*/faults.py")):
    WRITERS += import_module(f"tests.integrations.{_path.parent.name}.faults").WRITERS
