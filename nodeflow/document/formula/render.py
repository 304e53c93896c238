"""The formula of a node, as text (which the expression bar can parse) and as LaTeX."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from nodeflow.document.formula.function_calls import named_op
from nodeflow.document.formula.tree import Applied, Literal, Missing, Named, Term, formula_tree
from nodeflow.document.model.document import Document

# Precedence of operators, as in Python; operands of lower precedence need brackets.
COMPARE, OR, AND, SUM, PRODUCT, SIGN, POWER, ATOM = range(8)
BINARY = {
    "logical_or": ("|", OR),
    "logical_and": ("&", AND),
    "equal": ("==", COMPARE),
    "not_equal": ("!=", COMPARE),
    "less": ("<", COMPARE),
    "less_equal": ("<=", COMPARE),
    "greater": (">", COMPARE),
    "greater_equal": (">=", COMPARE),
    "add": ("+", SUM),
    "subtract": ("-", SUM),
    "multiply": ("*", PRODUCT),
    "divide": ("/", PRODUCT),
    "floor_divide": ("//", PRODUCT),
    "modulo": ("%", PRODUCT),
    "matmul": ("@", PRODUCT),
    "power": ("**", POWER),
}
SIGNS = {"negative": "-", "logical_not": "~"}


def formula_text(doc: Document, node_id: str) -> str:
    """Return the formula of a node, ``(b + c) * (c + 2)``; for an input, its name."""
    return term_text(formula_tree(doc, node_id))


def term_text(term: Term) -> str:
    """Return the text of a formula's tree."""
    return _text(term)[0]


def formula_latex(doc: Document, node_id: str) -> str:
    """Return the formula of a node as LaTeX (mathematics mode, without dollar signs)."""
    return _latex(formula_tree(doc, node_id))[0]


# ---- text -------------------------------------------------------------------------------------


def _text(term: Term) -> tuple[str, int]:
    """Return the text of a term, and the precedence of its outermost operator."""
    if isinstance(term, Missing):
        return "?", ATOM
    if isinstance(term, Literal):
        text = value_text(term.value)
        return text, SIGN if text.startswith("-") else ATOM
    if isinstance(term, Named):
        return _name(term.name) + _index(term.output), ATOM
    op, args = term.op.id, term.args
    if op in BINARY and len(args) == 2 and not term.attrs:
        return _infix(*BINARY[op], args, _text)
    if op in SIGNS and len(args) == 1:
        inner = _bracketed(_text(args[0]), SIGN)
        return SIGNS[op] + inner, SIGN
    inside = [_text(arg)[0] for arg in args]
    if term.op.variadic and len(term.op.inputs) > 1:
        fixed = len(term.op.inputs) - 1
        inside = [*inside[:fixed], f"[{', '.join(inside[fixed:])}]"]
    inside += [f"{key}={_attribute(value)}" for key, value in term.attrs.items()]
    called = term.op.call_name if term.owner is None else _called(term.owner)
    return f"{called}({', '.join(inside)}){_index(term.output)}", ATOM


def _name(name: str) -> str:
    return name if "/" not in name else repr(name)


def _called(owner: str) -> str:
    """Return the name of a layer that is applied again, in quotes if an op has the name, too."""
    return _name(owner) if named_op(owner) is None else repr(owner)


def _infix(
    sign: str, binds: int, args: tuple[Term, ...], write: Callable[[Term], tuple[str, int]]
) -> tuple[str, int]:
    """Return the text of a binary operation, with brackets where needed, and its precedence.

    Operators are left-associative, powers right-associative, comparisons neither.
    """
    left = _bracketed(write(args[0]), binds + (binds in (COMPARE, POWER)))
    right = _bracketed(write(args[1]), SIGN if binds == POWER else binds + 1)
    return f"{left} {sign} {right}", binds


def _bracketed(written: tuple[str, int], at_least: int) -> str:
    text, binds = written
    return text if binds >= at_least else f"({text})"


def _index(output: int | None) -> str:
    return "" if output is None else f"[{output}]"


def value_text(value: Any) -> str:
    """Return a number in its usual notation: 2 for 2.0."""
    if isinstance(value, list):
        return f"[{', '.join(value_text(item) for item in value)}]"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _attribute(value: Any) -> str:
    return repr(value)


# ---- LaTeX ------------------------------------------------------------------------------------

GREEK = frozenset(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau "
    "upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega".split()
)
LATEX_SIGNS = {
    "logical_or": r"\lor",
    "logical_and": r"\land",
    "equal": "=",
    "not_equal": r"\neq",
    "less": "<",
    "less_equal": r"\leq",
    "greater": ">",
    "greater_equal": r"\geq",
    "add": "+",
    "subtract": "-",
    "multiply": r"\cdot",
    "modulo": r"\bmod",
    "matmul": r"\,",
}
LATEX_FORMS: dict[str, str] = {
    "sqrt": r"\sqrt{%s}",
    "rsqrt": r"\frac{1}{\sqrt{%s}}",
    "floor": r"\left\lfloor %s\right\rfloor",
    "ceil": r"\left\lceil %s\right\rceil",
}
TALL = (r"\frac", r"\sqrt")
"""Signs that stand higher than a line, so that the brackets around them grow."""
LATEX_FUNCTIONS = frozenset("exp log sin cos tan tanh".split())
LATEX_NAMES = {
    "reduce_sum": "sum",
    "reduce_mean": "mean",
    "reduce_max": "max",
    "reduce_min": "min",
    "reduce_prod": "prod",
}
LATEX_INFINITIES = {"Infinity": r"\infty", "-Infinity": r"-\infty"}
LATEX_ESCAPES = {ord(c): f"\\{c}" for c in "_%#&{}$ "} | {ord("\\"): r"\backslash{}"}


def _latex(term: Term) -> tuple[str, int]:
    if isinstance(term, Missing):
        return "?", ATOM
    if isinstance(term, Literal):
        text = _latex_value(term.value)
        return text, SIGN if text.startswith("-") else ATOM
    if isinstance(term, Named):
        return latex_name(term.name) + _latex_index(term.output), ATOM
    op, args = term.op.id, term.args
    if len(args) == 2 and (op in BINARY):
        return _latex_binary(term)
    if len(args) == 1 and op in SIGNS:
        sign = r"\lnot " if op == "logical_not" else "-"
        return sign + _latex_bracketed(_latex(args[0]), SIGN), SIGN
    if len(args) == 1 and op in ("square", "transpose") and not term.attrs:
        return _raised(_latex(args[0]), "2" if op == "square" else r"\top")
    if len(args) == 1 and op in LATEX_FORMS:
        return LATEX_FORMS[op] % _latex(args[0])[0], ATOM
    if len(args) == 1 and op == "abs":
        return _fenced(_latex(args[0])[0], "|", "|"), ATOM
    if len(args) == 1 and op == "sigmoid":
        return r"\sigma" + _fenced(_latex(args[0])[0]), ATOM
    return _latex_call(term), ATOM


def _latex_binary(term: Applied) -> tuple[str, int]:
    op, args = term.op.id, term.args
    if op == "divide":
        return rf"\frac{{{_latex(args[0])[0]}}}{{{_latex(args[1])[0]}}}", ATOM
    if op == "floor_divide":
        inner = rf"\frac{{{_latex(args[0])[0]}}}{{{_latex(args[1])[0]}}}"
        return LATEX_FORMS["floor"] % inner, ATOM
    if op == "power":
        return _raised(_latex(args[0]), _latex(args[1])[0])
    binds = BINARY[op][1]
    left = _latex(args[0])
    right = _latex(args[1])
    if op == "matmul":
        left = _transposed(left, bool(term.attrs.get("transpose_x")))
        right = _transposed(right, bool(term.attrs.get("transpose_y")))
    first = _latex_bracketed(left, binds + (binds == COMPARE))
    return f"{first} {LATEX_SIGNS[op]} {_latex_bracketed(right, binds + 1)}", binds


def _transposed(written: tuple[str, int], wanted: bool) -> tuple[str, int]:
    return _raised(written, r"\top") if wanted else written


def _raised(base: tuple[str, int], exponent: str) -> tuple[str, int]:
    text = _fenced(base[0]) if base[0].startswith(r"\frac") else _latex_bracketed(base, ATOM)
    return f"{{{text}}}^{{{exponent}}}", POWER


def _latex_call(term: Applied) -> str:
    op = term.op.short_id
    name = LATEX_NAMES.get(op, op)
    head = f"\\{op}" if op in LATEX_FUNCTIONS else rf"\operatorname{{{_escaped(name)}}}"
    if term.owner is not None:
        head = latex_name(term.owner)
    attrs = dict(term.attrs)
    if op in LATEX_NAMES and attrs.get("axis") is not None:
        axes = attrs.pop("axis")
        axes = axes if isinstance(axes, list) else [axes]
        head += f"_{{{', '.join(str(axis) for axis in axes)}}}"
    inside = [_latex(arg)[0] for arg in term.args]
    inside += [rf"\mathrm{{{_escaped(k)}}}={_latex_value(v)}" for k, v in attrs.items()]
    return f"{head}{_fenced(', '.join(inside))}{_latex_index(term.output)}"


def _latex_bracketed(written: tuple[str, int], at_least: int) -> str:
    text, binds = written
    return text if binds >= at_least else _fenced(text)


def _fenced(inner: str, opening: str = "(", closing: str = ")") -> str:
    """Return LaTeX between brackets, which grow only around what is higher than a line.

    Each level of growing brackets doubles the time that typesetting takes.
    """
    if not any(sign in inner for sign in TALL):
        return opening + inner + closing
    return rf"\left{opening}{inner}\right{closing}"


def _latex_index(output: int | None) -> str:
    return "" if output is None else f"_{{[{output}]}}"


def _latex_value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_latex_value(item) for item in value)}]"
    if isinstance(value, dict):
        value = str(value.get("op", "…"))
    if isinstance(value, str):
        return LATEX_INFINITIES.get(value) or _roman(value)
    if isinstance(value, bool) or value is None:
        return _roman(str(value))
    mantissa, e, exponent = value_text(value).partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if e else mantissa


def latex_name(name: str) -> str:
    """Return a node's name as LaTeX: ``W1`` as W with index 1, ``alpha_t`` as Greek."""
    scope, _, last = name.rpartition("/")
    match = re.fullmatch(r"([A-Za-z]+?)_?([0-9]+|(?<=_)[A-Za-z0-9]+)", last)
    letters, index = (match[1], match[2]) if match else (last, "")
    if letters in GREEK:
        text = f"\\{letters}"
    else:
        text = letters if len(letters) == 1 else rf"\mathrm{{{_escaped(letters)}}}"
    if index:
        text += f"_{{{index if len(index) == 1 or index.isdigit() else _roman(index)}}}"
    return rf"\mathrm{{{_escaped(scope)}/}}{text}" if scope else text


def _roman(text: str) -> str:
    return rf"\mathrm{{{_escaped(text)}}}"


def _escaped(text: str) -> str:
    return text.translate(LATEX_ESCAPES)
