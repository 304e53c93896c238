"""The tensor graph: what is computed, and of which type; no execution, no GUI."""
