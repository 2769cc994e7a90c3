# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the deployment verification checklist against a running deployment, box by box: ticked, failed, or
for a person, each with its evidence. It changes nothing but students and a cohort of its own, which it
erases.

Exit status: 0 no box failed, 1 some did, 2 wrong usage, 3 no answer from URL.

Environment (STATE_DIR/env of scripts/run has what it needs):
  JWT_SECRET, JWT_SECRET_FILE  sign the tokens of the verification's own users, with the first secret;
                               JWT_ISSUER and JWT_AUDIENCE are their issuer and audience
  ADMIN_TOKEN, TEACHER_TOKEN, STUDENT_TOKEN   are used where there is no secret (RS256, ES256)
  APP_API_TOKEN, DAPR_URL      the sidecar's token and listener; without them an admin's token is used
  METRICS_URL                  where /metrics is open to this address, when not at URL
  REDIS_URL, REDIS_PASSWORD    for the expiry of a snapshot, with redis-cli; also REDIS_SENTINEL_PASSWORD and, with
                               TLS, REDIS_CA_FILE, REDIS_CERT_FILE and REDIS_KEY_FILE
  ENGINE_LOG                   files of the engine's log, where there are no kubectl, journal or STATE_DIR
  PROMETHEUS_URL, GRAFANA_URL  for the boxes about alerts and dashboard
  IMAGE                        the image to inspect, where kubectl does not name it
  TEST_RESULTS                 the results of scripts/test: build/test/results.json
  LOAD_RESULTS                 the results of scripts/load: build/load
  NAMESPACE                    learnflow, for kubectl
  POD                          of podman kube play, where there is no cluster: mastery-engine-dev-pod-0
  PODMAN                       podman; the tree's scripts/lib/podman where it is there
  OPERATOR                     the operator's name; else git's user.name or the login
Proxies that the environment names are not used."""
import argparse
import signal
import sys
from pathlib import Path

from verify import report
from verify.boxes import BOXES
from verify.outcome import Failed, ForPerson
from verify.verification import Verification

NAME = "verify-deployment"


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(2, f"{NAME}: {message}; --help lists the options\n")


def web_address(text):
    if not text.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f'"{text}" is not a URL: it must begin with http:// or https://')
    return text.rstrip("/")


def parse_arguments():
    parser = Parser(f"{NAME}.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("url", nargs="?", type=web_address, default="http://127.0.0.1:8005", metavar="URL",
                        help="where the deployment is (http://127.0.0.1:8005)")  # fmt: skip
    parser.add_argument("--report", type=Path, metavar="FILE.md",
                        help="write the list, filled in, with version, commit, time and operator")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of lines")
    parser.add_argument("--only", type=lambda text: tuple(text.split(",")), metavar="ID,...",
                        help="only boxes whose id begins with one of these (--json prints the ids); excludes --report")  # fmt: skip
    arguments = parser.parse_args()
    if arguments.only and arguments.report:
        parser.error("--report and --only exclude each other: a report has all boxes")
    return arguments


def warn(text):
    print(f"{NAME}: {text}", file=sys.stderr)


def run_check(v, box):
    """(outcome, evidence) of a box, whatever the deployment sends."""
    try:
        return "ticked", box.check(v, *box.arguments)
    except ForPerson as outcome:
        return "person", outcome
    except Failed as outcome:
        return "failed", outcome
    except (LookupError, TypeError, ValueError, AttributeError, OSError) as error:
        return "failed", f"the check ended early, what it looked at has another form than expected: {error!r}"


def run_boxes(v, only, show):
    for box in BOXES:
        if only is None or box.id.startswith(only):
            outcome, evidence = run_check(v, box)
            v.results.append(report.Result(box, outcome, " ".join(str(evidence).split())))
            if show:
                print("\n".join(report.lines(v.results)), flush=True)


def write_results(v, arguments):
    if arguments.json:
        print(report.document(v), flush=True)
    if arguments.report:
        try:
            arguments.report.write_text(report.filled_checklist(v))
        except OSError as error:
            warn(f"cannot write the report: {error}")
            return 2
    if not arguments.json:
        print(report.last_lines(v), flush=True)
    return 1 if report.count(v.results)["failed"] else 0


def end_on_signals():
    """Ends by SystemExit, so that the students are erased."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))


def ignore_signals():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def main():
    arguments = parse_arguments()
    v, left = Verification(arguments.url, arguments.report), []
    first = v.get("/health", "none", retry=False)
    if first.status == 0:
        warn(f"{v.url}: no answer, {first.text}")
        return 3
    v.find_tokens()
    v.learn()
    end_on_signals()
    try:
        v.prepare()
        run_boxes(v, arguments.only, show=not arguments.json)
        status = write_results(v, arguments)
    finally:
        ignore_signals()
        left = v.clean_up()
        if left:
            warn(f"could not be erased: {' '.join(left)}")
    return 1 if left else status
