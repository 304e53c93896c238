"""The engine process: runs and trainings happen here, so the window never waits for one.

The window imports `client` (starts the process, sends requests) and `protocol` (the messages), and
nothing else. `process` is the entry point of the other side; `engine` handles its requests with
`evaluator`, `previews`, `profiling` and `progress_batching`. Messages are frozen data, pickled over
a local connection; the events of a training are those of `nodeflow.train.events`.
"""
