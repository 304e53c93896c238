"""Pictures: files in folders, a first look at them, and preparing one picture for a graph."""
