# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls with the client that openapi-python-client has generated: mypy --strict reads this file, then it is run."""
import datetime
import os

from generated import AuthenticatedClient
from generated.api.batch import batch_submit
from generated.api.events import mastery_ingest
from generated.api.mastery import mastery_history, mastery_query
from generated.api.process import process
from generated.models import (
    BatchSubmitRequestType0,
    BatchSubmitResponse,
    ErrorResponse,
    GetPredictionCall,
    GetPredictionCallIntent,
    MasteryHistoryResponse,
    MasteryIngestResponse,
    MasteryQueryRequest,
    MasteryQueryResponse,
    PredictionNextWeekRequest,
    ProcessResponse,
    QuizCompletedData,
    QuizCompletedEvent,
    QuizCompletedEventEventType,
)

client = AuthenticatedClient(base_url=os.environ["BASE_URL"], token=os.environ["TOKEN"])

data = QuizCompletedData(
    quiz_id="fractions", score=0.9, questions_total=10, questions_correct=9, time_spent_seconds=300
)
event = QuizCompletedEvent(
    event_id="python-client-1",
    event_type=QuizCompletedEventEventType.QUIZ_COMPLETED,
    student_id="student-1",
    timestamp=datetime.datetime.now(datetime.timezone.utc),
    data=data,
)
ingested = mastery_ingest.sync(client=client, body=event)
assert isinstance(ingested, MasteryIngestResponse), ingested

queried = mastery_query.sync(client=client, body=MasteryQueryRequest(student_id="student-1"))
assert isinstance(queried, MasteryQueryResponse), queried
assert queried.data.mastery_score > 0

history = mastery_history.sync("student-1", client=client, days=14)
assert isinstance(history, MasteryHistoryResponse) and len(history.history) > 1

call = GetPredictionCall(
    intent=GetPredictionCallIntent.GET_PREDICTION, payload=PredictionNextWeekRequest(student_id="student-2")
)
called = process.sync(client=client, body=call)
assert isinstance(called, ProcessResponse) and called.success, called

batch = batch_submit.sync(client=client, body=BatchSubmitRequestType0(student_ids=["student-1"]))
assert isinstance(batch, BatchSubmitResponse), batch

refused = mastery_query.sync(client=client, body=MasteryQueryRequest(student_id=" "))
assert isinstance(refused, ErrorResponse), refused
print("calls work")
