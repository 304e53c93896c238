"""Widgets over the canvas, and dialogs that stop the user for a moment.

A popup takes its models and callables; it imports neither pages, panels nor controllers.
"""
