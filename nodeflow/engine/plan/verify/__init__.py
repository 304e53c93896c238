"""The verifier of plans: invariants of every plan, checked on small typed records.

`facts` extracts records from a draft or a plan, `rules` holds one small function for each rule, and
`check` runs them: between the passes of the planner under ``NODEFLOW_VERIFY=1``, as in all tests.
The planner imports `check` alone. Nothing here changes a plan, and nothing here imports the planner
or the runtime.
"""
