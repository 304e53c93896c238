"""`tf.flags`: command-line options, declared as in `tf.flags` and parsed by argparse.

``FLAGS.name`` parses the command line at the first access. Unknown arguments are left to the
program.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from nodeflow.errors import GraphError, suggest_or_list
from nodeflow.public import publish

__all__ = [
    "DEFINE_bool",
    "DEFINE_boolean",
    "DEFINE_enum",
    "DEFINE_float",
    "DEFINE_integer",
    "DEFINE_list",
    "DEFINE_string",
]


class Flags:
    """The values of all options, as attributes."""

    def __init__(self) -> None:
        self.__dict__["_defined"] = {}
        self.__dict__["_values"] = {}
        self.__dict__["_rest"] = None

    def _define(self, name: str, default: Any, help: str | None, **rest: Any) -> None:
        if not isinstance(name, str) or not name.isidentifier():
            raise GraphError(f"{name!r} is not a valid option name", hint="Write a word.")
        self._defined[name] = {"default": default, "help": help, **rest}
        if self._rest is not None:
            self(self._argv)

    def __call__(self, argv: Sequence[str], known_only: bool = True) -> list[str]:
        """Parse a command line, program name first. Return the arguments that are no options."""
        self.__dict__["_argv"] = list(argv)
        parser = argparse.ArgumentParser(allow_abbrev=False)
        for name, given in self._defined.items():
            options = {"help": given["help"], "default": given["default"]}
            if given.get("type") is bool:
                parser.add_argument(
                    f"--{name}", nargs="?", const=True, type=_truth, dest=name, **options
                )
                parser.add_argument(f"--no{name}", action="store_false", dest=name, default=None)
            else:
                choices = given.get("choices")
                parser.add_argument(f"--{name}", type=given["type"], choices=choices, **options)
        found, rest = parser.parse_known_args(list(argv)[1:])
        self._values.update(vars(found))
        self.__dict__["_rest"] = [*argv[:1], *rest]
        return self._rest

    def flag_values_dict(self) -> dict[str, Any]:
        """Return all options and their values."""
        return {name: getattr(self, name) for name in self._defined}

    def __getattr__(self, name: str) -> Any:
        if name not in self._defined:
            hint = suggest_or_list(name, self._defined)
            text = f"no option {name!r} is defined"
            raise AttributeError(f"{text}. {hint}" if hint else text)
        if self._rest is None:
            self(sys.argv)
        return self._values[name]

    def __setattr__(self, name: str, value: Any) -> None:
        getattr(self, name)
        self._values[name] = value

    def __dir__(self) -> list[str]:
        return sorted(self._defined)


def _truth(text: str) -> bool:
    known = {"true": True, "t": True, "1": True, "yes": True, "y": True}
    known |= {"false": False, "f": False, "0": False, "no": False, "n": False}
    if text.lower() not in known:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return known[text.lower()]


FLAGS = Flags()
"""The options of this program."""


def DEFINE_string(name: str, default: str | None, help: str | None = None) -> None:
    """Declare an option ``--name TEXT``."""
    FLAGS._define(name, default, help, type=str)


def DEFINE_integer(name: str, default: int | None, help: str | None = None) -> None:
    """Declare an option ``--name NUMBER`` for integers."""
    FLAGS._define(name, default, help, type=int)


def DEFINE_float(name: str, default: float | None, help: str | None = None) -> None:
    """Declare an option ``--name NUMBER``."""
    FLAGS._define(name, default, help, type=float)


def DEFINE_bool(name: str, default: bool | None, help: str | None = None) -> None:
    """Declare an option ``--name``, ``--noname`` or ``--name=false``."""
    FLAGS._define(name, default, help, type=bool)


DEFINE_boolean = DEFINE_bool


def DEFINE_enum(
    name: str, default: str | None, enum_values: Sequence[str], help: str | None = None
) -> None:
    """Declare an option ``--name TEXT`` that accepts only some texts."""
    FLAGS._define(name, default, help, type=str, choices=list(enum_values))


def DEFINE_list(name: str, default: Any, help: str | None = None) -> None:
    """Declare an option ``--name A,B,C``."""
    given = default.split(",") if isinstance(default, str) else default
    FLAGS._define(name, given, help, type=lambda text: text.split(",") if text else [])


def __dir__() -> list[str]:
    return sorted(["FLAGS", *__all__])


publish(globals(), __all__)
