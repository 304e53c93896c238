"""What the user edits: the document, its commands, its file, and its way to a graph."""
