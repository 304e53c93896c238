"""The engine process: runs and trainings happen here, so the window never waits for one.

The window imports only `engine_client`, which starts the process and sends requests, and
`protocol`, with the messages. `nodeflow render --values` evaluates in its own process, with
`evaluation`. In the engine process, `engine_process` is the entry point, and `request_handler`
handles requests: `evaluation` computes current values, `past` earlier steps, and `training` runs
trainings. Messages are frozen data, pickled over a local connection. The events of a training come
from `nodeflow.train.events`. Signs of life are in shared memory (`pulse`), because a process that
hangs sends no message.
"""
