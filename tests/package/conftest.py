# SPDX-License-Identifier: GPL-3.0-or-later
"""Building and installing the package takes minutes, root and the network: only when asked for."""
import os

collect_ignore = [] if os.environ.get("MASTERY_PACKAGE_TESTS") == "1" else ["test_debian.py"]
