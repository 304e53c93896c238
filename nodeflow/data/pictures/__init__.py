"""Pictures: files in folders, a survey of them, and preparing one picture for a graph."""
