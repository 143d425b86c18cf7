"""A Starlette application whose every request is traced, with WebAssembly plugins that are told of it when it has been answered.

    pip install '.[examples]'
    uvicorn --app-dir tests/e2e/asgi_app app:app
    curl localhost:8000/items/7

Each span is a line of JSON on standard output; `bext.config.toml` says so, and which plugins there are. To do the same elsewhere, copy
`plugin_tracing.py` and `request_span.py`, have the framework run `plugins.lifespan`, and put the middleware round the application,
as at the end of this file.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Match, Route

from plugin_tracing import SitePlugins, TracingMiddleware
from request_span import Scope

logging.basicConfig(level=logging.INFO)  # uvicorn shows its own log only


async def item(request: Request) -> Response:
    """An answer at once. What plugins are told that only the application knows, it puts into `request.state`."""
    request.state.site_id = "shop"
    request.state.tenant_id = request.headers.get("x-tenant", "")
    request.state.cache_status = "HIT"
    return JSONResponse({"item": request.path_params["id"]})


async def order(request: Request) -> Response:
    """An answer when the whole body has come."""
    body = await request.body()
    return PlainTextResponse(f"{len(body)} bytes", status_code=201)


async def feed(request: Request) -> Response:
    """An answer that ends only when the client goes away."""

    def lines() -> Iterator[str]:
        for number in itertools.count(1):
            yield f"line {number}\n"

    return StreamingResponse(lines())


async def broken(request: Request) -> Response:
    """No answer: Starlette makes it a 500."""
    raise LookupError("no such shelf")


plugins = SitePlugins(Path(__file__).with_name("bext.config.toml"))
site = Starlette(
    routes=[
        Route("/items/{id}", item),
        Route("/orders", order, methods=["POST"]),
        Route("/feed", feed),
        Route("/broken", broken),
    ],
    lifespan=plugins.lifespan,
)


def route_of(scope: Scope) -> str | None:
    """The route as it is written above: a thousand items have one name in the traces."""
    for route in site.routes:
        if isinstance(route, Route) and route.matches(scope)[0] is Match.FULL:
            path: str = route.path
            return path
    return None


# Outside of Starlette's own middleware, which answers some requests, too.
app = TracingMiddleware(site, plugins, route_of)
