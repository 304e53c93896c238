"""The translation of a kernel's text to LLVM in one pass. numba's front end needs some twenty
passes.

Most of the time for compiling a kernel would go into features that no kernel uses: numba
searches the bytecode for generators, closures and lists, and infers types to a fixed point. In
a kernel, every variable has the type of its first value and loops are ``range`` or ``while``,
so one walk over the syntax tree suffices. Operators and functions have the same meaning as in
numba (`numba_typing`). A text that uses anything else raises `Untranslatable`, and numba's
front end compiles it.
"""

from __future__ import annotations

import ast
import builtins
import operator
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types

from nodeflow.engine.compiler.helper_functions import Helper, helper_for
from nodeflow.engine.compiler.numba_typing import INT, Meaning, Untranslatable, Value

_OPERATORS: dict[type, Callable] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
    ast.BitAnd: operator.and_, ast.BitOr: operator.or_, ast.BitXor: operator.xor,
    ast.LShift: operator.lshift, ast.RShift: operator.rshift,
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.USub: operator.neg, ast.Invert: operator.invert, ast.Not: operator.not_,
}  # fmt: skip


@dataclass
class _Scope:
    """The names and jump targets that are known at a place in a function.

    Attributes:
        names: values of its globals.
        functions: functions of its own text, by name.
        assigned: how often the text assigns each variable.
        bound: values of variables that are assigned once, if they are defined here.
        places: memory of the other variables; LLVM turns it into registers.
        counters: variables that count up from zero or more. As indices, they are never negative.
        loops: targets of ``continue`` and ``break`` of the enclosing loops.
        end: target of ``return``.
        result: memory of the result, once there is one.
    """

    prefix: str
    names: Mapping[str, Any]
    functions: Mapping[str, ast.FunctionDef]
    assigned: Counter[str]
    bound: dict[str, Value] = field(default_factory=dict)
    places: dict[str, Value] = field(default_factory=dict)
    counters: set[str] = field(default_factory=set)
    loops: list[tuple[Any, Any]] = field(default_factory=list)
    end: Any = None
    result: Value | None = None


class Translator:
    """The translator of a function. Functions of the same text that it calls are inlined.

    Args:
        tree: the text.
        names: values of its globals.
        typing: numba's typing context.
        target: numba's target context; its active code library gets the functions that kernels
            call.

    Attributes:
        types: numba's type of every variable.
    """

    def __init__(
        self, tree: ast.Module, names: Mapping[str, Any], typing: Any, target: Any
    ) -> None:
        self.types: dict[str, str] = {}
        functions = {f.name: f for f in tree.body if isinstance(f, ast.FunctionDef)}
        self._typing = typing
        self._meaning = Meaning(typing, target)
        self._scope = _Scope("", {**vars(builtins), **names}, functions, Counter())
        self._helpers: dict[Any, tuple[Any, Any]] = {}

    def function(self, name: str, module: ir.Module) -> None:
        """Translate a Python function of int64 arguments to LLVM and add it to the module, in
        numba's calling convention. The function returns nothing.

        Raises:
            Untranslatable: see the module.
        """
        item = self._scope.functions[name]
        convention = self._meaning.target.call_conv
        kind = convention.get_function_type(types.void, [INT] * len(item.args.args))
        function = ir.Function(module, kind, name)
        self._meaning.builder = ir.IRBuilder(function.append_basic_block("entry"))
        arguments = [Value(INT, value) for value in function.args[2:]]
        self._body(item, arguments, self._scope)
        convention.return_value(self._builder, self._meaning.target.get_dummy_value())

    def _body(self, item: ast.FunctionDef, arguments: Sequence[Value], where: _Scope) -> Value:
        """Emit code for the body of a Python function, inlined at the current position. Return the
        function's result.

        Args:
            where: the scope, with a prefix for names and the meanings of names in the function's
                text.
        """
        outer, assigned = self._scope, _assigned(item)
        self._scope = _Scope(where.prefix, where.names, where.functions, assigned)
        self._scope.end = self._new_block("end")
        for name, value in zip(item.args.args, arguments, strict=True):
            self._assign(name.arg, self._meaning.computed(value))
        self._block(item.body)
        self._jump(self._scope.end)
        self._builder.position_at_end(self._scope.end)
        result, self._scope = self._scope.result, outer
        if result is None:
            return Value(types.none, self._meaning.target.get_dummy_value())
        return Value(result.type, self._builder.load(result.llvm))

    @property
    def _builder(self) -> Any:
        return self._meaning.builder

    # ---- statements ---------------------------------------------------------------------------

    @property
    def _ended(self) -> bool:
        return self._builder.block.is_terminated

    def _block(self, body: Sequence[ast.stmt]) -> None:
        """Compile the statements of a block. Afterwards, forget the variables that are first
        assigned in it.
        """
        outer = dict(self._scope.bound)
        for item in body:
            if self._ended:
                break
            self._method("do", item)(item)
        self._scope.bound = outer

    def _method(self, prefix: str, item: ast.AST) -> Callable[[Any], Any]:
        method = getattr(self, f"_{prefix}_{type(item).__name__.lower()}", None)
        if method is None:
            raise Untranslatable(type(item).__name__)
        return method

    def _do_expr(self, item: ast.Expr) -> None:
        if not isinstance(item.value, ast.Constant):  # a docstring
            self._value(item.value)

    def _do_pass(self, item: ast.Pass) -> None:
        pass

    def _do_return(self, item: ast.Return) -> None:
        if item.value is not None:
            value = self._meaning.computed(self._value(item.value))
            if self._scope.result is None:
                place = cgutils.alloca_once(self._builder, value.llvm.type)
                self._scope.result = Value(value.type, place)
            if self._scope.result.type != value.type:
                raise Untranslatable("results of several types")
            self._builder.store(value.llvm, self._scope.result.llvm)
        self._builder.branch(self._scope.end)

    def _do_assign(self, item: ast.Assign) -> None:
        if len(item.targets) != 1:
            raise Untranslatable("several targets")
        target = item.targets[0]
        if not isinstance(target, ast.Tuple):
            return self._assign_to(target, self._value(item.value))
        if isinstance(item.value, ast.Tuple):
            values = [self._meaning.computed(self._value(v)) for v in item.value.elts]
        else:
            values = self._meaning.parts(self._value(item.value))
        if len(values) != len(target.elts):
            raise Untranslatable("unpacking")
        for place, value in zip(target.elts, values, strict=True):
            self._assign_to(place, value)
        return None

    def _do_augassign(self, item: ast.AugAssign) -> None:
        if not isinstance(item.target, ast.Name):
            raise Untranslatable("an element changed in place")
        old, change = self._of_name(item.target), self._value(item.value)
        self._assign_to(item.target, self._meaning.call(_OPERATORS[type(item.op)], [old, change]))

    def _assign_to(self, target: ast.expr, value: Value) -> None:
        if isinstance(target, ast.Name):
            self._assign(target.id, self._meaning.computed(value))
        elif isinstance(target, ast.Subscript):
            whole, index = self._value(target.value), self._index(target.slice)
            self._meaning.set_element(
                whole, index, self._is_counter(target.slice), self._meaning.computed(value)
            )
        else:
            raise Untranslatable("a target")

    def _assign(self, name: str, value: Value) -> None:
        text = str(value.type)
        if self.types.setdefault(self._scope.prefix + name, text) != text:
            raise Untranslatable(f"{name} has several types")
        if self._scope.assigned[name] == 1:
            self._scope.bound[name] = value
            return
        if name not in self._scope.places:
            place = cgutils.alloca_once(self._builder, value.llvm.type, name=name)
            self._scope.places[name] = Value(value.type, place)
        self._builder.store(value.llvm, self._scope.places[name].llvm)

    def _do_if(self, item: ast.If) -> None:
        yes, no, after = (self._new_block(name) for name in ("yes", "no", "after"))
        self._branch(item.test, yes, no)
        for block, body in ((yes, item.body), (no, item.orelse)):
            self._builder.position_at_end(block)
            self._block(body)
            self._jump(after)
        self._builder.position_at_end(after)

    def _do_while(self, item: ast.While) -> None:
        if item.orelse:
            raise Untranslatable("else of a loop")
        test, body, after = (self._new_block(name) for name in ("test", "body", "after"))
        self._jump(test)
        self._builder.position_at_end(test)
        self._branch(item.test, body, after)
        self._builder.position_at_end(body)
        with self._loop(test, after):
            self._block(item.body)
        self._jump(test)
        self._builder.position_at_end(after)

    def _do_for(self, item: ast.For) -> None:
        name, (start, stop, step) = self._range(item)
        before = self._builder.block
        test, body, again, after = (self._new_block(n) for n in ("test", "body", "again", "after"))
        self._jump(test)
        self._builder.position_at_end(test)
        first, end, by = (self._meaning.computed(v).llvm for v in (start, stop, step))
        counter = self._builder.phi(end.type, name)
        counter.add_incoming(first, before)
        self._builder.cbranch(self._goes_on(counter, end, by, step.known), body, after)
        self._builder.position_at_end(body)
        outer = dict(self._scope.bound)
        self._assign(name, Value(INT, counter))
        if self._scope.assigned[name] == 1 and _not_negative(start) and _not_negative(step):
            self._scope.counters.add(name)
        wishes = _wishes(item)[0]
        group = _Group(self._builder.module) if "independent" in wishes else None
        outside, self._meaning.group = self._meaning.group, group
        with self._loop(again, after):
            self._block(item.body)
        self._meaning.group, self._scope.bound = outside, outer
        self._jump(again)
        self._builder.position_at_end(again)
        counter.add_incoming(self._builder.add(counter, by, flags=["nsw"]), again)
        back = self._builder.branch(test)
        if wishes:
            back.set_metadata("llvm.loop", self._wish(wishes, group))
        self._builder.position_at_end(after)

    def _wish(self, wishes: Sequence[str], group: Any) -> Any:
        """Return LLVM's metadata for the optimizations that a kernel's loop requests.

        They make LLVM compute four vectors of the loop at a time, or assume that no iteration
        writes memory (marked by ``group``) that another iteration uses.
        """
        module = self._builder.module
        found = []
        if "interleaved" in wishes:
            name = ir.MetaDataString(module, "llvm.loop.interleave.count")
            found.append(module.add_metadata([name, ir.Constant(ir.IntType(32), 4)]))
        if "independent" in wishes:
            name = ir.MetaDataString(module, "llvm.loop.parallel_accesses")
            found.append(module.add_metadata([name, group]))
        number = ir.Constant(ir.IntType(32), len(module.metadata))  # tells loops apart
        node = module.add_metadata([*found, number])
        # The metadata refers to itself, because LLVM recognises a loop's metadata by that.
        node.operands = (node, *node.operands)
        return node

    def _goes_on(self, counter: Any, end: Any, by: Any, step: int | None) -> Any:
        """Emit the condition of a ``for`` loop over a range: whether ``counter`` has not reached
        ``end``.

        ``by`` is the step at run time; ``step`` is its value if it is known at compile time.
        """
        below = self._builder.icmp_signed("<", counter, end)
        if step is not None and step > 0:
            return below
        above = self._builder.icmp_signed(">", counter, end)
        if step is not None and step < 0:
            return above
        up = self._builder.icmp_signed(">", by, ir.Constant(by.type, 0))
        return self._builder.select(up, below, above)

    def _range(self, item: ast.For) -> tuple[str, tuple[Value, Value, Value]]:
        """Return the variable's name of a loop ``for NAME in range(...)``, with start, stop and
        step as compiled values.

        Raise Untranslatable for any other loop.
        """
        call, target = item.iter, item.target
        name = (
            call.func.id if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) else ""
        )
        if name != "range" or item.orelse or not isinstance(target, ast.Name):
            raise Untranslatable("a loop")
        assert isinstance(call, ast.Call)
        ends = [self._value(a) for a in _wishes(item)[1]]
        if len(ends) == 1:
            ends.insert(0, self._meaning.known(0))
        if len(ends) == 2:
            ends.append(self._meaning.known(1))
        if any(e.type != INT for e in ends):
            raise Untranslatable("a range of other integers")
        start, stop, step = ends
        return target.id, (start, stop, step)

    @contextmanager
    def _loop(self, again: Any, after: Any) -> Iterator[None]:
        self._scope.loops.append((again, after))
        yield
        self._scope.loops.pop()

    def _do_break(self, item: ast.Break) -> None:
        self._builder.branch(self._scope.loops[-1][1])

    def _do_continue(self, item: ast.Continue) -> None:
        self._builder.branch(self._scope.loops[-1][0])

    def _new_block(self, name: str) -> Any:
        return self._builder.append_basic_block(name)

    def _jump(self, block: Any) -> None:
        if not self._ended:
            self._builder.branch(block)

    # ---- conditions ---------------------------------------------------------------------------

    def _branch(self, item: ast.expr, yes: Any, no: Any) -> None:
        """Translate a condition to LLVM jumps: to block ``yes`` if it is true, else to block
        ``no``.

        As in Python, ``and`` and ``or`` evaluate no more operands than necessary.
        """
        if isinstance(item, ast.BoolOp):
            for part in item.values[:-1]:
                then = self._new_block("also")
                if isinstance(item.op, ast.And):
                    self._branch(part, then, no)
                else:
                    self._branch(part, yes, then)
                self._builder.position_at_end(then)
            self._branch(item.values[-1], yes, no)
        elif isinstance(item, ast.UnaryOp) and isinstance(item.op, ast.Not):
            self._branch(item.operand, no, yes)
        elif isinstance(item, ast.Constant):
            self._builder.branch(yes if item.value else no)
        else:
            value = self._meaning.computed(self._value(item))
            self._builder.cbranch(
                self._meaning.target.is_true(self._builder, value.type, value.llvm), yes, no
            )

    def _of_ifexp(self, item: ast.IfExp) -> Value:
        yes, no, after = (self._new_block(name) for name in ("yes", "no", "after"))
        self._branch(item.test, yes, no)
        ends = []
        for block, part in ((yes, item.body), (no, item.orelse)):
            self._builder.position_at_end(block)
            value = self._meaning.computed(self._value(part))
            ends.append((value, self._builder.block))
            self._builder.branch(after)
        if ends[0][0].type != ends[1][0].type:
            raise Untranslatable("branches of several types")
        self._builder.position_at_end(after)
        result = self._builder.phi(ends[0][0].llvm.type)
        for value, block in ends:
            result.add_incoming(value.llvm, block)
        return Value(ends[0][0].type, result)

    def _of_boolop(self, item: ast.BoolOp) -> Value:
        if not all(isinstance(part, (ast.Compare, ast.BoolOp)) for part in item.values):
            raise Untranslatable("a choice between values")
        yes, no, after = (self._new_block(name) for name in ("yes", "no", "after"))
        self._branch(item, yes, no)
        for block in (yes, no):
            self._builder.position_at_end(block)
            self._builder.branch(after)
        self._builder.position_at_end(after)
        result = self._builder.phi(ir.IntType(1))
        result.add_incoming(ir.Constant(ir.IntType(1), 1), yes)
        result.add_incoming(ir.Constant(ir.IntType(1), 0), no)
        return Value(types.boolean, result)

    # ---- expressions --------------------------------------------------------------------------

    def _value(self, item: ast.expr) -> Value:
        return self._method("of", item)(item)

    def _of_constant(self, item: ast.Constant) -> Value:
        if not isinstance(item.value, (bool, int, float)):
            raise Untranslatable("a literal")
        return self._meaning.known(item.value)

    def _of_name(self, item: ast.Name) -> Value:
        if item.id in self._scope.places:
            place = self._scope.places[item.id]
            return Value(place.type, self._builder.load(place.llvm))
        if item.id in self._scope.bound:
            return self._scope.bound[item.id]
        if item.id in self._scope.assigned or item.id not in self._scope.names:
            raise Untranslatable(f"{item.id} is not defined on all ways here")
        return self._meaning.known(self._scope.names[item.id])

    def _of_attribute(self, item: ast.Attribute) -> Value:
        whole = self._value(item.value)
        if whole.llvm is None:
            return self._meaning.known(getattr(whole.known, item.attr))
        return self._meaning.attribute(whole, item.attr)

    def _of_unaryop(self, item: ast.UnaryOp) -> Value:
        operand = self._value(item.operand)
        if isinstance(item.op, ast.USub) and isinstance(operand.known, (int, float)):
            return self._meaning.known(-operand.known)
        return self._meaning.call(_OPERATORS[type(item.op)], [operand])

    def _of_binop(self, item: ast.BinOp) -> Value:
        return self._operation(item.op, item.left, item.right)

    def _of_compare(self, item: ast.Compare) -> Value:
        if len(item.ops) != 1:
            raise Untranslatable("a chain of comparisons")
        if isinstance(item.ops[0], ast.In):
            return self._of_boolop(_any_equal(item))
        return self._operation(item.ops[0], item.left, item.comparators[0])

    def _operation(self, kind: ast.AST, left: ast.expr, right: ast.expr) -> Value:
        if type(kind) not in _OPERATORS:
            raise Untranslatable(type(kind).__name__)
        return self._meaning.call(_OPERATORS[type(kind)], [self._value(left), self._value(right)])

    def _of_call(self, item: ast.Call) -> Value:
        scope = self._scope
        if isinstance(item.func, ast.Name) and item.func.id in scope.functions:
            own = scope.functions[item.func.id]
            arguments = [self._value(a) for a in item.args]
            return self._body(own, arguments, replace(scope, prefix=f"{scope.prefix}{own.name}."))
        function = self._value(item.func)
        if item.keywords or function.known is None:
            raise Untranslatable("a call")
        arguments = [self._value(a) for a in item.args]
        kinds = tuple(a.type for a in arguments)
        helper = helper_for(function.known, kinds)
        if helper is None or not self._takes(helper, kinds):
            return self._meaning.call(function.known, arguments)
        if helper.inlined:
            return self._body(helper.item, arguments, self._inside(helper, kinds))
        return self._call_helper(helper, arguments)

    # ---- functions of `devicelib` -------------------------------------------------------------

    def _takes(self, helper: Helper, kinds: tuple[Any, ...]) -> bool:
        """Return whether a helper can be translated for these types.

        It is tried once in a throwaway module, and the answer is cached.
        """
        key = helper.item, kinds
        if key not in _taken:
            _taken[key] = Translator(_NOTHING, {}, self._typing, self._meaning.target).tries(
                helper, kinds
            )
        return _taken[key]

    def tries(self, helper: Helper, kinds: Sequence[Any]) -> bool:
        """Try to translate a helper function for some argument types, in a throwaway module. Return
        whether that works.
        """
        values = [self._meaning.target.get_value_type(kind) for kind in kinds]
        function = ir.Function(ir.Module(), ir.FunctionType(ir.VoidType(), values), "trial")
        self._meaning.builder = ir.IRBuilder(function.append_basic_block())
        try:
            self._call_helper(helper, [*map(Value, kinds, function.args)])
        except Exception:  # whatever it is, numba then compiles it
            return False
        return True

    def _inside(self, helper: Helper, kinds: Sequence[Any]) -> _Scope:
        """Return a new scope of variables for translating the body of a helper function.

        Args:
            kinds: the types of the arguments that the helper is called with.
        """
        prefix = f"{self._scope.prefix}{helper.item.name}({', '.join(map(str, kinds))})."
        return _Scope(prefix, helper.names, {}, Counter())

    def _call_helper(self, helper: Helper, arguments: Sequence[Value]) -> Value:
        """Emit a call of a helper that is compiled as a separate LLVM function. Return its result
        as numba represents it.
        """
        values = [self._meaning.computed(a) for a in arguments]
        key = helper.item, tuple(v.type for v in values)
        if key not in self._helpers:
            self._helpers[key] = self._function_of(helper, values)
        function, kind = self._helpers[key]
        place = cgutils.alloca_once(self._builder, self._meaning.target.get_value_type(kind))
        byte = self._builder.bitcast(place, cgutils.voidptr_t)
        self._builder.call(function, [byte, *(v.llvm for v in values)])
        return Value(kind, self._builder.load(place))

    def _function_of(self, helper: Helper, values: Sequence[Value]) -> tuple[Any, Any]:
        """Compile a helper function to a separate LLVM function. Return that function, which stores
        the result at the address of its first argument, and the result's type.
        """
        kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, *(v.llvm.type for v in values)])
        module = self._builder.module
        name = module.get_unique_name(f"nodeflow.{helper.item.name}")
        function = ir.Function(module, kind, name)
        function.linkage = "linkonce_odr"
        outer, self._meaning.builder = self._builder, ir.IRBuilder(function.append_basic_block())
        result, *given = function.args
        arguments = [Value(v.type, a) for v, a in zip(values, given, strict=True)]
        value = self._body(helper.item, arguments, self._inside(helper, [v.type for v in values]))
        self._builder.store(value.llvm, self._builder.bitcast(result, value.llvm.type.as_pointer()))
        self._builder.ret_void()
        self._meaning.builder = outer
        return function, value.type

    def _of_tuple(self, item: ast.Tuple) -> Value:
        return self._meaning.tuple([self._value(part) for part in item.elts])

    # ---- elements -----------------------------------------------------------------------------

    def _of_subscript(self, item: ast.Subscript) -> Value:
        whole = self._value(item.value)
        index = self._index(item.slice)
        if isinstance(index.known, int) and isinstance(whole.type, types.BaseTuple):
            return self._meaning.parts(whole)[index.known]
        return self._meaning.element(whole, index, self._is_counter(item.slice))

    def _is_counter(self, item: ast.expr) -> bool:
        """Return whether an index expression is a loop counter, which is never negative. Then no
        check for negative indices is needed.
        """
        return isinstance(item, ast.Name) and item.id in self._scope.counters

    def _index(self, item: ast.expr) -> Value:
        if not isinstance(item, ast.Tuple):
            return self._value(item)
        return self._meaning.tuple([self._value(part) for part in item.elts])


@lru_cache(maxsize=512)
def _assigned(item: ast.FunctionDef) -> Counter[str]:
    """Return how many statements in the source of a function assign each variable.

    An argument counts as assigned once.
    """
    stored = (n.id for n in ast.walk(item)
              if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))  # fmt: skip
    return Counter([*(a.arg for a in item.args.args), *stored])


_NOTHING = ast.Module([], [])
_taken: dict[tuple[ast.FunctionDef, tuple[Any, ...]], bool] = {}
"""For each helper and types that were tried, whether the helper can be translated."""


class _Group(ir.MDValue):
    """The mark of the array elements that a loop reads and writes."""

    def __init__(self, module: ir.Module) -> None:
        super().__init__(module, [], str(len(module.metadata)))

    def descr(self, buf: list[str]) -> None:
        buf += ["distinct !{}\n"]


def _wishes(item: ast.For) -> tuple[list[str], list[ast.expr]]:
    """Return the optimizations that a loop requests, and the arguments of its range without these
    requests.

    A loop requests them in the form ``for NAME in range(independent(interleaved(END)))``.
    """
    wishes: list[str] = []
    arguments = item.iter.args if isinstance(item.iter, ast.Call) else []
    while True:
        match arguments:
            case [ast.Call(func=ast.Name(id=("interleaved" | "independent") as name), args=inner)]:
                wishes.append(name)
                arguments = inner
            case _:
                return wishes, arguments


def _not_negative(value: Value) -> bool:
    return isinstance(value.known, int) and value.known >= 0


def _any_equal(item: ast.Compare) -> ast.BoolOp:
    """Rewrite the syntax tree of ``x in (a, b)`` as ``x == a or x == b``.

    Raise Untranslatable if ``x`` is not a name or the right side is not a tuple.
    """
    choices = item.comparators[0]
    if not isinstance(item.left, ast.Name) or not isinstance(choices, ast.Tuple):
        raise Untranslatable("in")
    parts: list[ast.expr] = [ast.Compare(item.left, [ast.Eq()], [c]) for c in choices.elts]
    return ast.BoolOp(ast.Or(), parts)
