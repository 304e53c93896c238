"""The panel of a lesson, its questions, and the list of lessons on the welcome page."""
