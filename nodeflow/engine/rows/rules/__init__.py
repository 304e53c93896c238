"""The rules for rows, a module for each family of lowerings and ops; found by the registry."""
