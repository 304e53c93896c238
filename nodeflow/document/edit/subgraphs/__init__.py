"""Edits of subgraphs: create, unpack, change ports and definitions, move nodes out of bodies."""
