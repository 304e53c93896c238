"""A document as Python code that builds it again."""
