"""Edits that are offered: what resolves a problem, fits a wire or is the obvious next step."""
