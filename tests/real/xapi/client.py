# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends statements with tincan as its README shows: ENDPOINT, KEY, SECRET and STUDENT are in the
environment. Prints a line of JSON."""
import json
import os
import uuid

from tincan import (
    Activity,
    ActivityDefinition,
    Agent,
    AgentAccount,
    LanguageMap,
    RemoteLRS,
    Result,
    Score,
    Statement,
    Verb,
)

env = os.environ
lrs = RemoteLRS(
    version=env["VERSION"] or "1.0.1",
    endpoint=env["ENDPOINT"],
    username=env["KEY"],
    password=env["SECRET"],
)


def statement(verb, scaled=None, **more):
    account = AgentAccount(name=env["STUDENT"], home_page="https://lms.example.org")
    result = Result(score=Score(scaled=scaled), success=True) if scaled is not None else None
    return Statement(
        actor=Agent(name="A learner", account=account),
        verb=Verb(id=f"http://adlnet.gov/expapi/verbs/{verb}", display=LanguageMap({"en-US": verb})),
        object=Activity(
            id="https://lms.example.org/activities/quiz",
            definition=ActivityDefinition(name=LanguageMap({"en-US": "A quiz"})),
        ),
        result=result,
        **more,
    )


def about():
    """tincan 1.0 knows no version 2.0.0 and so refuses a list with it; all else it understands."""
    try:
        return lrs.about().content.version
    except ValueError as error:
        return "'2.0.0' in ['1.0.3', '2.0.0']" in str(error)


one = statement("passed", 0.5, id=str(uuid.uuid4()))
responses = [
    lrs.save_statement(one),  # with an id: by PUT
    lrs.save_statement(one),
    lrs.save_statements([statement("passed", 1.0), statement("initialized")]),
    lrs.save_statement(statement("terminated")),
]
answered = [(response.success, response.response.status) for response in responses]
print(json.dumps({"about": about(), "answered": answered}))
