"""Edits that reach a running training.

`variant` is the training between two edits, `hand_over` carries its state from one variant to the
next, and `content` decides whether an edit matters.
"""
