# SPDX-License-Identifier: GPL-3.0-or-later
"""verify-deployment.sh starts this folder. The modules need two packages: verify, which this is, and harness,
the tests' HTTP client, which is in tests/ of the tree and beside verify where it is installed."""
import sys
from pathlib import Path

LIB = Path(__file__).resolve().parents[1]
sys.path[:1] = [str(LIB), str(LIB if (LIB / "harness").exists() else LIB.parents[1] / "tests")]
sys.dont_write_bytecode = True  # an installed folder belongs to the package manager

from verify.main import main  # noqa: E402

sys.exit(main())
