"""Widgets over the canvas, and dialogs that interrupt the user.

A popup gets its models and functions as arguments. It imports neither pages, panels nor
controllers.
"""
