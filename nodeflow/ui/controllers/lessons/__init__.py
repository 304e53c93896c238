"""Lessons in the window: the running one, and what learners have done."""
