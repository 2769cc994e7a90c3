# SPDX-License-Identifier: GPL-3.0-or-later
"""The deployment verification checklist (docs/operations.md) as a program: main.py runs it."""
