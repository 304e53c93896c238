"""Edits that reach a training while it goes on.

`variant` is what the training has between two edits, `hand_over` carries its state from one to the
next, and `content` says whether an edit is one.
"""
