"""An op from a user's Python function. Its errors name the file and line at fault."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn

import numpy as np

from nodeflow.errors import GradientError, NodeflowError, RunError, UserOpError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Op
from nodeflow.graph.types import TensorType, broadcast_shapes, dtype_name, numpy_dtype
from nodeflow.ops.lowering import Elementwise as ElementwiseLowering
from nodeflow.ops.user.error_place import describe, line_in, place_text
from nodeflow.ops.user.probing import key_of, probe
from nodeflow.ops.user.time_limit import FAILURES, MISTAKES, PROBE_SECONDS, limited

REMEMBERED = 256
"""Number of different inputs whose types are cached, per op."""
ELEMENTWISE = "elementwise"
SAME = "same as "
_UNKNOWN_HINT = "Where sizes are unknown, infer= can say what it returns."


@dataclass(frozen=True)
class Declaration:
    """The arguments of ``@op``, besides the function itself.

    Attributes:
        infer: ``"elementwise"``, ``"same as PORT"``, a function of types and attributes, or None,
            to run the function.
        gradient: ``gradient(g, inputs, output, **attributes)``.
        formula: the same as the function, for kernels.
        file, line: place of the function.
    """

    id: str
    doc: str
    category: str
    keywords: tuple[str, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    attrs: tuple[Attr, ...]
    infer: str | Callable[..., Any] | None
    gradient: Callable[..., Any] | None
    formula: str | None
    pure: bool
    file: str
    line: int


class UserOp(Op):
    """An op from a user's function.

    ``fault`` is an error that its file has had since the op was declared. The op then only reports
    it.
    """

    own = True
    widens = False
    ask_for_types: ClassVar[Callable[..., tuple[TensorType, ...]] | None] = None
    """A function of id, types and attributes, if user code must not run in this process."""

    def __init__(
        self, function: Callable[..., Any], declared: Declaration, fault: str = ""
    ) -> None:
        self.id, self.doc, self.category = declared.id, declared.doc, declared.category
        self.keywords = declared.keywords
        self.inputs, self.outputs, self.attrs = declared.inputs, declared.outputs, declared.attrs
        self.differentiable = declared.gradient is not None
        self.stateful = not declared.pure
        self.broadcasts = declared.infer == ELEMENTWISE and len(self.inputs) > 1
        self.function, self.declared, self.fault = function, declared, fault
        self.hint_without_gradient = (
            f"Give it one in {self.place}: @nodeflow.op(gradient=...); or insert stop_gradient "
            "before it."
        )
        self._types: dict[Any, tuple[TensorType, ...]] = {}

    @property
    def place(self) -> str:
        """The place of its declaration: ``leaky.py, line 7``."""
        return place_text(self.declared.file, self.declared.line)

    def with_fault(self, fault: str) -> UserOp:
        """Return a copy of this user-defined op that reports an error when used, because its file
        is faulty.

        Args:
            fault: the text of the error.
        """
        return UserOp(self.function, self.declared, fault)

    def check_usable(self) -> None:
        if self.fault:
            hint = "The ops of the file come back when it loads again."
            raise UserOpError(self.fault, hint=hint)

    # ---- types ------------------------------------------------------------------------------

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        self.check_usable()
        key = key_of(types, attrs)
        known = self._types.get(key)
        if known is None:
            if len(self._types) >= REMEMBERED:
                self._types.clear()
            known = self._types[key] = self._infer(types, attrs)
        return known

    def _infer(self, types: Sequence[TensorType], attrs: Mapping[str, Any]) -> tuple[Any, ...]:
        rule = self.declared.infer
        if rule == ELEMENTWISE:
            return (TensorType(types[0].dtype, broadcast_shapes(*(t.shape for t in types))),)
        if isinstance(rule, str):
            names = [port.name for port in self.inputs]
            return (types[names.index(rule.removeprefix(SAME))],)
        if UserOp.ask_for_types is not None:
            return UserOp.ask_for_types(self.id, types, attrs)
        try:
            with limited(PROBE_SECONDS):
                if rule is None:
                    found = probe(lambda *arrays: self._call(arrays, attrs), types)
                else:
                    found = _as_types(rule(*types, **_accepted(rule, attrs)))
        except UserOpError as error:
            raise self._at(error) from None
        except MISTAKES as error:
            if isinstance(error, NodeflowError):
                error.message += f" ({self._where(error)})"
                raise
            shapes = ", ".join(map(str, types)) or "nothing"
            unknown = any(None in t.shape for t in types)
            unknown = unknown and isinstance(error, (ValueError, IndexError))
            raise UserOpError(
                f"{self.id} does not take {shapes}: {describe(error)} ({self._where(error)})",
                hint=_UNKNOWN_HINT if unknown else None,
            ) from None
        if len(found) != len(self.outputs):
            raise self._at(UserOpError(f"it returns {len(found)} tensors, not {len(self.outputs)}"))
        return found

    def _at(self, error: UserOpError) -> UserOpError:
        return UserOpError(f"{self.id} ({self.place}): {error.message}", hint=error.hint)

    def _where(self, error: BaseException) -> str:
        line = line_in(error, self.declared.file)
        return place_text(self.declared.file, line or self.declared.line)

    # ---- running ----------------------------------------------------------------------------

    def _call(self, arrays: Sequence[np.ndarray], attrs: Mapping[str, Any]) -> Any:
        """Call the function with read-only arrays, because other nodes read them as well."""
        with np.errstate(all="ignore"):
            return self.function(*map(_read_only, arrays), **attrs)

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> Any:
        types = [TensorType(dtype_name(a.dtype), a.shape) for a in arrays]
        expected = self.infer(*types, **attrs)
        try:
            result = self._call(arrays, attrs)
        except NodeflowError:
            raise
        except FAILURES as error:
            raise RunError(f"{self.id} failed ({self._where(error)}): {describe(error)}") from error
        single = len(self.outputs) == 1 and not isinstance(result, (tuple, list))
        results = [result] if single else list(result)
        if len(results) != len(expected):
            self._refuse(f"returned {len(results)} tensors, not {len(expected)}")
        return tuple(
            self._checked(np.asarray(item), wanted, arrays)
            for item, wanted in zip(results, expected, strict=True)
        )

    def _checked(
        self, result: np.ndarray, wanted: TensorType, arrays: Sequence[np.ndarray]
    ) -> np.ndarray:
        """Check the result of a user's function, and return it in the inferred dtype. Copy it if it
        shares memory with an input.
        """
        shape = wanted.shape
        fits = len(shape) == result.ndim and all(
            d in (None, n) for d, n in zip(shape, result.shape, strict=True)
        )
        dtype = numpy_dtype(wanted.dtype)
        if not fits or not np.can_cast(result.dtype, dtype, "same_kind"):
            self._refuse(f"returned {result.dtype} {result.shape}, not {wanted}")
        shared = any(np.may_share_memory(result, array) for array in arrays)
        return result.astype(dtype) if shared else result.astype(dtype, copy=False)

    def _refuse(self, what: str) -> NoReturn:
        rule = self.declared.infer
        said = f", as infer={rule!r} requires" if isinstance(rule, str) else ""
        raise RunError(f"{self.id} {what}{said}", hint=f"See {self.place}.")

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        if self.declared.formula is None:
            return None
        names = tuple(port.name for port in self.inputs)
        return ElementwiseLowering(self.declared.formula, names, attrs)

    # ---- gradients --------------------------------------------------------------------------

    def gradient(self, node: Node, *grads: Any) -> Sequence[Tensor | None]:
        rule = self.declared.gradient
        assert rule is not None
        single = len(self.outputs) == 1
        graph = node.graph
        if not single:
            pairs = zip(grads, node.outputs, strict=True)
            grads = tuple(graph.apply("zeros_like", o) if g is None else g for g, o in pairs)
        try:
            found = rule(
                grads[0] if single else grads,
                node.inputs,
                node.outputs[0] if single else node.outputs,
                **_accepted(rule, node.attrs),
            )
        except NodeflowError as error:
            text = f"the gradient of {self.id} ({self._where(error)}): {error.message}"
            raise GradientError(text, node=node.name, hint=error.hint) from None
        except FAILURES as error:
            raise GradientError(
                f"the gradient of {self.id} failed ({self._where(error)}): {describe(error)}",
                node=node.name,
            ) from None
        results = [found] if isinstance(found, Tensor) or found is None else list(found)
        self._check_gradients(node, results)
        return results

    def _check_gradients(self, node: Node, found: Sequence[Any]) -> None:
        """Check the gradients that a user's gradient function returned for a node: one for each
        input, with the input's dtype and known shape.

        Raises:
            GradientError: they do not fit.
        """
        problem = ""
        if len(found) != len(node.inputs):
            problem = f"returns {len(found)} tensors for {len(node.inputs)} inputs"
        for source, grad in zip(node.inputs, found, strict=False):
            if grad is None:
                continue
            if not isinstance(grad, Tensor):
                problem = f"returns {type(grad).__name__} instead of a tensor made of ops"
            elif grad.dtype != source.dtype or not (
                self.broadcasts or _compatible(grad.shape, source.shape)
            ):
                problem = f"is {grad.type} for an input that is {source.type}"
        if problem:
            hint = f"See {self.place}."
            raise GradientError(f"the gradient of {self.id} {problem}", node=node.name, hint=hint)


def _read_only(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.flags.writeable = False
    return view


def _compatible(one: Sequence[int | None], two: Sequence[int | None]) -> bool:
    return len(one) == len(two) and all(
        a is None or b is None or a == b for a, b in zip(one, two, strict=True)
    )


def _accepted(rule: Callable[..., Any], attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the attributes that a function accepts as keyword arguments."""
    parameters = inspect.signature(rule).parameters
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return dict(attrs)
    return {name: value for name, value in attrs.items() if name in parameters}


def _as_types(found: Any) -> tuple[TensorType, ...]:
    """Convert the result of a user's ``infer`` function to a tuple of types. Each item may be a
    type, or a pair of dtype and shape.
    """
    pair = isinstance(found, tuple) and len(found) == 2
    single = isinstance(found, TensorType) or (
        pair and not isinstance(found[0], (tuple, TensorType))
    )
    items: Any = [found] if single else found
    types = []
    for item in items:
        if isinstance(item, TensorType):
            types.append(item)
        else:
            dtype, shape = item
            dims = tuple(None if d is None else int(d) for d in shape)
            types.append(TensorType(dtype_name(dtype), dims))
    return tuple(types)
