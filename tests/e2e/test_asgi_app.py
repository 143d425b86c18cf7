"""The example of embedding in an ASGI server: uvicorn in another process, real sockets, and the traces that it wrote."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing
from importlib.util import find_spec
from pathlib import Path

import pytest

from support.asgi_server import AsgiServer, Shape, Span, root_of, shape_of
from support.http_client import Connection, Response, connected
from support.raw_guest import ENGINES

MISSING = [name for name in ("starlette", "uvicorn") if find_spec(name) is None]
if MISSING:
    pytest.skip(f"needs {' and '.join(MISSING)}: pip install '.[examples]'", allow_module_level=True)

ENDED = (0, -signal.SIGTERM)
"""uvicorn ends itself by the signal that it was asked to stop with, when it has stopped."""

CONNECTIONS = 16
REQUESTS = {"native": 2000, "reference": 500}
"""By engine; the one in Python takes longer for each."""

ANSWERS_BEFORE_THE_SIGNAL = 100
HELD = 8


def traced(number: int, flags: str = "01") -> dict[str, str]:
    """The headers of a caller whose trace and span have this number."""
    return {"traceparent": f"00-{number:032x}-{number:016x}-{flags}"}


def request_shape(name: str, guest_name: str) -> Shape:
    """The trace of a request: the server's span, the plugin's call below it, and the plugin's own spans below that."""
    guest = (guest_name, (("cache.lookup", ()), ("render", (("db.query", ()),))))
    return name, (("on_request_complete", (guest,)),)


def counters_agree(server: AsgiServer, traces: dict[int, list[Span]]) -> bool:
    """Whether what was started is what was written."""
    written = sum(map(len, traces.values()))
    said = server.wait_for_log(r"spans: (\d+) started, (\d+) ended, handed over \{'stdout': (\d+)\}, dropped (.*)")
    return said.groups() == (str(written), str(written), str(written), "{}")


# --- One request at a time ---

ONE, LEFT_READING, LEFT_SENDING, UNSAMPLED, ERROR, MISSED, ODD = range(1, 8)
NOT_VALID = {
    "/items/none": {},
    "/items/version": {"traceparent": traced(99)["traceparent"].replace("00-", "ff-", 1)},
    "/items/upper": {"traceparent": traced(0xABC)["traceparent"].upper()},
    "/items/zero": traced(0),
    "/items/text": {"traceparent": "\x7f", "tracestate": "a=1"},
}


class Visited:
    """A server that has answered a few requests and stopped."""

    def __init__(self, server: AsgiServer) -> None:
        self.server = server
        self.answers = asyncio.run(visit(server.port))
        server.terminate()
        self.exit_code = server.exit_code()
        self.traces = server.traces()

    def span(self, number: int) -> Span:
        """The server's span in the trace with this number."""
        return root_of(self.traces[number])

    def plugin_span(self, number: int) -> Span:
        """The plugin's span that is below the call."""
        (call,) = [span for span in self.traces[number] if span["name"] == "on_request_complete"]
        (guest,) = [span for span in self.traces[number] if span["parent_span_id"] == call["span_id"]]
        return guest

    def trace_of(self, path: str) -> list[Span]:
        """The trace of the one request for this path."""
        (trace,) = [trace for trace in self.traces.values() if root_of(trace)["attributes"].get("url.path") == path]
        return trace


async def visit(port: int) -> dict[int, Response]:
    """Make the requests, and say how they were answered."""
    described = {"tracestate": "vendor=1", "x-tenant": "acme", "user-agent": "examplebot/1.0"}
    async with connected(port) as connection:
        answers = {
            ONE: await connection.get("/items/7?secret=1", {**traced(ONE), **described}),
            UNSAMPLED: await connection.get("/items/8", traced(UNSAMPLED, flags="00")),
            ERROR: await connection.get("/broken", traced(ERROR)),
        }
    async with connected(port) as connection:  # an error closes it
        answers[MISSED] = await connection.get("/nowhere", traced(MISSED))
        answers[ODD] = await connection.get("/items/7", traced(ODD), method="BREW")
        for path, headers in NOT_VALID.items():
            await connection.get(path, headers)
        await connection.send_head("GET", "/items/twice", traced(97) | {"Traceparent": traced(98)["traceparent"]})
        await connection.response()
    await leave(port)
    return answers


async def leave(port: int) -> None:
    """Two requests whose client goes away: while it is answered, and while it still sends."""
    async with connected(port) as connection:
        await connection.send_head("GET", "/feed", traced(LEFT_READING))
        await connection.head()
        await connection.some()
    async with connected(port) as connection:
        await begin_order(connection, LEFT_SENDING)


async def begin_order(connection: Connection, number: int) -> None:
    """Send a request but for its body, and wait until the application asks for that."""
    await connection.send_head("POST", "/orders", {**traced(number), "expect": "100-continue", "content-length": "4"})
    assert (await connection.head()).status == 100


@pytest.fixture(scope="module", params=ENGINES)
def visited(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Visited]:
    with closing(AsgiServer(tmp_path_factory.mktemp("asgi"), request.param)) as server:
        yield Visited(server)


def test_a_request_is_a_span_in_the_callers_trace_with_the_plugins_call_and_spans_below(visited):
    assert visited.answers[ONE].body == b'{"item":"7"}'
    trace, span = visited.traces[ONE], visited.span(ONE)
    assert shape_of(trace) == request_shape("GET /items/{id}", "GET /items/7")
    assert (int(span["parent_span_id"], 16), span["kind"]) == (ONE, "server")
    assert {span["trace_state"] for span in trace} == {"vendor=1"}
    assert [span["name"] for span in trace if span["parent_is_remote"]] == ["GET /items/{id}"]


def test_the_span_speaks_in_semantic_conventions(visited):
    attributes = visited.span(ONE)["attributes"]
    assert attributes.pop("client.port") > 0
    assert attributes == {
        "http.request.method": "GET",
        "http.route": "/items/{id}",
        "http.response.status_code": 200,
        "url.path": "/items/7",
        "url.scheme": "http",
        "network.protocol.version": "1.1",
        "server.address": "127.0.0.1",
        "server.port": visited.server.port,
        "client.address": "127.0.0.1",
        "user_agent.original": "examplebot/1.0",
    }
    assert (visited.span(ONE)["status"]["code"], visited.span(ONE)["events"]) == ("unset", [])


def test_the_plugin_is_told_of_request_and_response(visited):
    attributes = visited.plugin_span(ONE)["attributes"]
    assert attributes.pop("render.time_ms") > 0
    assert attributes == {
        "http.request.method": "GET",
        "url.path": "/items/7",
        "http.response.status_code": 200,
        "http.response.encoding": "identity",
        "cache.status": "HIT",
        "tenant.id": "acme",
        "site.id": "shop",
        "client.is_bot": True,
    }


@pytest.mark.parametrize("path", [*NOT_VALID, "/items/twice"])
def test_without_one_valid_traceparent_a_trace_begins(visited, path):
    trace = visited.trace_of(path)
    assert shape_of(trace) == request_shape("GET /items/{id}", f"GET {path}")
    assert (root_of(trace)["parent_span_id"], root_of(trace)["trace_state"]) == (None, "")


def test_what_the_caller_does_not_sample_is_answered_and_leaves_no_span(visited):
    assert visited.answers[UNSAMPLED].status == 200
    assert UNSAMPLED not in visited.traces
    assert "/items/8" not in {span["attributes"].get("url.path") for trace in visited.traces.values() for span in trace}


def test_an_error_of_the_application_is_told_with_its_traceback(visited):
    span = visited.span(ERROR)
    assert visited.answers[ERROR].status == 500
    assert (span["status"]["code"], span["attributes"]["http.response.status_code"]) == ("error", 500)
    (event,) = span["events"]
    assert event["name"] == "exception"
    assert (event["attributes"]["exception.type"], event["attributes"]["exception.message"]) == ("LookupError", "no such shelf")
    assert "in broken" in event["attributes"]["exception.stacktrace"]
    assert span["attributes"]["error.type"] == "LookupError"
    assert visited.plugin_span(ERROR)["attributes"]["http.response.status_code"] == 500


def test_a_request_without_a_route_is_named_by_its_method_and_is_no_error(visited):
    span = visited.span(MISSED)
    assert (visited.answers[MISSED].status, span["attributes"]["http.response.status_code"]) == (404, 404)
    assert (span["name"], span["status"]["code"]) == ("GET", "unset")
    assert "http.route" not in span["attributes"]


def test_a_method_that_nobody_knows_makes_no_name(visited):
    assert visited.answers[ODD].status == 405
    assert (visited.span(ODD)["name"], visited.span(ODD)["attributes"]["http.request.method"]) == ("HTTP", "_OTHER")
    assert visited.plugin_span(ODD)["name"] == "BREW /items/7"


def test_a_client_that_leaves_while_it_is_answered_leaves_a_whole_trace(visited):
    assert shape_of(visited.traces[LEFT_READING]) == request_shape("GET /feed", "GET /feed")
    span = visited.span(LEFT_READING)
    assert [event["name"] for event in span["events"]] == ["response incomplete"]
    assert span["attributes"]["http.response.status_code"] == 200


def test_a_client_that_leaves_while_it_sends_is_the_applications_error(visited):
    assert shape_of(visited.traces[LEFT_SENDING]) == request_shape("POST /orders", "POST /orders")
    assert visited.span(LEFT_SENDING)["attributes"]["error.type"] == "ClientDisconnect"


def test_the_server_stopped_and_wrote_all_that_was_started(visited):
    assert visited.exit_code in ENDED
    assert {"on_server_start", "on_server_stop", "cleanup"} <= {root_of(trace)["name"] for trace in visited.traces.values()}
    assert counters_agree(visited.server, visited.traces)


# --- Under load, and stopped in the midst of it ---


async def load(port: int, requests: int) -> None:
    """So many requests over sixteen connections, numbered from 1 on."""

    async def client(first: int) -> None:
        async with connected(port) as connection:
            for number in range(first, requests + 1, CONNECTIONS):
                answer = await connection.get(f"/items/{number}", traced(number))
                assert (answer.status, answer.body) == (200, b'{"item":"%d"}' % number)

    await asyncio.gather(*map(client, range(1, CONNECTIONS + 1)))


async def stop_in_the_midst(server: AsgiServer, first: int) -> list[int]:
    """Keep all connections busy, have the server stop, and go on until it hangs up; the requests that were answered.

    Some of them were begun before, and get their body only when the server is stopping.
    """
    answered: list[int] = []

    async def client(number: int) -> None:
        async with connected(server.port) as connection:
            while True:
                try:
                    assert (await connection.get(f"/items/{number}", traced(number))).status == 200
                except (OSError, EOFError):
                    return
                answered.append(number)
                number += CONNECTIONS
                if len(answered) == ANSWERS_BEFORE_THE_SIGNAL:
                    server.terminate()

    async with AsyncExitStack() as stack:
        held = {number: await stack.enter_async_context(connected(server.port)) for number in range(first, first + HELD)}
        for number, connection in held.items():
            await begin_order(connection, number)
        await asyncio.gather(*map(client, range(first + HELD, first + HELD + CONNECTIONS)))
        server.wait_for_log("Shutting down")
        for connection in held.values():
            await connection.send(b"body")
            assert (await connection.response()).status == 201
    return [*held, *answered]


def expected_shape(number: int, orders: range) -> Shape:
    if number in orders:
        return request_shape("POST /orders", "POST /orders")
    return request_shape("GET /items/{id}", f"GET /items/{number}")


@pytest.mark.parametrize("engine", ENGINES)
def test_under_load_every_request_has_exactly_its_trace_and_a_stop_loses_none(tmp_path: Path, engine: str) -> None:
    first = REQUESTS[engine] + 1
    with closing(AsgiServer(tmp_path, engine)) as server:
        asyncio.run(load(server.port, REQUESTS[engine]))
        answered = [*range(1, first), *asyncio.run(stop_in_the_midst(server, first))]
        assert server.exit_code() in ENDED
        traces = server.traces()
        assert counters_agree(server, traces)
    requests = {number: trace for number, trace in traces.items() if root_of(trace)["parent_is_remote"]}
    assert requests.keys() >= set(answered)
    for number, trace in requests.items():
        assert shape_of(trace) == expected_shape(number, range(first, first + HELD))
        assert int(root_of(trace)["parent_span_id"], 16) == number
        assert sum(span["parent_is_remote"] for span in trace) == 1
    others = [span["name"] for number in traces.keys() - requests.keys() for span in traces[number] if span["parent_span_id"] is None]
    assert sorted(set(others)) == ["cleanup", "on_server_start", "on_server_stop"]
