"""Text tables: their file format, the meaning of their cells and columns, and conversion to
numbers.

`dialect` finds encoding and delimiter, `table` reads columns, `encoders` and `schema` convert them
to numbers, `survey` and `guess` describe the content and use of a table.
"""
