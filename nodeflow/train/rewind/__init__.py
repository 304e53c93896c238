"""Any earlier step again: copies of the variables, and replay from them."""
