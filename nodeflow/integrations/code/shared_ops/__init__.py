"""The code of ops that is the same in several libraries."""
