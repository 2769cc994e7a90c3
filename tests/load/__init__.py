# SPDX-License-Identifier: GPL-3.0-or-later
"""The load test: behaviour.py has the users, runner.py runs them, report.py writes the page."""
