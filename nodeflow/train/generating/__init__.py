"""Generation of text, token by token, with a trained graph."""
