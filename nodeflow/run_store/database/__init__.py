"""The SQLite database of the runs: connection, tables by version, recovery of damaged rows."""
