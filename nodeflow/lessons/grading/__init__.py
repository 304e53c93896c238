"""Grading of many answers to one lesson, each in a process with limits of time and memory.

`answers` finds the files and the students they belong to, `pool` marks them, `marks_table` and
`roster` write tables.
"""
