"""Reports of problems: facts that help to find the cause, and no private data."""
