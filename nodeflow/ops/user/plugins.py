"""The plugin folder: its ops are loaded into the registry, its errors into a list.

Each ``*.py`` file is a separate module. A file whose name starts with ``_`` is loaded only by
others (``from . import _shared``). Loading again replaces the ops loaded before. If a file fails,
its previous ops stay, and each reports the error of the file. So nodes keep their ports and wires
while the user types.

Only files in this folder are ever run. A .flow file names ops by id and contains no code.
"""

from __future__ import annotations

import contextlib
import hashlib
import linecache
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nodeflow.errors import FileProblem, ReadRefused, UserOpError
from nodeflow.file_reading import read_bytes
from nodeflow.graph.registry import REGISTRY, Registry
from nodeflow.ops.user.declare import collecting
from nodeflow.ops.user.error_place import describe, line_in, place_text
from nodeflow.ops.user.folder import plugin_folder
from nodeflow.ops.user.time_limit import IMPORT_SECONDS, MISTAKES, limited
from nodeflow.ops.user.user_op import UserOp

PACKAGE = "nodeflow_plugins"
_NONE: Mapping[str, str] = {}


@dataclass(frozen=True)
class PluginProblem:
    """The problem of a plugin file that does not load, or of an op in it that cannot be
    registered.
    """

    file: str
    line: int | None
    message: str

    @property
    def place(self) -> str:
        return place_text(self.file, self.line)

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class Plugins:
    """The contents of the plugin folder.

    Attributes:
        folder: the folder that was loaded last, or None.
        problems: errors of its files.
        by_file: the ops of each file.
        failed: files that do not load.
        on_file: called with each file before it is run.
    """

    def __init__(self, registry: Registry = REGISTRY) -> None:
        self._registry = registry
        self.folder: Path | None = None
        self.problems: tuple[PluginProblem, ...] = ()
        self.by_file: dict[str, list[UserOp]] = {}
        self.failed: set[str] = set()
        self.on_file: Callable[[str], None] | None = None
        self._state = ""

    def files(self) -> list[Path]:
        """Return all files of the folder, including those that only other files load."""
        return sorted(self.folder.glob("*.py")) if self.folder and self.folder.is_dir() else []

    @property
    def ops(self) -> list[UserOp]:
        """All ops that the files of the plugin folder declare, in order of declaration."""
        return [op for found in self.by_file.values() for op in found]

    def load(
        self,
        folder: Path | None = None,
        *,
        again: bool = False,
        skip: Mapping[str, str] = _NONE,
    ) -> set[str]:
        """Run the Python files of a plugin folder, by default the user's, and register their ops.

        Args:
            again: load even if no file has changed.
            skip: files not to run, each with the reason.

        Returns:
            Ids of ops that were added, removed or possibly changed.
        """
        contents = self.look(folder, again=again, skip=skip)
        if contents is None:
            return set()
        problems: list[PluginProblem] = []
        self.failed.clear()
        found = self._load_files(contents, problems, skip)
        return self.take(found, problems)

    def look(
        self,
        folder: Path | None = None,
        *,
        again: bool = False,
        skip: Mapping[str, str] = _NONE,
    ) -> dict[str, bytes | None] | None:
        """Read all files of a plugin folder, by default the user's. Return their contents by path,
        or None if nothing has changed since the last call.

        Args:
            again: return the contents even if nothing has changed.
            skip: files not to run, each with the reason.
        """
        self.folder = (folder or plugin_folder()).absolute()
        contents = {str(path): _read(path) for path in self.files()}
        state = _digest(self.folder, contents, skip)
        if state == self._state and not again:
            return None
        self._state = state
        return contents

    def take(
        self, found: Mapping[str, Sequence[UserOp]], problems: Sequence[PluginProblem]
    ) -> set[str]:
        """Replace all ops of the plugin folder by newly loaded ones in the op registry.

        Args:
            found: the new ops of each file.
            problems: the problems of loading. Problems of registering are added to them.

        Returns:
            The ids of the previous and of the new ops.
        """
        before, problems = {op.id for op in self.ops}, list(problems)
        for op_id in before:
            self._registry.remove(op_id)
        self.by_file = {}
        for file, ops in found.items():
            self.by_file[file] = [op for op in ops if self._take(op, problems)]
        self.problems = tuple(problems)
        return before | {op.id for op in self.ops}

    def load_once(self) -> None:
        """Load the user's folder, unless a folder was loaded before."""
        if self.folder is None:
            self.load()

    def unload(self) -> set[str]:
        """Unregister the folder's ops. Return their ids."""
        gone = {op.id for op in self.ops}
        for op_id in gone:
            self._registry.remove(op_id)
        self.folder, self.problems, self.by_file, self._state = None, (), {}, ""
        return gone

    def _take(self, op: UserOp, problems: list[PluginProblem]) -> bool:
        """Register an op, unless another one has its id."""
        if op.id in self._registry:
            other = self._registry.lookup(op.id)
            where = f" ({other.place})" if isinstance(other, UserOp) else ""
            text = f"another op is called {op.id!r}{where}. Choose another id with id=."
            problems.append(PluginProblem(op.declared.file, op.declared.line, text))
            return False
        self._registry.put(op)
        return True

    def _load_files(
        self,
        contents: dict[str, bytes | None],
        problems: list[PluginProblem],
        skip: Mapping[str, str],
    ) -> dict[str, list[UserOp]]:
        for name in [n for n in list(sys.modules) if n == PACKAGE or n.startswith(f"{PACKAGE}.")]:
            del sys.modules[name]
        package = sys.modules[PACKAGE] = types.ModuleType(PACKAGE)
        package.__path__ = [str(self.folder)]
        found = {}
        for file, source in contents.items():
            linecache.checkcache(file)
            if not Path(file).name.startswith("_"):
                found[file] = self._load_file(file, source, problems, skip.get(file))
        return found

    def _load_file(
        self,
        file: str,
        source: bytes | None,
        problems: list[PluginProblem],
        fault: str | None,
    ) -> list[UserOp]:
        module = types.ModuleType(f"{PACKAGE}.{Path(file).stem}")
        module.__file__, module.__package__ = file, PACKAGE
        sys.modules[module.__name__] = module
        with collecting() as ops:
            try:
                if fault is not None:
                    raise UserOpError(fault)
                if source is None:
                    raise OSError("the file cannot be read")
                if self.on_file is not None:
                    self.on_file(file)
                # its output must not mix with the output of a command
                with limited(IMPORT_SECONDS), contextlib.redirect_stdout(sys.stderr):
                    exec(compile(source, file, "exec", dont_inherit=True), module.__dict__)
            except MISTAKES as error:
                problem = PluginProblem(file, line_in(error, file), describe(error))
                problems.append(problem)
                self.failed.add(file)
                known = {op.id: op for op in [*self.by_file.get(file, []), *ops]}
                return [op.with_fault(str(problem)) for op in known.values()]
        return ops


def _read(path: Path) -> bytes | None:
    try:
        return read_bytes(path)
    except (OSError, ReadRefused):
        return None


def _digest(folder: Path, contents: dict[str, bytes | None], skip: Mapping[str, str]) -> str:
    found = hashlib.blake2b(repr((str(folder), sorted(skip.items()))).encode())
    for file, content in contents.items():
        found.update(repr((file, content)).encode())
    return found.hexdigest()


PLUGINS = Plugins()
"""The user's plugin folder in this process."""


def load_plugins(folder: str | Path | None = None) -> list[str]:
    """Load the ops of a plugin folder: ``nf.load_plugins()``, then ``nf.NAME(x)``.

    Args:
        folder: default: ``NODEFLOW_PLUGINS``, or the user's own.

    Returns:
        Ids of its ops.

    Raises:
        FileProblem: the given folder does not exist.
    """
    path = None if folder is None else Path(folder).expanduser()
    if path is not None and not path.is_dir():
        raise FileProblem(f"there is no folder {path}")
    PLUGINS.load(path)
    return [op.id for op in PLUGINS.ops]
