"""`make_template`: a function whose first call creates variables, which later calls share."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from nodeflow.errors import GraphError, a_type
from nodeflow.graph.graph import Tensor, get_default_graph
from nodeflow.ops.variables.scope import VariableScope, variable_scope

__all__ = ["Template", "make_template"]


class Template:
    """A function that runs in its own variable scope, with reuse from the second call on.

    Attributes:
        variable_scope: the scope, once it is created.
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
        """Call the template's function in its variable scope. The first call creates the variables;
        later calls reuse them.

        Raises:
            GraphError: a call after the first creates trainable variables.
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
                hint="In the function use get_variable and nf.layers, not Variable.",
            )
        return result

    @property
    def name(self) -> str:
        """The given name."""
        return self._name

    @property
    def func(self) -> Callable[..., Any]:
        """The function."""
        return self._func

    @property
    def variable_scope_name(self) -> str | None:
        """The full name of the scope, once it is created."""
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
    """Return a function whose first call creates variables, which all later calls share.

    Args:
        name_: name of its variable scope; made unique.
        func_: a function that creates variables by `get_variable` and `nf.layers`, which every call
            then shares.
        create_scope_now_: whether to create the scope now; otherwise at the first call.
        unique_name_: exact name of the scope, even if it is in use.
        kwargs: arguments for each call of the function.

    Raises:
        GraphError: there is no name or no function, or a custom getter is given, which is not
            supported.
    """
    if custom_getter_ is not None:
        raise GraphError(
            "custom_getter_ is not supported", hint="Apply it to the variables where they are used."
        )
    function = partial(func_, **kwargs) if kwargs and callable(func_) else func_
    return Template(name_, function, create_scope_now_, unique_name_)
