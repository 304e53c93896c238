"""Edits that reach a running training.

`variant` is the training between two edits, `hand_over` carries the state of the training over an
edit, and `content` decides whether an edit affects the training.
"""
