"""Dataset nodes: their columns, and data that the user has not allowed."""
