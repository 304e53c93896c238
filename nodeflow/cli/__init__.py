"""The command line. `definition` holds its commands as data, `commands` has a module for each.

`main` parses the arguments and calls the command's function with them and an `Environment` (streams
and working folder), so tests run in-process. A command prints results on standard output and
messages on standard error. Only the entry points and documentation tools import this package.
"""
