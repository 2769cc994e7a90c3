# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for Dapr's sidecar. tests/real/dapr/test_stand_in.py compares it with the real one.

It receives what the engine publishes (POST /v1.0/publish/…), stores it in order, and reports its
health (GET /v1.0/healthz, /v1.0/healthz/outbound). It calls the engine's app channel as a sidecar
does: it reads the configuration and the subscriptions, delivers events, and forwards invocations
with their headers. Its `mode`, or `mode_of` for each event, decides how it responds to a publish,
and may change at any time.

    python3 -m harness.sidecar PORT FILE      as a process of its own that can be stopped and killed
"""
import concurrent.futures
import http.server
import json
import posixpath
import socket
import sys
import threading
import time
import uuid
from urllib.parse import parse_qs, unquote, urlsplit

from harness.client import Client


def error(code, message):
    """The body of an error, in the order of keys that the sidecar writes."""
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "domain": "dapr.io", "metadata": {}}
    return json.dumps({"errorCode": code, "message": message, "details": [info]}, separators=(",", ":")).encode()


def new_trace():
    return f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-00"


def time_in(seconds=0):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def completed(event, topic="learning.events", pubsub="pubsub", trace=None, tracestate="", ttl_s=None):
    """A CloudEvent as the sidecar stores it: it overwrites some attributes, and adds a missing time."""
    trace = trace or new_trace()
    overwritten = {
        "pubsubname": pubsub, "topic": topic, "traceid": trace, "traceparent": trace, "tracestate": tracestate,
    }  # fmt: skip
    if ttl_s is not None:
        overwritten["expiration"] = time_in(int(ttl_s))
    return {"time": time_in(), **event, **overwritten}


# The response to a publish, by mode: status and body, as pkg/api/errors/pubsub.go and
# pkg/api/http/middlewares.go of Dapr 1.18 have them. While the broker is away, the sidecar is
# "broken" and reports itself as healthy all the same.
RESPONSES = {
    "ok": (204, b""),
    "forbidden": (403, error("ERR_PUBSUB_FORBIDDEN", "topic t is not allowed for app id a")),
    "wrong_token": (401, b"invalid api token\n"),
    "not_found": (404, error("ERR_PUBSUB_NOT_FOUND", "pubsub p not found")),
    "topic_empty": (404, error("ERR_TOPIC_EMPTY", "topic is empty in pubsub p")),
    "not_configured": (400, error("ERR_PUBSUB_NOT_CONFIGURED", "pubsub is not configured")),
    "broken": (500, error("ERR_PUBSUB_PUBLISH_MESSAGE", "error when publishing to topic t")),
    "outbox_broken": (500, error("ERR_PUBLISH_OUTBOX", "error while publishing outbox message")),
    "overloaded": (429, b""),
    "bad_gateway": (502, b"<html>a proxy says this</html>"),
    "no_cloudevent": (500, error("ERR_PUBSUB_CLOUD_EVENTS_SER", "cannot create cloudevent")),
    "too_large": (413, b""),
    "odd": (200, b"<html>not what a sidecar says</html>"),
}
HOP_BY_HOP = {"connection", "host", "content-length", "transfer-encoding", "keep-alive", "upgrade"}


class Published:
    """One event that was taken, with what came beside it."""

    def __init__(self, path, headers, body):
        parts = urlsplit(path)
        _, _, _, pubsub, topic = parts.path.split("/", 4)
        self.pubsub, self.topic = unquote(pubsub), unquote(topic)
        self.metadata = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body, self.at = body, time.monotonic()

    @property
    def event(self):
        return json.loads(self.body)

    @property
    def stored(self):
        """The event as the broker gets it."""
        return completed(
            self.event, self.topic, self.pubsub, self.headers.get("traceparent"),
            self.headers.get("tracestate", ""), self.metadata.get("metadata.ttlInSeconds"),
        )  # fmt: skip


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        sidecar = self.server.sidecar
        if urlsplit(self.path).path in ("/v1.0/healthz", "/v1.0/healthz/outbound"):
            sidecar.health_checks += 1
            self.respond(204 if sidecar.healthy else 500, b"")
        else:
            self.respond(404, b"")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.path.startswith("/v1.0/publish/"):
            self.respond(404, b"")
            return
        status, response = self.server.sidecar.receive(Published(self.path, self.headers, body), self)
        if status:
            self.respond(status, response)

    def respond(self, status, body):
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def reset(self):
        """Ends the connection as a host that has crashed does."""
        linger = b"\1\0\0\0\0\0\0\0"
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()
        self.close_connection = True

    def log_message(self, *_):
        pass

    def handle(self):
        try:
            super().handle()
        except OSError:
            pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):
        pass


class Sidecar:
    """In this process. mode: a key of RESPONSES, hang (responds when released) or reset.

    mode_of(event) returns another mode for an event, or None for the usual one. Only what was answered
    by a 2xx counts as published; attempts keeps them all.
    """

    def __init__(self, port=0, api_token=None, app=None, app_token=None):
        self.api_token, self.healthy = api_token, True
        self.mode, self.mode_of = "ok", None
        self.published, self.attempts, self.refused, self.health_checks = [], [], 0, 0
        self._app, self._app_token = app, app_token
        self._lock, self._released = threading.Lock(), threading.Event()
        self._server = Server(("127.0.0.1", port), Handler)
        self._server.sidecar = self

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._released.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self):
        return self._server.server_address[1]

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    # Publishing

    def receive(self, item, handler):
        """Status and body of the response; status 0: there is none."""
        if self.api_token and item.headers.get("dapr-api-token") != self.api_token:
            with self._lock:
                self.refused += 1
            return RESPONSES["wrong_token"]
        try:
            event = item.event
        except ValueError:
            return RESPONSES["no_cloudevent"]
        mode = (self.mode_of and self.mode_of(event)) or self.mode
        with self._lock:
            self.attempts.append(item)
        if mode == "reset":
            handler.reset()
            return 0, b""
        if mode == "hang":
            self._released.wait(60)
            mode = self.mode if self.mode in RESPONSES else "broken"
        status, body = RESPONSES[mode]
        if status < 300:
            with self._lock:
                self.published.append(item)
        return status, body

    def release(self, mode="ok"):
        """Responds to the requests that hang, and uses this mode from now on."""
        self.mode = mode
        self._released.set()
        self._released = threading.Event()

    def events(self, student=None, type_=None):
        """What was published, in order."""
        with self._lock:
            events = [item.stored for item in self.published]
        return [
            event
            for event in events
            if (student is None or event.get("subject") == student)
            and (type_ is None or event["type"] == type_)
        ]

    # The app channel

    def _headers(self, more=None, traced=True):
        """Of a call of the app: a trace, and the token, which replaces one that a caller has sent."""
        own = {"traceparent": new_trace()} if traced else {}
        if self._app_token:
            own["dapr-api-token"] = self._app_token
        kept = {name: value for name, value in (more or {}).items() if name.lower() not in own}
        return {**kept, **own}

    def call_app(self, method, path, body=None, headers=None, traced=True):
        """One call of the app; its token and trace are put in by the sidecar, as Dapr does."""
        client = Client(self._app)
        try:
            return client.request(method, path, body=body, headers=self._headers(headers, traced))
        finally:
            client.close()

    def discover(self):
        """The configuration and the subscriptions, asked for as at a sidecar's start."""
        headers = {"Content-Type": "application/json", "dapr-app-id": "mastery-engine"}
        config, response = (
            self.call_app("GET", path, headers=headers, traced=False) for path in ("/dapr/config", "/dapr/subscribe")
        )
        subscriptions = response.json if response.status == 200 else []
        return (config.json if config.status == 200 else None), subscriptions

    @staticmethod
    def route_of(subscription):
        return (subscription.get("routes") or {}).get("default") or subscription.get("route")

    def probe(self):
        """The health check of the app, the only call without the token."""
        client = Client(self._app)
        try:
            return client.get("/health").status
        finally:
            client.close()

    def envelope(self, data, topic="learning.events", pubsub="pubsub", app_id="publisher", **attributes):
        """What the sidecar makes of data that were published without a CloudEvent around them."""
        trace = new_trace()
        event = {
            "data": data,
            "datacontenttype": "application/json" if isinstance(data, dict) else "text/plain",
            "id": str(uuid.uuid4()),
            "pubsubname": pubsub,
            "source": app_id,
            "specversion": "1.0",
            "time": time_in(),
            "topic": topic,
            "traceid": trace,
            "traceparent": trace,
            "tracestate": "",
            "type": "com.dapr.event.sent",
            **attributes,
        }
        return {name: value for name, value in event.items() if value is not None}

    def deliver(self, event, route="/dapr/events", metadata=None):
        """Delivers one event; what a sidecar makes of the response: SUCCESS, RETRY or DROP.

        The event may be bare text, as one is that was published raw: it has no trace. The publisher's metadata are
        headers."""
        response = self.call_app(
            "POST",
            route,
            body=event if isinstance(event, (bytes, str)) else json.dumps(event),
            headers={**(metadata or {}), "pubsubName": "pubsub", "Content-Type": "application/cloudevents+json"},
            traced=not isinstance(event, (bytes, str)),
        )
        if response.status == 404:
            return "DROP"
        if not 200 <= response.status < 300:
            return "RETRY"
        try:
            status = json.loads(response.body or b"{}").get("status") or "SUCCESS"
        except (ValueError, AttributeError):
            return "SUCCESS"
        return status if status in ("SUCCESS", "DROP") else "RETRY"

    def deliver_by_policy(self, events, at_once=10):
        """Delivers each until it is not to be retried, several at the same time; the last outcomes."""

        def deliver(event):
            while (outcome := self.deliver(event)) == "RETRY":
                time.sleep(0.05)  # the policy's
            return outcome

        with concurrent.futures.ThreadPoolExecutor(at_once) as threads:
            return list(threads.map(deliver, events))

    def deliver_bulk(self, events, topic="learning.events", route="/dapr/events", pubsub="pubsub"):
        """Delivers many; what a sidecar makes of each: what is not named is retried."""
        ids = [str(uuid.uuid4()) for _ in events]
        entries = [
            {
                "entryId": name,
                "event": event,
                "metadata": None,
                "contentType": "application/cloudevents+json",
            }
            for name, event in zip(ids, events)
        ]
        body = {
            "id": str(uuid.uuid4()),
            "type": "com.dapr.event.sent.bulk",
            "topic": topic,
            "pubsubname": pubsub,
            "metadata": {"pubsubName": pubsub},
            "entries": entries,
        }
        headers = {"pubsubName": pubsub, "Content-Type": "application/json"}
        response = self.call_app("POST", route, body=json.dumps(body), headers=headers)
        if response.status == 404:
            return ["DROP"] * len(ids)
        if not 200 <= response.status < 300:
            return ["RETRY"] * len(ids)
        try:
            rows = json.loads(response.body or b"").get("statuses") or []
        except (ValueError, AttributeError):
            rows = []
        named = {row["entryId"]: row["status"] for row in rows}
        return [named.get(name) if named.get(name) in ("SUCCESS", "DROP") else "RETRY" for name in ids]

    def invoke(self, method, path, body=None, headers=None, caller="some-app"):
        """…/v1.0/invoke/mastery-engine/method/<path> of another app, as it arrives here."""
        passed = {k: v for k, v in (headers or {}).items() if k.lower() not in HOP_BY_HOP}
        host = socket.gethostname()
        passed.update(
            {
                "dapr-caller-app-id": caller,
                "dapr-caller-namespace": "default",
                "dapr-callee-app-id": "mastery-engine",
                "Forwarded": f"for=127.0.0.1;by=127.0.0.1;host={host}",
                "X-Forwarded-For": "127.0.0.1",
                "X-Forwarded-Host": host,
            }
        )
        path, mark, query = path.partition("?")
        cleaned = posixpath.normpath("/" + path.lstrip("/"))
        return self.call_app(method, cleaned + mark + query, body=body, headers=passed)


def main(port, path):
    """Appends each published event to a file, a line each, before it is answered."""
    with open(path, "ab", buffering=0) as file, Sidecar(int(port)) as sidecar:
        file.write(b"\n")  # ends a line that a kill has cut short, or the next one would continue it
        lock, receive = threading.Lock(), sidecar.receive

        def receive_and_store(item, handler):
            with lock:
                status, body = receive(item, handler)
                if 200 <= status < 300:
                    file.write(item.body + b"\n")
            sidecar.published.clear()
            sidecar.attempts.clear()
            return status, body

        sidecar.receive = receive_and_store
        threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
