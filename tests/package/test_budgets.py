# SPDX-License-Identifier: GPL-3.0-or-later
"""What a request costs, counted on the build without sanitizers, stays within bench/budgets.json. A cost that grew for
a good reason gets a new budget by `bench/budgets --write`; the commit says the reason."""
import json

import pytest
from harness.costs import BUDGETS, OPERATIONS, measure, over_budget


@pytest.fixture(scope="module")
def costs():
    return measure()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_request_costs_no_more_than_its_budget(costs, operation):
    assert not over_budget(operation, costs[operation], json.loads(BUDGETS.read_text())[operation])
