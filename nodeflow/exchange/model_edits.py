"""Changes of model files of other programs, which integrations offer (purpose ``model_edits``).

A verb reads one file and writes another one. What it does not touch stays as it was read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nodeflow.errors import ArgumentProblem, FileProblem, suggest_or_list
from nodeflow.manifests import Offer, offers


@dataclass(frozen=True)
class Edited:
    """The result of a change.

    Attributes:
        path: the new file.
        done: what changed, in words.
        verified: whether another program computed the promised values.
        verdict: the same in a sentence, which begins with ``not verified`` if none did.
    """

    path: Path
    done: tuple[str, ...]
    verified: bool
    verdict: str


def edit_model(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    verb: str,
    *,
    samples: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Edited:
    """Write a changed copy of a model file, and return what changed.

    ``nodeflow model --help`` lists the verbs, and ``nodeflow model VERB --help`` their options.

    Args:
        source: the model file; it stays as it is.
        target: the file to write.
        verb: what to change: ``"cut"``.
        samples: folder of samples for the verification; None for random numbers.
        options: the options of the verb, such as ``end=["logits"]``.

    Raises:
        NodeflowError: the verb or an option is unknown, the model lacks the named tensor or node,
            or the changed model computes something else than it should.
    """
    path, new = Path(source), Path(target)
    offer = _offer_for(path)
    known = _options_of(offer, verb)
    for name in options:
        if name not in known:
            raise ArgumentProblem(
                f"{verb} has no option {name!r}", hint=suggest_or_list(name, known)
            )
    given = {
        name: _converted(name, value, known[name].get("kind", "text"))
        for name, value in options.items()
        if value is not None
    }
    missing = next(
        (n for n, about in known.items() if about.get("required") and n not in given), ""
    )
    if missing:
        raise ArgumentProblem(f"{verb} needs {missing}", hint=f"It is {known[missing]['help']}.")
    if new.exists() and path.exists() and new.samefile(path):
        raise FileProblem(
            f"{new.name} is the model itself, which stays as it is", hint="Choose another name."
        )
    offer.integration.check_software()
    return offer.load()(path, new, verb, given, None if samples is None else Path(samples))


def option_names(path: Path, verb: str) -> list[str]:
    """Return the names of the options of a verb for a model file.

    Raises:
        NodeflowError: there is no such verb, or no integration changes such files.
    """
    return list(_options_of(_offer_for(path), verb))


def _options_of(offer: Offer, verb: str) -> dict[str, Mapping[str, Any]]:
    """Return the options of a verb by name.

    Raises:
        ArgumentProblem: there is no such verb.
    """
    verbs = offer.fields["verbs"]
    if verb not in verbs:
        raise ArgumentProblem(f"there is no verb {verb!r}", hint=suggest_or_list(verb, verbs, 20))
    return {flag.lstrip("-"): about for flag, about in verbs[verb]["options"].items()}


def _offer_for(path: Path) -> Offer:
    """Return the integration that can change model files with this ending.

    Raises:
        FileProblem: no integration changes such files.
    """
    found = {end: each for each in offers("model_edits") for end in each.fields["endings"]}
    if path.suffix.lower() not in found:
        hint = f"Choose a file that ends in {' or '.join(found)}." if found else None
        raise FileProblem(f"{path.name} is not a model that can be changed", hint=hint)
    return found[path.suffix.lower()]


def _converted(name: str, value: Any, kind: str) -> Any:
    """Convert the value of an option to the Python type that its kind requires. A text is parsed.

    Raises:
        ArgumentProblem: it is no such value.
    """
    convert, wanted = _KINDS[kind]
    try:
        return convert(value)
    except (TypeError, ValueError):
        raise ArgumentProblem(f"{name} is {value!r}", hint=f"Give {wanted}.") from None


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        raise TypeError
    return str(value)


def _names(value: Any) -> list[str]:
    listed = [value] if isinstance(value, str) else list(value)
    if not listed or not all(isinstance(each, str) and each for each in listed):
        raise TypeError
    return listed


def _numbers(value: Any) -> list[float]:
    if isinstance(value, str):
        value = value.split(",")
    elif not isinstance(value, Sequence):
        value = [value]
    return [float(each) for each in value]


def _pairs(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {str(old): new for old, new in value.items()}
    listed = [value] if isinstance(value, str) else list(value)
    parts = [each.rpartition("=") for each in listed]
    if not all(old and middle for old, middle, _ in parts):
        raise ValueError
    return {old: new for old, _, new in parts}


_KINDS: Mapping[str, tuple[Callable[[Any], Any], str]] = {
    "text": (_text, "a text"),
    "names": (_names, "one or more names"),
    "numbers": (_numbers, "numbers, separated by commas"),
    "whole": (int, "a whole number"),
    "pairs": (_pairs, "pairs such as OLD=NEW"),
}
"""The kinds of options in manifests: what converts a value, and its description."""
