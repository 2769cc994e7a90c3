# SPDX-License-Identifier: GPL-3.0-or-later
"""Applications with Dapr's SDKs of Python and JavaScript, beside a sidecar of their own, that publish learning events
and call the engine."""
import json
import os
import subprocess
from pathlib import Path

import pytest
from conftest import API_TOKEN
from harness.engine import fresh_id
from harness.events import GOOD, event
from harness.model import COMPONENTS, Student, assert_agrees
from harness.wait import wait_for

HERE = Path(__file__).parent
COMMANDS = {
    "python": lambda programs: [programs / "python/bin/python", HERE / "sdk.py"],
    "javascript": lambda programs: ["node", HERE / "sdk.js"],
}


@pytest.mark.parametrize("language", COMMANDS)
def test_sdk_publishes_and_calls(programs, own_engine, broker, daprd, new_daprd, language):
    gateway = new_daprd("learnflow-gateway", callees=[daprd]).start()
    student, called, model = fresh_id(), fresh_id(), Student()
    bodies = [event(kind, student) for kind in GOOD]
    for body in bodies:
        model.ingest(body)
    scores = dict(zip(COMPONENTS, (0.8, 0.9, 0.85, 0.7)))
    call = {"intent": "mastery_calculation", "payload": {"student_id": called, "components": scores}}
    settings = {
        "DAPR_HTTP_PORT": str(gateway.port), "DAPR_GRPC_PORT": str(gateway.grpc_port), "DAPR_API_TOKEN": API_TOKEN,
        "EVENTS": json.dumps(bodies), "CALL": json.dumps(call), "NODE_PATH": str(programs / "node_modules"),
    }  # fmt: skip
    done = subprocess.run(
        COMMANDS[language](programs), env={**os.environ, **settings}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    response = json.loads(done.stdout.splitlines()[-1])
    assert response["success"] and response["data"]["mastery_score"] == 0.83
    wait_for(lambda: broker.pending() == 0, "all delivered")
    assert_agrees(own_engine.admin(), student, model)
