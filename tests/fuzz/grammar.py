# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests made of the routes, parameters and bodies of the OpenAPI document and of harness/contract.py, most
of them with something changed."""
import string
import time
import uuid
from urllib.parse import quote

from harness import cloudevents
from harness.contract import ROWS
from harness.described import resolve
from harness.events import GOOD, event, random_data
from harness.model import DAY_MS, to_text

from fuzz.values import TEXTS, damaged, mutated, odd, pairs_of, to_bytes
from fuzz.wire import ODD_CHUNKS, ODD_LENGTHS, WITH_REST, WITHOUT_END, Case, Request

TOKEN_CHARACTERS = string.ascii_letters + string.digits + "-_"
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "get", "PROPFIND", "X" * 40, "GE T"]
VERSIONS = ["HTTP/1.0", "HTTP/1.1", "HTTP/1.2", "HTTP/2.0", "HTTP/0.9", "http/1.1", "HTTP/1.10", "HTTP/", "HTP/1.1"]
BODY_TYPES = [
    "application/json; charset=utf-8", "application/json;charset=latin1", "APPLICATION/JSON", "text/plain",
    "application/x-www-form-urlencoded", "application/jsonx", "application/json, text/html", "", ";", "multipart/form-data",
    cloudevents.STRUCTURED, cloudevents.BATCH,
]  # fmt: skip
TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
ODD_HEADERS = [
    ("X-Request-ID", ["", "a b", "x" * 128 + "y", "ä", "{}", '"', "../..", "a,b", "$uri"]),
    ("traceparent", [
        f"00-{TRACE_ID}-{SPAN_ID}-01", f"00-{TRACE_ID}-{SPAN_ID}-ff", f"01-{TRACE_ID}-{SPAN_ID}-01-more", f"00-{'0' * 32}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01", f"ff-{TRACE_ID}-{SPAN_ID}-01", f"00-{TRACE_ID.upper()}-{SPAN_ID}-01", "00-1-2-3", "-", "",
        f"00-{TRACE_ID}-{SPAN_ID}-01-more", f"00-{TRACE_ID}-{SPAN_ID}-0g",
    ]),
    ("tracestate", ["a=1", "a=1,b=2", "=", ",", "a" * 600 + "=1", "a=" + "b" * 600, ",".join(f"k{n}=v" for n in range(40)), "a=\xff"]),
    ("Accept", ["*/*", "text/html", "application/json;q=0", "application/openmetrics-text; version=1.0.0", ",;q=", "a/b;" * 200]),
    ("Accept-Encoding", ["gzip", "gzip;q=0", "br, *;q=0.1", "identity;q=0"]),
    ("Idempotency-Key", ["", "key-1", "key-1", "x" * 128, "x" * 129, "a b", "ä", '"', "\x7f"]),
    ("X-Experience-API-Version", ["1.0.3", "1.0", "2.0.0", "2.0", "0.9", "1.0.999999999999", "", "x"]),
    ("Expect", ["100-continue", "200-ok"]),
    ("Range", ["bytes=0-0", "bytes=-1", "bytes=0-,0-,0-"]),
    ("If-None-Match", ["*", '"x"']),
    ("If-Modified-Since", ["Thu, 01 Jan 1970 00:00:00 GMT", "x"]),
    ("Content-Encoding", ["gzip", "x"]),
    ("Connection", ["close", "keep-alive", "upgrade", "X-Request-ID", "close, close"]),
    ("Upgrade", ["h2c", "websocket"]),
    ("X-Forwarded-For", ["127.0.0.1", "::1", "x", "1.2.3.4, " * 100, "[::1]:5"]),
    ("X-Forwarded-Proto", ["https", "x"]),
    ("Origin", ["https://example.org", "null", "x"]),
    ("Access-Control-Request-Method", ["PUT", "x"]),
    ("dapr-api-token", ["", "x", "x" * 5000]),
    ("ce-id", ["x", "", "\xff"]),
    ("ce-specversion", ["1.0", "2.0"]),
    ("Host", ["", "x y", "a" * 300, "[::1", "localhost:99999", "..", "x/y", "\xff"]),
    ("X_Under_score", ["1"]),
    ("X-Long", ["x" * 9000, "x" * 11000, "x" * 70000]),
    ("Cookie", ["a=b; " * 300]),
    ("", ["no name"]),
    ("Bad Name", ["x"]),
    ("X-Nul", ["a\0b"]),
    ("X-Cr", ["a\rb"]),
    (" Folded", ["x"]),
    ("Authorization", ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer a.b.c", "bearer \t x", "Bearer " + "a" * 9000, "Bearer \xff.\0.x"]),
]  # fmt: skip
ODD_PARTS = [
    "%2e%2e", "..", ".", "%00", "%2F", "a%2Fb", "%", "%zz", "%C3%A4", "ä", "a b", "a;b", "a@b", "a%40b", "a%3ab", "%41", "%ff",
    "a%3Ab", "a%7cb", "a%2Bb", "a+b=", "%40a", "a%252e", "a" * 128, "a" * 129, "a" * 3000, "a" * 12000, "-", "_", "~a", "+", "null", "{student_id}", "*", "a%0d%0aX: y", "%7a%71%78",
]  # fmt: skip
ODD_QUERIES = [
    "&", "&&=&", "=", "days", "days=", "days=7&days=8", "days=%37", "days=+7", "days=7%00", "limit=1e1", "x=y", "%64ays=7", "days=7#x", "?",
    "days=7;limit=3", "days[]=7", "a=" + "b" * 3000, "a=" + "b" * 12000, "&".join(["a=1"] * 300), "%", "%zz=%zz", "limit=00000000000000000007", "ä=ö",
]  # fmt: skip
ODD_TARGETS = [
    "*", "/", "//", "/.", "/..", "/health/", "//health", "/health?", "/HEALTH", "/health#x", "/%68ealth", "/./health", "http://x/health", "http:///health",
    "https://x:1/health?x", "http://x", "health", "x:443", "/docs/page.css", "/docs/../health", "/docs/page.css%00", "/metrics/", "\\health", "/health\t",
    "/%", "/\x80\xff", "/a\0b", "/api/v1/mastery/../cohorts", "/bad-request", "//bad-request", "@not-found", "/api/v1/mastery/history//",
]  # fmt: skip


def latin(text):
    """As bytes: what has no place in Latin-1 as UTF-8."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


class Operation:
    """A method on a path of the document."""

    def __init__(self, document, method, path):
        described = document["paths"][path][method]
        self.method, self.path, self.document = method.upper(), path, document
        self.parameters = [resolve(document, p) for p in described.get("parameters", [])]
        content = described.get("requestBody", {}).get("content", {})
        self.type, self.schema = next(((t, c["schema"]) for t, c in content.items()), (None, None))
        self.rows = [row for row in ROWS if row.method == self.method and path in row.paths]
        self.listener = "sidecar's" if path.startswith("/dapr/") else "public"


def operations_of(document):
    return [
        Operation(document, method, path)
        for path, item in document["paths"].items()
        for method in item
        if method in ("get", "put", "post", "delete")
    ]


class Maker:
    """Cases by number: each follows from the seed, its number and the world's ids."""

    def __init__(self, rng, operations, world):
        self.rng, self.operations, self.world = rng, operations, world

    def case(self):
        operation = self.rng.choice(self.operations)
        count = 1 if self.rng.random() < 0.9 else self.rng.randrange(2, 5)
        listener = operation.listener if self.rng.random() < 0.9 else "sidecar's"
        case = Case(listener, [self.request(operation)])
        for _ in range(count - 1):
            case.requests.append(self.request(self.rng.choice(self.operations)))
        if self.rng.random() < 0.02:
            case.cut = self.rng.randrange(1, len(case.to_bytes()))
        return case

    def chance(self, share):
        return self.rng.random() < share

    def request(self, operation):
        method, body = operation.method, None
        headers = [(b"Host", b"localhost")]
        if operation.schema or self.chance(0.03):
            body = self.body(operation)
            kind = operation.type or "application/json"
            headers.append((b"Content-Type", latin(kind if self.chance(0.93) else self.rng.choice(BODY_TYPES))))
        if self.chance(0.05):
            method = self.rng.choice(METHODS)
        request = Request(latin(method), latin(self.target(operation)), headers, body)
        self.add_headers(operation, request)
        self.add_framing(request)
        if self.chance(0.02):
            request.version = latin(self.rng.choice(VERSIONS))
        if self.chance(0.02):
            request.end = b"\n"
        return request

    # The first line

    def target(self, operation):
        if self.chance(0.04):
            return self.rng.choice(ODD_TARGETS)
        parts = [self.part(part) for part in operation.path.split("/")]
        if self.chance(0.03):
            parts.insert(self.rng.randrange(1, len(parts) + 1), self.rng.choice(["", *ODD_PARTS]))
        return "/".join(parts) + self.query(operation)

    def part(self, part):
        if not part.startswith("{"):
            return part if self.chance(0.995) else quote(part).replace("a", "%61")
        name = part.strip("{}")
        if self.chance(0.08):
            return self.rng.choice(ODD_PARTS)
        return self.world.value_of(self.rng, name)

    def query(self, operation):
        pairs = []
        for parameter in operation.parameters:
            if parameter["in"] == "query" and (parameter["required"] or self.chance(0.4)):
                value = self.fitting(parameter["schema"], parameter["name"])
                if self.chance(0.15):
                    value = odd(self.rng)
                text = str(value).lower() if isinstance(value, bool) else str(value)
                pairs.append(parameter["name"] + "=" + quote(text[:3000], safe=":", errors="replace"))
        if self.chance(0.05):
            pairs.append(self.rng.choice(ODD_QUERIES))
        return "?" + "&".join(pairs) if pairs else ""

    # Headers

    def add_headers(self, operation, request):
        add = request.headers.append
        if self.chance(0.95):
            add((b"Authorization", b"Bearer " + latin(self.token())))
        if self.chance(0.7):
            add((b"X-Request-ID", latin(f"r{uuid.UUID(int=self.rng.getrandbits(128), version=4).hex}")))
        if "xapi" in operation.path:
            add((b"X-Experience-API-Version", b"1.0.3"))
        if self.chance(0.3) and (operation.listener != "public" or self.chance(0.2)):
            add((b"dapr-api-token", latin(self.world.engine.values["APP_API_TOKEN"])))
        for _ in range(self.rng.choice([0, 0, 0, 0, 0, 1, 1, 2])):
            name, values = self.rng.choice(ODD_HEADERS)
            add((latin(name), latin(self.rng.choice(values))))
        if self.chance(0.01):
            request.headers += [(b"X-%d" % number, b"y") for number in range(self.rng.choice([90, 400, 5000]))]
        if self.chance(0.02):
            add(self.rng.choice(request.headers))
        if self.chance(0.01):
            request.headers.pop(0)  # without Host

    def token(self):
        tokens = self.world.tokens
        token = tokens["admin" if self.chance(0.5) else self.rng.choice(list(tokens))]
        if self.chance(0.04):
            at = self.rng.randrange(len(token))
            token = token[:at] + self.rng.choice([*TOKEN_CHARACTERS, ".", "=", " ", ""]) + token[at + 1 :]
        return token

    def add_framing(self, request):
        if request.body is None:
            request.framing = "none" if self.chance(0.97) else self.rng.choice(["length", "chunked", "odd"])
        elif self.chance(0.92):
            request.framing = "length" if self.chance(0.85) else "chunked"
        else:
            request.framing = self.rng.choice([*WITHOUT_END, *WITH_REST])
        request.detail = self.rng.choice(ODD_CHUNKS if "chunk" in request.framing else ODD_LENGTHS)

    # Bodies

    def body(self, operation):
        value = self.good_body(operation)
        for _ in range(self.rng.choice([0, 0, 0, 1, 1, 1, 2, 3])):
            value = mutated(self.rng, value)
        data = to_bytes(self.rng, value)
        if self.chance(0.05):
            data = damaged(self.rng, data)
        return data + b" " * self.rng.choice([66 << 10, 1 << 20, 5 << 20]) if self.chance(0.005) else data

    def good_body(self, operation):
        rows = [row for row in operation.rows if row.body]
        if rows and self.chance(0.5):
            return pairs_of(self.rng.choice(rows).body(self.world))
        return pairs_of(self.fitting(operation.schema or {}, "body"))

    def fitting(self, schema, name):
        """A value that the schema allows; ids are mostly known ones."""
        schema = resolve(self.operations[0].document, schema)
        if "anyOf" in schema:
            return self.fitting(self.rng.choice(schema["anyOf"]), name)
        known = self.world.value_of(self.rng, name)
        if known is not None and schema.get("type") != "array":
            return known
        if "enum" in schema:
            return self.rng.choice(schema["enum"])
        kinds = schema.get("type", "any")
        return FITTING[self.rng.choice(kinds) if isinstance(kinds, list) else kinds](self, schema, name)

    def fitting_object(self, schema, _):
        required = schema.get("required", [])
        return {
            name: self.fitting(member, name)
            for name, member in schema.get("properties", {}).items()
            if name in required or self.chance(0.5)
        }

    def fitting_array(self, schema, name):
        least = schema.get("minItems", 0)
        count = least + self.rng.randrange(3) if self.chance(0.97) else schema.get("maxItems", 100) + self.rng.randrange(2)
        return [self.fitting(schema.get("items", {}), name) for _ in range(count)]

    def fitting_number(self, schema, _):
        least, most = schema.get("minimum", -5), schema.get("maximum", 1000)
        return self.rng.choice([least, most, least + (most - least) * self.rng.random()])

    def fitting_integer(self, schema, name):
        return int(self.fitting_number(schema, name))

    def fitting_text(self, schema, name):
        now = int(time.time()) * 1000
        if schema.get("format") == "date-time" or name in ("time", "timestamp"):
            return to_text(now - self.rng.randrange(80 * DAY_MS))
        if schema.get("format") == "date" or "date" in name:
            return to_text(now - self.rng.randrange(100 * DAY_MS))[:10]
        least, most = schema.get("minLength", 0), schema.get("maxLength", 40)
        size = self.rng.choice([least, most, min(most, least + 8)])
        return "".join(self.rng.choice(TOKEN_CHARACTERS) for _ in range(size))

    def fitting_anything(self, _, name):
        """For fields that the document leaves open."""
        kind = self.rng.choice(list(GOOD))
        whole = event(kind, self.world.student)
        if name == "data":
            return random_data(self.rng, kind) if self.chance(0.5) else whole
        return self.rng.choice([whole, cloudevents.wrapped(whole), {"student_id": self.world.student}, self.rng.choice(TEXTS)])


FITTING = {
    "object": Maker.fitting_object,
    "array": Maker.fitting_array,
    "string": Maker.fitting_text,
    "integer": Maker.fitting_integer,
    "number": Maker.fitting_number,
    "boolean": lambda maker, *_: maker.chance(0.5),
    "null": lambda *_: None,
    "any": Maker.fitting_anything,
}
