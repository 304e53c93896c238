"""Variables on disk, as safetensors: no pickle, readable by other libraries. Numpy's .npz can be
read as well.

The metadata may identify the variable of each tensor, by the id of its node and its stream. So a
saved tensor finds its variable even if the variable was renamed or moved into a subgraph (`match`).
"""

from __future__ import annotations

import json
import math
import operator
import re
import struct
import tempfile
import zipfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nodeflow.atomic_write import kind_of, replacing
from nodeflow.data.array_files import opened_npz
from nodeflow.data.errors import DataFormatError
from nodeflow.errors import FileProblem, NodeflowError, NonFiniteError, SurfaceText
from nodeflow.file_reading import allow, damaged_as, opened, read_bytes, size_of, within_memory
from nodeflow.graph.types import number_kind, numpy_dtype, shape_text
from nodeflow.train.saving.checksums import SumMismatch, Sums
from nodeflow.train.saving.tensor_writer import write_tensors

Id = tuple[str, str]
"""The identity of a variable in its document: (id, stream)."""
NPZ = "npz"
_PICKLE = re.compile(rb"\x80[\x02-\x05]")
_HDF5 = b"\x89HDF\r\n\x1a\n"
META = "nodeflow"
"""The entry of the metadata with JSON."""
PAIRS = "nodeflow_complex"
"""The metadata entry that names complex tensors, stored with real and imaginary parts as last axis.

Not every version of safetensors has complex64, and none has complex128.
"""


@dataclass(frozen=True)
class Saved:
    """The content of a file of weights.

    Attributes:
        arrays: the arrays by the names of their variables.
        ids: the identities of the variables, as far as the file has them.
        slots: names of the variables that optimizers keep for their state.
        owner: the run, step or checkpoint that its checksums include; None without checksums.
    """

    arrays: Mapping[str, np.ndarray]
    ids: Mapping[str, Id]
    slots: frozenset[str] = frozenset()
    owner: str | None = None


@dataclass(frozen=True)
class Match:
    """The saved tensors that fit the variables of a graph.

    Attributes:
        found: variable -> saved tensor.
        missing: variables that the file lacks.
        unused: tensors of the file that no variable takes.
        other: description of dtypes and shapes, for variables that the file has with other ones.

    Variables that optimizers keep for their state are in ``found`` only.
    """

    found: Mapping[str, str]
    missing: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    other: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        return not (self.missing or self.unused or self.other)


def save_weights(
    path: str | Path,
    variables: Mapping[str, np.ndarray],
    ids: Mapping[str, Id] | None = None,
    slots: Collection[str] = (),
    keep: Path | None = None,
    owner: str = "",
) -> None:
    """Write variables by name, atomically: the new file replaces the old one when it is complete.

    Args:
        ids: the identities of the variables in the document.
        slots: names of the variables that an optimizer keeps for itself.
        keep: the file whose finite values must not be replaced, if it is not ``path``.
        owner: the run and step, or the checkpoint, that checksums of the arrays include.

    Raises:
        NonFiniteError: a variable is not finite, but it is finite in the existing file.
        FileProblem: the file cannot be written.
    """
    path = Path(path)
    _keep_finite(keep or path, variables)
    metadata = None
    if ids is not None:
        known = {name: list(ids[name]) for name in variables if name in ids}
        content = {"version": 1, "ids": known, "slots": sorted(set(slots) & known.keys())}
        metadata = {META: json.dumps(content, sort_keys=True)}
    write_arrays(path, variables, metadata, owner)


def write_arrays(
    path: Path,
    named: Mapping[str, np.ndarray],
    metadata: Mapping[str, str] | None = None,
    owner: str | None = None,
) -> None:
    """Write arrays by name, with metadata, atomically.

    Args:
        owner: the owner that checksums of the arrays include; None for no checksums.

    Raises:
        FileProblem: the file cannot be written.
    """
    metadata = None if metadata is None else dict(metadata)
    arrays = {name: np.asarray(value, order="C") for name, value in named.items()}
    pairs = sorted(name for name, array in arrays.items() if array.dtype.kind == "c")
    if pairs:
        metadata = {**(metadata or {}), PAIRS: json.dumps(pairs)}
        arrays.update((name, _as_pairs(arrays[name])) for name in pairs)
    try:
        with replacing(path) as file:
            write_tensors(file, arrays, metadata, owner)
    except OSError as error:
        raise FileProblem(f"cannot write {path}: {error.strerror}") from None


def _keep_finite(path: Path, variables: Mapping[str, np.ndarray]) -> None:
    """Raise NonFiniteError if non-finite values would replace finite trained values."""
    broken = [n for n, v in variables.items() if number_kind(v.dtype) == "f" and not is_finite(v)]
    if not broken or not path.exists():
        return
    try:
        before = load_weights(path)
    except FileProblem:
        return  # there are no values to keep
    lost = [n for n in broken if n in before and is_finite(before[n])]
    if lost:
        raise NonFiniteError(
            f"{path.name} keeps its finite weights: {lost[0]} is not finite any more",
            node=lost[0],
            hint="Train again, or save under another name.",
        )


def is_finite(array: np.ndarray) -> bool:
    """Return whether every element is finite. First test the sum, which needs no further array."""
    with np.errstate(all="ignore"):
        return bool(np.isfinite(array.sum())) or bool(np.isfinite(array).all())


def check_writable(path: str | Path) -> None:
    """Check that a file can be written at a path, without leaving one.

    Raises:
        FileProblem: the folder is missing or read-only, or the path is a folder, a pipe, a socket
            or a device.
    """
    path = Path(path)
    if path.is_dir():
        raise FileProblem(
            f"cannot write {path}: it is a folder", hint="Give the name of a file in it."
        )
    try:
        kind = kind_of(path.stat().st_mode) if path.exists() else None
        if kind is not None:
            raise FileProblem(
                f"cannot write {path}: it is {kind}, not a file", hint="Give the name of a file."
            )
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise FileProblem(f"cannot write {path}: {error.strerror}") from None


def load_weights(path: str | Path) -> dict[str, np.ndarray]:
    """Return variables by name from a file.

    Raises:
        FileProblem: the file is missing, unreadable or damaged.
    """
    return dict(load_saved(path).arrays)


def load_saved(path: str | Path) -> Saved:
    """Read the variables from a file, together with their ids, the names of optimizer variables
    (slots), and the run or checkpoint that owns the file.

    Raises:
        ReadRefused: the path is not a regular file, or takes more memory than the limit.
        FileProblem: the file is missing, unreadable or damaged.
    """
    arrays, metadata = read_arrays(path)
    with damaged_as(FileProblem, path, "weights"):
        return Saved(arrays, *_described(metadata), owner_of(metadata))


def owner_of(metadata: Mapping[str, str]) -> str | None:
    """Return the owner of saved arrays, such as a run or checkpoint, from a file's metadata.

    The checksums of the arrays include the owner. Return None if the file has no checksums.
    """
    return Sums(metadata).owner


def owner_in(path: Path) -> str | None:
    """Return the run or checkpoint that owns the arrays in a file, or None if the file has no
    checksums. Read only the header of the file.

    Raises:
        ReadRefused, FileProblem: the same as `read_arrays`.
    """
    with damaged_as(FileProblem, path, "weights"), opened(path) as file:
        size = size_of(file)
        (length,) = struct.unpack("<Q", file.read(8))
        if length > size - 8:
            raise ValueError("its header is cut off")
        allow(length, path)
        file.seek(0)
        return owner_of(_metadata(file.read(8 + length)))


def read_arrays(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return the arrays in a file by name, and its metadata. Verify checksums if the file has any.

    Raises:
        ReadRefused: the path is not a regular file, or takes more memory than the limit.
        FileProblem: the file is missing, unreadable or damaged.
    """
    try:
        with within_memory(f"the file of weights {path}"):
            if _format(Path(path)) == NPZ:
                return _npz(Path(path)), {}
            data = read_bytes(Path(path), copies=2)  # a copy of the file, and one of each array
            return _arrays(data), _metadata(data)
    except NodeflowError:
        raise
    except OSError as error:
        raise FileProblem(f"cannot read the weights {path}: {error.strerror}") from None
    except SumMismatch as error:
        raise FileProblem(
            f"{path} is damaged: {error}",
            hint="Restore the file from a copy, use an earlier checkpoint or run, or train again.",
        ) from None
    except Exception as error:  # a parser may raise any error for damaged content
        raise FileProblem(
            f"{path} is damaged or not a file of weights: {error}",
            hint=SurfaceText(
                "Give a file that save_weights wrote.",
                cli="Give a file that --save-weights wrote.",
                window="Choose a file that Save weights wrote.",
            ),
        ) from None


def _format(path: Path) -> str:
    """Return the format of a file: ``npz`` or ``safetensors``.

    Raises:
        ReadRefused: the path is not a regular file.
        FileProblem: the format may run code, or belongs to another program.
    """
    with opened(path) as file:
        start = file.read(9)
        is_zip = start.startswith(b"PK") and zipfile.is_zipfile(file)
        names = zipfile.ZipFile(file).namelist() if is_zip else []
    if is_zip and names and all(name.endswith(".npy") for name in names):
        return NPZ
    if start[8:] == b"{":  # safetensors: a length of 8 arbitrary bytes, then JSON
        return "safetensors"
    if _PICKLE.match(start) or any(name.endswith("data.pkl") for name in names):
        raise _foreign(path, "PyTorch", "safetensors.torch.save_file(model.state_dict(), FILE)")
    if start.startswith(_HDF5) or any(name.endswith((".h5", "config.json")) for name in names):
        arrays = "{v.path: v.numpy() for v in model.weights}"
        raise _foreign(path, "Keras", f"safetensors.numpy.save_file({arrays}, FILE)")
    return "safetensors"


def _npz(path: Path) -> dict[str, np.ndarray]:
    try:
        with opened_npz(path) as archive:
            found = archive.read(archive.keys)
    except DataFormatError as error:
        raise FileProblem(error.message, hint=error.hint) from None
    for name, array in found.items():
        native = array.dtype.newbyteorder("=")
        if str(native) not in _DTYPES.values() and str(native) != "complex128":
            raise ValueError(f"{name} has the dtype {array.dtype}, which nodeflow lacks")
        found[name] = array.astype(native, copy=False)
    return found


def _foreign(path: Path, program: str, conversion: str) -> FileProblem:
    return FileProblem(
        f"{path.name} is a file of {program}, which can run code when it is read",
        hint=f"Convert it where it was made: {conversion}",
    )


def _arrays(data: bytes) -> dict[str, np.ndarray]:
    """Decode the bytes of a safetensors file: return its tensors by name, with their checksums
    verified.

    This replaces the safetensors package, which has no bfloat16 in numpy, and panics when memory is
    short, with an error that `except` should not catch.

    Raises:
        ValueError: the file is damaged.
    """
    start, header = _header(data)
    words = header.pop("__metadata__", None) or {}
    sums = Sums(words)
    views = sorted(header.items(), key=lambda entry: entry[1]["data_offsets"])
    found, end = {}, 0
    for name, view in views:
        if view["dtype"] not in _DTYPES:
            raise ValueError(f"{name} has the dtype {view['dtype']}, which nodeflow lacks")
        dtype = numpy_dtype(_DTYPES[view["dtype"]])
        shape = [operator.index(length) for length in view["shape"]]
        first, last = view["data_offsets"]
        if min(shape, default=0) < 0 or last - first != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"the bytes of {name} do not fit its shape")
        if first != end or last > len(data) - start:
            raise ValueError(f"the bytes of {name} are not where they should be")
        end = last
        content = memoryview(data)[start + first : start + last]
        sums.check(name, view["dtype"], tuple(shape), content)
        found[name] = np.frombuffer(content, dtype).reshape(shape).copy()
    if end != len(data) - start:
        raise ValueError("it has bytes outside its tensors")
    sums.check_names(found)
    for name in json.loads(words.get(PAIRS, "[]")):
        pairs = found[name]
        found[name] = pairs.view(np.result_type(pairs.dtype, np.complex64)).reshape(
            pairs.shape[:-1]
        )
    return found


def _as_pairs(array: np.ndarray) -> np.ndarray:
    return array.reshape(-1).view(np.real(array).dtype).reshape(*array.shape, 2)


def _header(data: bytes) -> tuple[int, dict[str, Any]]:
    """Parse the header of a safetensors file. Return the position of the first tensor's bytes, and
    the entries of the header by name.

    Raises:
        ValueError: the header is damaged.
    """
    (length,) = struct.unpack("<Q", data[:8])
    if length > len(data) - 8:
        raise ValueError("its header is cut off")
    return 8 + length, json.loads(data[8 : 8 + length], object_pairs_hook=_named_once)


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _metadata(data: bytes) -> dict[str, str]:
    return _header(data)[1].get("__metadata__") or {}


_DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "BOOL": "bool",
    "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8",
    "C64": "complex64",
    "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8",
}  # fmt: skip


def _described(metadata: Mapping[str, str]) -> tuple[dict[str, Id], frozenset[str]]:
    """Parse the metadata of a weights file. Return the ids of variables by name, and the names of
    variables that an optimizer keeps for itself (slots).

    Both are empty if another program wrote the file.
    """
    text = metadata.get(META)
    try:
        content = json.loads(text) if text else {}
        ids = {str(name): (str(i), str(stream)) for name, (i, stream) in content["ids"].items()}
        return ids, frozenset(map(str, content["slots"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}, frozenset()


def match(
    saved: Saved,
    variables: Mapping[str, np.ndarray],
    ids: Mapping[str, Id] | None = None,
    slots: Collection[str] = (),
) -> Match:
    """Find the saved tensor of each variable: by id, where both sides have ids, else by name.

    A variable that took over the random stream of a removed one gets its tensor, because an edit
    handed the weights over.

    Args:
        variables: their current values.
        ids: the identities of the variables in the document.
        slots: names of the variables that an optimizer keeps for itself.
    """
    by_id = {known: name for name, known in saved.ids.items() if name in saved.arrays}
    found: dict[str, str] = {}
    for name, value in variables.items():
        there = by_id.get(ids[name]) if ids and name in ids else None
        if there is not None and _fits(saved.arrays[there], value):
            found[name] = there
    taken = set(found.values())
    by_stream = {known[1]: name for known, name in by_id.items() if name not in taken}
    for name, value in variables.items():
        there = by_stream.get(ids[name][1]) if ids and name in ids and name not in found else None
        if there is not None and there not in taken and _fits(saved.arrays[there], value):
            found[name] = there
            taken.add(there)
    other: dict[str, str] = {}
    for name, value in variables.items():
        if name in found or name not in saved.arrays or name in taken:
            continue
        if _fits(saved.arrays[name], value):
            found[name] = name
            taken.add(name)
        elif name not in slots:
            other[name] = f"{_text(value)} here, {_text(saved.arrays[name])} in the file"
            taken.add(name)
    missing = (n for n in variables if n not in found and n not in other and n not in slots)
    unused = (n for n in saved.arrays if n not in taken and n not in saved.slots)
    return Match(found, tuple(missing), tuple(unused), other)


def _fits(saved: np.ndarray, value: np.ndarray) -> bool:
    return saved.shape == value.shape and saved.dtype == value.dtype


def _text(array: np.ndarray) -> str:
    return f"{array.dtype} {shape_text(array.shape)}"
