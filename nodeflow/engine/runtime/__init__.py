"""Runs of compiled plans: memory and machine code bound to programs, and threads that run them.

``program`` is a table of kernel launches, ``thread_pool`` runs it on all threads, ``compiled_plan``
is a single run, ``compiled_steps`` the steps of a training, and ``context`` the state that the runs
of one session share. Executors, steppers and ``inspect`` import from here. Nothing here plans, and
nothing here knows the session.
"""
