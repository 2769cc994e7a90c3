# SPDX-License-Identifier: GPL-3.0-or-later
"""What the black-box tests stand on: private stacks, clients, and things that break on purpose."""
