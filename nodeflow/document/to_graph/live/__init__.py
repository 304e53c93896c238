"""A build that follows its document edit by edit, for live values."""
