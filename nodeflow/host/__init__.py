"""The engine process: runs and trainings happen here, so the window never waits for one.

The window imports only `client` (starts the process, sends requests) and `protocol` (messages);
`nodeflow render --values` evaluates in its own process, with `evaluation`. On the other side,
`process` is the entry point, and `engine` handles requests: with `evaluation` those about values of
now, with `past` those about earlier steps, with `training` trainings. Messages are frozen data,
pickled over a local connection; the events of a training are those of `nodeflow.train.events`.
Signs of life are in shared memory (`pulse`), since a process that hangs sends no message.
"""
