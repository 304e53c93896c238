"""Dataset nodes: their columns, and data files that the user has not allowed the document to
read.
"""
