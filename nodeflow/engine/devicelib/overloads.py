"""Functions of generated kernels whose implementation depends on the type of their arguments.

Such a function is a stub that only compiled code can call. A decorator gives it an
implementation for each type.
"""

# Intrinsics are called without the typing context that their definitions show.
# pyright: reportCallIssue=false, reportGeneralTypeIssues=false
from __future__ import annotations

from numba import types
from numba.extending import overload, register_jitable


def compiled_only():
    """Raise NotImplementedError. This is the body of functions that only compiled code can call."""
    raise NotImplementedError("only inside a compiled kernel")


def overloaded(implementation_for, inlined=False):
    """Return a decorator that gives compiled code an implementation of a stub function. The stub
    takes one or two arguments of one type.

    ``implementation_for`` returns the implementation for a type, or None.
    """

    def choose_unary(x):
        return implementation_for(x)

    def choose_binary(x, y):
        return implementation_for(x) if x == y else None

    def attach(stub):
        choose = choose_unary if stub.__code__.co_argcount == 1 else choose_binary
        overload(stub, jit_options={"error_model": "numpy", "forceinline": inlined})(choose)
        stub.implementation_for, stub.is_inlined = implementation_for, inlined
        return stub

    return attach


def floats(single, double, inlined=False):
    """Return a decorator that gives compiled code two implementations of a stub function, one for
    float32 and one for float64.

    ``inlined``: whether they are inlined into their callers, regardless of their length.
    """
    return overloaded({types.float32: single, types.float64: double}.get, inlined)


def numbers(floating, integer):
    """Return a decorator that gives a stub function its implementations: ``floating`` for floats,
    ``integer`` for integers of any width.
    """

    def implementation_for(x):
        if isinstance(x, types.Float):
            return floating
        return integer if isinstance(x, types.Integer) else None

    return overloaded(implementation_for)


def always_inlined(function):
    """Mark a function to be inlined into its callers, regardless of its length, and return it.

    Otherwise LLVM may not vectorise loops over it.
    """
    register_jitable(forceinline=True)(function)
    function.is_inlined = True
    return function
