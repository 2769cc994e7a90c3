# SPDX-License-Identifier: GPL-3.0-or-later
"""Started by verify-deployment.sh as a folder: what it imports is the package verify beside it and the
tests' HTTP client, which is in tests/ of the tree and beside the package when installed."""
import sys
from pathlib import Path

LIB = Path(__file__).resolve().parents[1]
sys.path[:1] = [str(LIB), str(LIB.parents[1] / "tests")]
sys.dont_write_bytecode = True

from verify.main import main  # noqa: E402

sys.exit(main())
