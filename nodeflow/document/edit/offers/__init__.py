"""Offered edits, which resolve a problem, make a wire fit, or are the obvious next step."""
