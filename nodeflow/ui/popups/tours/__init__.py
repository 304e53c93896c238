"""Guided tours: instructions in steps, each with a check whether it is done."""

from nodeflow.ui.popups.tours.digit import DIGIT
from nodeflow.ui.popups.tours.expression import EXPRESSION
from nodeflow.ui.popups.tours.line import LINE

TOURS = {tour.id: tour for tour in (EXPRESSION, LINE, DIGIT)}
"""The tours by the id of the action that starts each, in recommended order."""
