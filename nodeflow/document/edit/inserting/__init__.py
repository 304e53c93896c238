"""Inserting more than single nodes: copied parts, definitions, the user's library."""
