# SPDX-License-Identifier: GPL-3.0-or-later
"""A model that judges the engine while faults are injected: docs/reliability.md.

plan.py: what is done, a function of the seed. site.py: the engine, its Redis and what is between them.
faults.py: the faults. pupils.py, rights.py: what the engine must hold. actor.py: a client that does the
operations of the plan and judges each response. final.py: the comparison at the end. plants.py: bugs to be
found. report.py: what was found. run.py: all of it together.
"""
