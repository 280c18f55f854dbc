"""Replicas: what they are doing, and what can be done with them without harm.

::

    pictures.py    what both sides show at one moment, and the facts rules are made of
    deeds.py       THE TABLE: each deed's guards, steps with their proofs, and its claim
    refusals.py    why a deed is refused, by id
    conducting.py  carries a deed out, from wherever it was left
    stepping.py    one step of it: journaled, asked for, followed, proved
    looking.py     system by system; one that does not answer is said, never left out
    logs.py        how fast logs grow, and how long they last
    verdicts.py    health by Microsoft's own thresholds
    groups.py      several VMs in order
    drill.py       a test failover of a group, with a report

A deed holds the leases of both VMs, so that no backup or checkpoint works on them meanwhile.
"""

from __future__ import annotations
