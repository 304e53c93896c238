"""The process that computes views of kept runs side by side, and its messages."""
