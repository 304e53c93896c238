"""The user's own ops, tried out in a separate process, so that a crash affects nothing else.

`probe_process` loads the plugin folder and runs functions on small arrays, with limits on time and
memory. `probe_client` starts the process, sends it requests on a thread, and kills it when an
answer takes too long. If a file killed the process, it is skipped from then on. The window knows
own ops only as `remote_op`. The engine process has the functions, but also asks for types here.
"""
