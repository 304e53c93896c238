"""Edits of a document's data: attach, locate, replace."""
