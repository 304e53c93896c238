"""The store's SQLite database: connection, tables by version, recovery of damaged rows."""
