"""Commands that print information: data, ops, doctor."""
