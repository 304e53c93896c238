"""Edits of a document's data: attach data, locate missing files, replace a source."""
