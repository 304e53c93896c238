"""SentencePiece learns the byte pairs of a text."""
