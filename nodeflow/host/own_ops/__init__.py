"""The user's own ops, tried in a process of their own: what they do to it harms nobody else.

`probe_process` loads the plugin folder and runs functions on small arrays, with limits on time and
memory. `prober` starts it, asks it on a thread, and kills it when an answer takes too long; what
killed it is left out from then on. The window knows own ops only as `remote_op`; the engine process
has the functions, and asks for types here, too.
"""
