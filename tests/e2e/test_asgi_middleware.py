"""The example's middleware without a server: what happens where an application, a plugin or the server does not go as planned."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from wasmtime import FuncType

from bext_abi import StatusCode
from bext_host import FinishedSpan
from support.asgi_server import APPLICATION
from support.markdown import REPOSITORY
from support.plugin_host import Hosting
from support.wat import wasm

REQUEST_TRACE = REPOSITORY / "wasm-fixtures" / "request_trace.wasm"
START = {"type": "http.response.start", "status": 200, "headers": [(b"Content-Encoding", b"br")]}
END = {"type": "http.response.body", "body": b"done"}
SCOPE = {
    "type": "http",
    "method": "GET",
    "path": "/",
    "http_version": "1.1",
    "headers": [],
    "server": ("/run/site.sock", None),
    "client": None,
}
PLUGIN = """(module {imports} (memory (export "memory") 1)
  (func (export "bext_alloc") (param i32) (result i32) (i32.const 1024))
  (func (export "on_request_complete") (param i32 i32) {body}))"""
WAIT = '(import "env" "wait" (func $wait))'


class Serving:
    """The middleware round an application, with plugins in a host whose spans are at hand."""

    def __init__(self, plugin_tracing: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        self.hosting = Hosting()
        self.plugins = plugin_tracing.SitePlugins(Path("unused"))
        monkeypatch.setattr(self.plugins, "_started_host", lambda: self.hosting.host)
        self.sent: list[dict[str, Any]] = []
        self._middleware = plugin_tracing.TracingMiddleware

    async def request(self, app: Any, **scope: Any) -> None:
        """One request to the application."""

        async def send(message: Any) -> None:
            self.sent.append(message)

        await self._middleware(app, self.plugins, lambda scope: "/")(SCOPE | scope, None, send)

    async def served(self, app: Any, **scope: Any) -> None:
        """One request, from the server's start to its end."""
        async with self.plugins.lifespan(None):
            await self.request(app, **scope)

    def server_span(self) -> FinishedSpan:
        """The request's span."""
        return self._span("request_span")

    def guest_span(self) -> FinishedSpan:
        """The span of the same name that the plugin made."""
        return self._span("request_trace")

    def _span(self, scope_name: str) -> FinishedSpan:
        (span,) = [span for span in self.hosting.spans() if (span.name, span.scope_name) == ("GET /", scope_name)]
        return span


@pytest.fixture
def plugin_tracing(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(APPLICATION)
    import plugin_tracing

    return plugin_tracing


@pytest.fixture
def serving(plugin_tracing, monkeypatch) -> Serving:
    return Serving(plugin_tracing, monkeypatch)


async def answering(scope, receive, send) -> None:
    await send(START)
    await send(END)


def waiting_plugin(serving: Serving, then: str = "") -> tuple[threading.Event, threading.Event]:
    """A plugin whose hook tells that it runs, and goes on when it may."""
    inside, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        inside.set()
        go_on.wait(20)

    serving.hosting.host.define("env", "wait", FuncType([], []), wait)
    serving.hosting.load(wasm(PLUGIN.format(imports=WAIT, body=f"(call $wait) {then}")))
    return inside, go_on


def test_a_request_is_over_while_its_plugins_still_run(serving):
    inside, go_on = waiting_plugin(serving)

    async def main() -> None:
        async with serving.plugins.lifespan(None):
            await serving.request(answering)
            assert serving.sent == [START, END]
            assert await asyncio.to_thread(inside.wait, 20)
            assert serving.hosting.spans() == []
            go_on.set()

    asyncio.run(main())
    call, request = serving.hosting.spans()
    assert (call.name, call.parent, call.attributes["bext.plugin.outcome"]) == ("on_request_complete", request.handle, "ok")
    assert request.end_time_unix_nanos < call.end_time_unix_nanos


def test_a_server_that_stops_ends_what_plugins_do_not_finish_in_time(serving, plugin_tracing, monkeypatch):
    monkeypatch.setattr(plugin_tracing, "DRAIN_SECONDS", 0)
    inside, go_on = waiting_plugin(serving, then="(loop $again (br $again))")

    async def main() -> None:
        async with serving.plugins.lifespan(None):
            await serving.request(answering)
            assert await asyncio.to_thread(inside.wait, 20)
            go_on.set()

    asyncio.run(main())
    call, request = serving.hosting.spans()
    assert (call.attributes["bext.plugin.outcome"], request.name) == ("cancelled", "GET /")


def test_a_plugin_that_fails_costs_the_request_nothing(serving):
    serving.hosting.load(wasm(PLUGIN.format(imports="", body="unreachable")))
    asyncio.run(serving.served(answering))
    call, request = serving.hosting.spans()
    assert (call.status.code, request.status.code) == (StatusCode.ERROR, StatusCode.UNSET)


def test_without_plugins_a_request_has_its_span_all_the_same(serving):
    asyncio.run(serving.served(answering))
    (span,) = serving.hosting.spans()
    assert span.attributes == {
        "http.request.method": "GET",
        "http.route": "/",
        "http.response.status_code": 200,
        "url.path": "/",
        "url.scheme": "http",
        "network.protocol.version": "1.1",
        "server.address": "/run/site.sock",
    }


def test_what_is_no_http_request_is_passed_on(serving):
    passed = []

    async def app(scope, receive, send) -> None:
        passed.append((scope["type"], receive, send.__name__))

    asyncio.run(serving.served(app, type="websocket"))
    assert passed == [("websocket", None, "send")]
    assert serving.hosting.spans() == []


def test_a_request_before_the_server_has_started_is_passed_on(serving):
    asyncio.run(serving.request(answering))
    assert serving.sent == [START, END]
    assert serving.hosting.spans() == []


def test_an_application_that_raises_without_an_answer_is_a_500(serving):
    serving.hosting.host.load(REQUEST_TRACE)

    async def app(scope, receive, send) -> None:
        raise ValueError("nothing to say")

    with pytest.raises(ValueError, match="nothing to say"):
        asyncio.run(serving.served(app))
    assert serving.server_span().attributes["http.response.status_code"] == 500
    assert serving.guest_span().attributes["http.response.status_code"] == 500
    assert [event.name for event in serving.server_span().events] == ["exception", "response incomplete"]


def test_an_application_that_fails_after_its_answer_is_an_error_with_the_status_that_it_gave(serving):
    async def app(scope, receive, send) -> None:
        await answering(scope, receive, send)
        raise ValueError("in the background")

    with pytest.raises(ValueError, match="in the background"):
        asyncio.run(serving.served(app))
    span = serving.server_span()
    assert (span.status.code, span.attributes["http.response.status_code"]) == (StatusCode.ERROR, 200)
    assert [event.name for event in span.events] == ["exception"]
    assert span.end_time_unix_nanos <= span.events[0].time_unix_nanos


def test_a_request_that_is_cancelled_has_its_trace_too(serving):
    serving.hosting.host.load(REQUEST_TRACE)

    async def app(scope, receive, send) -> None:
        await send(START)
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(serving.served(app))
    assert serving.hosting.span("on_request_complete").parent == serving.server_span().handle
    assert serving.server_span().attributes["error.type"] == "CancelledError"


def test_plugins_are_told_how_the_response_is_encoded(serving):
    serving.hosting.host.load(REQUEST_TRACE)
    asyncio.run(serving.served(answering))
    assert serving.guest_span().attributes["http.response.encoding"] == "br"
