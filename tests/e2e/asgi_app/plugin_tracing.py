"""WebAssembly plugins in an ASGI server: each request has a span, and the plugins are told of it once it has been answered.

    GET /items/{id}             SERVER, continues the caller's trace
    `- on_request_complete      the host's span round the plugin's call, one for each plugin
       `- ...                   the plugin's own

Works with any ASGI framework and server. No request waits for a plugin, and none fails because of one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeAlias

from bext_host import PluginHost, SpanRecorder
from request_span import Message, RequestSpan, Scope, Send

Receive: TypeAlias = Callable[[], Awaitable[Message]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

DRAIN_SECONDS: Final = 30.0
"""When the server stops: how long its plugins may still take for the requests that were answered."""

logger = logging.getLogger(__name__)


class SitePlugins:
    """The plugins of a configuration file, from the server's start to its end."""

    def __init__(self, config: Path) -> None:
        self.host: PluginHost | None = None
        self._config = config
        self._dispatches: set[asyncio.Task[object]] = set()

    @asynccontextmanager
    async def lifespan(self, app: object) -> AsyncIterator[None]:
        """For the framework to run, like Starlette's `lifespan=`. In a server with several worker processes each has its own host."""
        self.host = host = await asyncio.to_thread(self._started_host)  # compiling takes time
        try:
            yield
        finally:
            await self._finish_dispatches()
            try:
                await asyncio.to_thread(host.close)  # runs on_server_stop and cleanup, and hands over every span
            finally:
                _log_what_was_traced(host)

    def request_complete(self, host: PluginHost, request: RequestSpan) -> None:
        """Tell every plugin of a request, one after the other, while the server goes on. The request's span ends with it.

        A plugin that cannot keep up costs itself calls: the time that one waits counts in its timeout.
        """
        task = asyncio.create_task(host.dispatch_async("on_request_complete", request.event(), parent=request.handle))
        self._dispatches.add(task)  # the event loop alone would not keep it
        task.add_done_callback(self._dispatches.discard)
        task.add_done_callback(lambda _: request.end())  # however it ended

    def _started_host(self) -> PluginHost:
        host = PluginHost.from_config(self._config)
        host.start()
        return host

    async def _finish_dispatches(self) -> None:
        if not self._dispatches:
            return
        _, late = await asyncio.wait(self._dispatches, timeout=DRAIN_SECONDS)
        for task in late:
            task.cancel()  # ends the plugin's call; its span says so
        if late:
            await asyncio.wait(late)


class TracingMiddleware:
    """An application round another. `route_of` tells the route of a request as it was declared, None where there is none."""

    def __init__(self, app: App, plugins: SitePlugins, route_of: Callable[[Scope], str | None]) -> None:
        self._app = app
        self._plugins = plugins
        self._route_of = route_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request; a WebSocket, or a request before the server's start, is only passed on."""
        host = self._plugins.host
        if scope["type"] != "http" or host is None:
            await self._app(scope, receive, send)
            return
        request = RequestSpan(host.tracer, scope, self._route_of(scope))
        try:
            await self._app(scope, receive, request.watching(send))
        except BaseException as error:
            request.raised(error)
            raise
        finally:
            request.answered()
            self._plugins.request_complete(host, request)


def _log_what_was_traced(host: PluginHost) -> None:
    if isinstance(host.tracer, SpanRecorder):
        stats = host.tracer.stats
        dropped = {reason: count for reason, count in stats.dropped.items() if count}
        logger.info("spans: %d started, %d ended, handed over %s, dropped %s", stats.started, stats.ended, dict(stats.exported), dropped)
