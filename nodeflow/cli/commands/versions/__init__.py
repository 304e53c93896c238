"""Commands about versions of a graph: diff, merge, resolve."""
