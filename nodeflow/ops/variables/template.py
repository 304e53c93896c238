"""`nf.make_template`: a function whose variables are made in its first call, then shared."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from nodeflow.errors import GraphError, a_type
from nodeflow.graph.graph import Tensor, get_default_graph
from nodeflow.ops.variables.scope import VariableScope, variable_scope

__all__ = ["Template", "make_template"]


class Template:
    """A function that runs in a variable scope of its own, from the second call on with reuse.

    Attributes:
        variable_scope: the scope, once there is one.
    """

    def __init__(
        self,
        name: str,
        func: Callable[..., Any],
        create_scope_now: bool = False,
        unique_name: str | None = None,
    ) -> None:
        if not isinstance(name, str) or not callable(func):
            raise GraphError(
                "a template needs a name and a function",
                hint=f"{a_type(name)} and {a_type(func)} were given.",
            )
        self._name, self._func, self._unique_name = name, func, unique_name
        self.variable_scope: VariableScope | None = None
        self._was_called = False
        if create_scope_now:
            with variable_scope(unique_name, name) as self.variable_scope:
                pass

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the function returns.

        Raises:
            GraphError: another call than the first makes trainable variables.
        """
        if self.variable_scope is None:
            with variable_scope(self._unique_name, self._name) as self.variable_scope:
                result = self._func(*args, **kwargs)
        elif not self._was_called:
            with variable_scope(self.variable_scope):
                result = self._func(*args, **kwargs)
        else:
            with variable_scope(self.variable_scope, reuse=True):
                result = self._sharing(*args, **kwargs)
        self._was_called = True
        return result

    def _sharing(self, *args: Any, **kwargs: Any) -> Any:
        before = get_default_graph().trainable_variables
        result = self._func(*args, **kwargs)
        new = [v.name for v in get_default_graph().trainable_variables if v not in before]
        if new:
            raise GraphError(
                f"calling the template {self._name!r} again made variables: {', '.join(new)}",
                hint="In the function use nf.get_variable and nf.layers, not nf.Variable.",
            )
        return result

    @property
    def name(self) -> str:
        """The name that it was given."""
        return self._name

    @property
    def func(self) -> Callable[..., Any]:
        """The function."""
        return self._func

    @property
    def variable_scope_name(self) -> str | None:
        """The full name of the scope, once there is one."""
        return None if self.variable_scope is None else self.variable_scope.name

    @property
    def global_variables(self) -> list[Tensor]:
        """The global variables made in the scope."""
        return [] if self.variable_scope is None else self.variable_scope.global_variables()

    @property
    def local_variables(self) -> list[Tensor]:
        """The local variables made in the scope."""
        return [] if self.variable_scope is None else self.variable_scope.local_variables()

    @property
    def trainable_variables(self) -> list[Tensor]:
        """The variables made in the scope that optimizers change."""
        return [] if self.variable_scope is None else self.variable_scope.trainable_variables()

    @property
    def variables(self) -> list[Tensor]:
        """The global and local variables made in the scope."""
        return [*self.global_variables, *self.local_variables]

    weights, trainable_weights = variables, trainable_variables


def make_template(
    name_: str,
    func_: Callable[..., Any],
    create_scope_now_: bool = False,
    unique_name_: str | None = None,
    custom_getter_: Any = None,
    **kwargs: Any,
) -> Template:
    """A function whose variables are made in its first call and shared in all others.

    Args:
        name_: of its variable scope; made unique.
        func_: makes variables by `get_variable` and `nf.layers`, which are then the same ones in
            each call.
        create_scope_now_: whether the scope is where this is called; else where the template is
            called first.
        unique_name_: the scope's name as it is, also where it is taken.
        kwargs: arguments for each call of the function.

    Raises:
        GraphError: there is no name or no function, or a custom getter, which is not supported.
    """
    if custom_getter_ is not None:
        raise GraphError(
            "custom_getter_ is not supported", hint="Apply it to the variables where they are used."
        )
    function = partial(func_, **kwargs) if kwargs and callable(func_) else func_
    return Template(name_, function, create_scope_now_, unique_name_)
