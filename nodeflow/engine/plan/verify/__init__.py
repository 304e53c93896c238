"""The verifier of plans: checks invariants of every plan on small typed records.

`facts` extracts records from a draft or a plan, `rules` has one small function for each rule,
and `check` runs them: between the passes of the planner if ``NODEFLOW_VERIFY=1``, as in all
tests. The planner imports only `check`. Nothing here changes a plan, and nothing here imports
the planner or the runtime.
"""
