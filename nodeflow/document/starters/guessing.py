"""The choices to begin with for a surveyed file."""

from __future__ import annotations

from nodeflow.data.survey import Survey
from nodeflow.document.starters.catalog import fitting
from nodeflow.document.starters.choices import Choices
from nodeflow.document.starters.material import look_at
from nodeflow.errors import DataError


def starters_for(survey: Survey) -> tuple[str, ...] | None:
    """Return the ids of the starter graphs that suit arrays found in a data source. Return None for
    other kinds of data, which `Choices` can judge by the columns alone.
    """
    if survey.kind != "arrays":
        return None
    try:
        material = look_at(survey.source, Choices.guessed(survey).options())
    except DataError:  # the arrays do not fit the guess; they may still load as they are
        return ()
    return tuple(starter.id for starter in fitting(material))
