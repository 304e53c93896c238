"""Text tables: how a file is written, what its cells and columns mean, and their numbers.

`dialect` finds encoding and delimiter, `table` reads columns, `encoders` and `schema` turn them
into numbers, `survey` and `guess` say what a table holds and what it is for.
"""
