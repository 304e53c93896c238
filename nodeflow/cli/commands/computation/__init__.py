"""Commands that compute or draw a graph: run, bench, render."""
