"""Writing token by token with a trained graph."""
