"""What is inserted besides single nodes: copied parts, definitions, the user's library."""
