"""From a graph written in Python, or opened from another format, to a document."""
