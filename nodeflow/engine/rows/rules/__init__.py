"""The rules for rows, one module for each family of lowerings and ops. The registry finds them."""
