"""Graphs of other programs: files that open here, and files that are written for them."""
