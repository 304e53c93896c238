"""Edits of a document's data: attached, found again, replaced."""
