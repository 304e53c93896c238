"""The meaning of operators, functions and elements in a kernel: the same as in numba.

numba's typing context chooses a signature for the given types, and its target context emits the
instructions. So a kernel that `frontend` translates computes what numba would compute, to the bit.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial, reduce
from types import ModuleType
from typing import Any

from llvmlite.ir.instructions import InsertValue, LoadInstr, StoreInstr
from numba.core import cgutils, types
from numba.core.errors import NumbaError

INT = types.int64
_CHOICES: dict[Any, str] = {min: "<", max: ">"}
_kinds: dict[Any, Any] = {}
"""numba's types of functions, modules and dtypes."""
_signatures: dict[tuple[Any, tuple], Any] = {}
"""Signatures that numba chose earlier; None if it found none, for example without the values of
literals.
"""
_implementations: dict[tuple[Any, Any, Any], Any] = {}
"""Implementations of signatures, by target context. numba would search all its implementations
each time.
"""


class Untranslatable(Exception):
    """An error: the text uses something that only numba's front end supports."""


@dataclass(frozen=True)
class Value:
    """The value of an expression: an LLVM value with one of numba's types.

    Literals, functions and dtypes have no LLVM value; ``known`` is then the Python object.
    """

    type: Any
    llvm: Any = None
    known: Any = None


class Meaning:
    """An emitter of instructions with numba's meaning, at the position of ``builder``.

    Args:
        typing: numba's typing context.
        target: numba's target context; its active code library gets the functions that kernels
            call.

    Attributes:
        builder: position of new instructions.
        group: the mark of array elements in a loop whose iterations are independent.
    """

    def __init__(self, typing: Any, target: Any) -> None:
        self.builder: Any = None
        self.group: Any = None
        self.target = target
        self._typing = typing

    def computed(self, value: Value) -> Value:
        """Return a value as an LLVM value. A literal of the kernel's text becomes a constant."""
        if value.llvm is not None:
            return value
        constant = self.target.get_constant_generic(self.builder, value.type, value.known)
        return Value(value.type, constant)

    def known(self, known: Any) -> Value:
        if isinstance(known, bool):
            return Value(types.boolean, known=known)
        if isinstance(known, int):
            return Value(INT, known=known)
        if isinstance(known, float):
            return Value(types.float64, known=known)
        return Value(types.unliteral(self._kind(known)), known=known)

    def _kind(self, known: Any) -> Any:
        """Return numba's type of a function, a module or a dtype.

        It is cached because numba takes long.
        """
        if not callable(known) and not isinstance(known, ModuleType):
            return self._typing.resolve_value_type(known)
        if known not in _kinds:
            _kinds[known] = self._typing.resolve_value_type(known)
        return _kinds[known]

    def attribute(self, whole: Value, name: str) -> Value:
        """Emit code that reads an attribute of a compiled value, such as the shape of an array.
        Return the attribute.

        Raise Untranslatable if numba does not know it.
        """
        if name == "size" and _is_vector(whole.type):
            return Value(INT, self._field(whole, "nitems"))
        kind = self._typing.resolve_getattr(whole.type, name)
        get = self.target.get_getattr(whole.type, name)
        if kind is None or get is None:
            raise Untranslatable(name)
        return Value(kind, get(self.target, self.builder, whole.type, whole.llvm, name))

    def tuple(self, values: Sequence[Value]) -> Value:
        parts = [self.computed(v) for v in values]
        kind = types.Tuple([p.type for p in parts])
        return Value(kind, self.target.make_tuple(self.builder, kind, [p.llvm for p in parts]))

    def parts(self, whole: Value) -> list[Value]:
        """Return the elements of a tuple value, to unpack it.

        Raises:
            Untranslatable: the value is not a tuple.
        """
        if not isinstance(whole.type, types.BaseTuple):
            raise Untranslatable("unpacking")
        kinds: Any = whole.type
        parts: list[Any] = cgutils.unpack_tuple(self.builder, self.computed(whole).llvm, len(kinds))
        return [Value(kind, part) for kind, part in zip(kinds, parts, strict=True)]

    def call(self, function: Any, arguments: Sequence[Value]) -> Value:
        """Emit a call of a function or operator with numba's semantics and conversions. Return its
        result.
        """
        if function in (min, max) and len(arguments) > 1 and all(a.type == INT for a in arguments):
            return reduce(partial(self._choose, _CHOICES[function]), arguments)
        kind, signature = self._signature(function, arguments)
        wanted = list(signature.args)
        if wanted and isinstance(wanted[-1], (types.StarArgTuple, types.StarArgUniTuple)):
            wanted[-1:] = wanted[-1]
        values = [self.cast(a, t) for a, t in zip(arguments, wanted, strict=True)]
        if len(wanted) != len(signature.args) or list(signature.args) != wanted:
            fixed = len(signature.args) - 1
            rest = self.target.make_tuple(self.builder, signature.args[-1], values[fixed:])
            values[fixed:] = [rest]
        key = self.target, kind, signature
        if key not in _implementations:
            _implementations[key] = self.target.get_function(kind, signature)
        result = _implementations[key](self.builder, values)
        return Value(types.unliteral(signature.return_type), result)

    def _choose(self, sign: str, one: Value, other: Value) -> Value:
        """Return the minimum or maximum of two integers, as a comparison and a select instruction.

        numba would call a function.
        """
        first, second = self.computed(one).llvm, self.computed(other).llvm
        second_wins = self.builder.icmp_signed(sign, second, first)
        return Value(INT, self.builder.select(second_wins, second, first))

    def cast(self, value: Value, wanted: Any) -> Any:
        """Return the LLVM value converted to another type, as numba converts it."""
        computed = self.computed(value)
        return self.target.cast(self.builder, computed.llvm, computed.type, wanted)

    def _signature(self, function: Any, arguments: Sequence[Value]) -> tuple[Any, Any]:
        """Return numba's type of a function, and the signature (types of arguments and result) that
        numba chooses for these arguments.
        """
        kind = self._kind(function)
        given = tuple(a.type for a in arguments)
        signature = self._chosen(kind, given)
        if signature is None:
            literals = (types.literal(a.known) if type(a.known) in (int, bool) else a.type
                        for a in arguments)  # fmt: skip
            signature = self._chosen(kind, tuple(literals))
        if signature is None:
            raise Untranslatable(f"no {function} of {given}")
        return kind, signature

    def _chosen(self, kind: Any, given: tuple) -> Any:
        """Return the signature that numba chooses for a function and these argument types.

        Return None if there is none.
        """
        key = kind, given
        if key not in _signatures:
            try:
                _signatures[key] = self._typing.resolve_function_type(kind, given, {})
            except NumbaError:
                _signatures[key] = None
        return _signatures[key]

    def element(self, whole: Value, index: Value, plain: bool) -> Value:
        """Emit a load of an array's element and return it.

        Args:
            plain: whether the index is known not to be negative.
        """
        pointer = self._pointer(whole, index, plain)
        if pointer is None:
            return self.call(operator.getitem, [whole, index])
        kind, align = whole.type.dtype, None if plain or whole.type.aligned else 1
        with self._marked():
            return Value(kind, self.target.unpack_value(self.builder, kind, pointer, align=align))

    def set_element(self, whole: Value, index: Value, plain: bool, value: Value) -> None:
        pointer = self._pointer(whole, index, plain)
        if pointer is None:
            self.call(operator.setitem, [whole, index, value])
            return
        kind, align = whole.type.dtype, None if plain or whole.type.aligned else 1
        converted = self.cast(value, kind)
        with self._marked():
            self.target.pack_value(self.builder, kind, converted, pointer, align=align)

    @contextmanager
    def _marked(self) -> Iterator[None]:
        """Return a context manager. On exit, it marks the array loads and stores emitted inside it
        as independent of other iterations of the loop.
        """
        instructions = self.builder.block.instructions
        first = len(instructions)
        yield
        if self.group is not None:
            for each in instructions[first:]:
                if isinstance(each, (LoadInstr, StoreInstr)):
                    each.set_metadata("llvm.access.group", self.group)

    def _pointer(self, whole: Value, index: Value, plain: bool) -> Any:
        """Emit the address of an element of a vector. Return None for other arrays and indices.

        numba would put the whole record of the array into memory and read its fields from there.
        """
        if not _is_vector(whole.type) or index.type != INT:
            return None
        data, place = self._field(whole, "data"), self.computed(index).llvm
        if plain or (isinstance(index.known, int) and index.known >= 0):
            return self.builder.gep(data, [place], inbounds=plain)
        negative = self.builder.icmp_signed("<", place, place.type(0))
        wrapped = self.builder.add(place, self._field(whole, "nitems"))
        return self.builder.gep(data, [self.builder.select(negative, wrapped, place)])

    def _field(self, whole: Value, name: str) -> Any:
        """Return a field of numba's array struct, such as the data pointer. If an earlier
        instruction has just stored the field in the struct, return the stored value instead of
        extracting it.
        """
        position = self.target.data_model_manager[whole.type].get_field_position(name)
        record = whole.llvm
        while isinstance(record, InsertValue):
            if record.indices == [position]:
                return record.operands[1]
            record = record.operands[0]
        return self.builder.extract_value(whole.llvm, position)


def _is_vector(kind: Any) -> bool:
    return isinstance(kind, types.Array) and kind.ndim == 1 and kind.layout == "C"
