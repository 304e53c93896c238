"""The command line as data: commands, options and their help."""
