"""Texts as numbered tokens: reading, vocabularies, byte pairs and windows.

``data/sources/tokens.py`` makes a data set of them.
"""
