"""Fields that find ops, nodes and actions by a few typed letters."""
