"""The command line: its definition is data, its commands are thin."""
