"""A shop whose months pass in seconds: ``manage.py simulate``.

The real tasks and operations run in this process, in a database of their own, against the sandbox. The clock jumps from
one event to the next, so quiet hours cost nothing.

``clock`` replaces the time, ``database`` creates the database, ``providers`` runs the sandbox, ``delivery`` replaces
SQS and the workers, and ``jobs`` replaces the scheduler. ``customers`` and ``accidents`` decide what happens, and
``figures`` counts it.
"""
