"""Runs of compiled plans: memory and machine code are bound to programs, and threads run these.

``program`` is a table of kernel launches, ``thread_pool`` runs it on all threads,
``compiled_plan`` is a single run, ``compiled_steps`` the steps of a training, and ``context``
the state that the runs of one session share. Executors, steppers and ``inspect`` import this
package. It neither plans nor knows the session.
"""
