"""Guided tours: what to do step by step, and how each step shows that it is done."""

from nodeflow.ui.popups.tours.digit import DIGIT
from nodeflow.ui.popups.tours.expression import EXPRESSION
from nodeflow.ui.popups.tours.line import LINE

TOURS = {tour.id: tour for tour in (EXPRESSION, LINE, DIGIT)}
"""By the id of the action that begins each, in the order to take them."""
