"""Pictures: files in folders, a survey of them, and the preparation of one picture for a graph."""
