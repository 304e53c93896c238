"""Access to any earlier step: snapshots of the variables, and replay from them."""
