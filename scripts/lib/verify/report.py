# SPDX-License-Identifier: GPL-3.0-or-later
"""The results as lines, as JSON, and as the checklist filled in."""
import json
import re
from collections import Counter, namedtuple

from verify.checklist import BOX, read_lines

Result = namedtuple("Result", "box outcome evidence")  # outcome: ticked, failed or person
MARKS = {"ticked": "[x]", "failed": "[!]", "person": "[ ]"}
SIGNATURE = ". Done by (name, date): ____________"
# A row of the sign-off table counts the boxes whose id begins with one of these words.
SIGN_OFF = {
    "Code Quality": ["code"],
    "Security": ["privacy", "limits"],
    "Configuration": ["config"],
    "Docker Image": ["image"],
    "Kubernetes": ["kubernetes", "pods"],
    "Dapr Integration": ["dapr", "state"],
    "Health Checks": ["health"],
    "API Endpoints": ["api"],
    "Performance": ["performance", "pool", "breaker"],
    "Monitoring": ["monitoring", "logs", "logging", "tracing"],
    "Load Testing": ["load"],
    "Security Tests": ["security"],
}


def count(results):
    outcomes = Counter(result.outcome for result in results)
    return {outcome: outcomes[outcome] for outcome in MARKS}


def summary(results):
    return "{ticked} ticked, {failed} failed, {person} for a person".format_map(count(results))


def lines(results):
    """The lines of the last result, under its section where that is new."""
    *before, (box, outcome, evidence) = results
    if not before or before[-1].box.section != box.section:
        yield f"\n{box.section}"
    yield f"  {MARKS[outcome]} {box.words.replace('**', '')}"
    yield f"      {'for a person: ' if outcome == 'person' else ''}{evidence}"


def last_lines(v):
    return f"\n{v.url}: version {v.version}, commit {v.commit}, {v.began}\n{summary(v.results)}"


def document(v):
    boxes = [
        {"id": box.id, "section": box.section, "box": box.words, "result": outcome, "evidence": evidence}
        for box, outcome, evidence in v.results
    ]
    facts = {"url": v.url, "version": v.version, "commit": v.commit, "environment": v.environment}
    facts |= {"time": v.began, "operator": v.operator}
    return json.dumps(facts | count(v.results) | {"boxes": boxes}, indent=2, ensure_ascii=False)


def sign_off(name, results):
    counted = [result for result in results if result.box.id.split(".")[0] in SIGN_OFF[name]]
    numbers = count(counted)
    mark = "☒" if numbers["failed"] else "☐" if numbers["person"] else "☑"
    return f"| **{name}** | {mark} | {summary(counted)} |"


def blanks(v):
    """The blanks of the checklist: {name: value}."""
    staging, production = ("☑" if v.environment == name else "☐" for name in ("staging", "production"))
    other = "" if v.environment in ("staging", "production") else f" (it says: {v.environment})"
    return {
        "Deployed By": v.operator,
        "Date": v.began,
        "Version": f"{v.version} (commit {v.commit})",
        "Environment": f"{staging} Staging {production} Production{other}",
    }


def filled_box(match, result):
    start, words = match.groups()
    kind = {"ticked": "", "failed": "**FAILED**: ", "person": "*for a person*: "}[result.outcome]
    signature = SIGNATURE if result.outcome == "person" else ""
    return f"{start.replace('[ ]', '[x]') if result.outcome == 'ticked' else start}{words} — {kind}{result.evidence}{signature}"


def filled_line(section, line, found, v):
    """found: {(section, words): result}"""
    if match := BOX.fullmatch(line):
        return filled_box(match, found[section, match[2]])
    if (match := re.match(r"\| \*\*(.*?)\*\*", line)) and match[1] in SIGN_OFF:
        return sign_off(match[1], v.results)
    if (match := re.fullmatch(r"\*\*(.*)\*\*: (?:_+|☐.*)", line)) and match[1] in blanks(v):
        return f"**{match[1]}**: {blanks(v)[match[1]]}"
    return line


def filled_checklist(v):
    """The checklist's own text, its boxes ticked and its blanks filled in."""
    verified = f"**Verified**: {v.url}, {v.began}, by `verify-deployment.sh` (run `{v.run_id}`): {summary(v.results)}"
    found = {(result.box.section, result.box.words): result for result in v.results}
    title, *rest = (filled_line(section, line, found, v) for section, line in read_lines())
    return "\n".join([title, "", verified, *rest]) + "\n"
