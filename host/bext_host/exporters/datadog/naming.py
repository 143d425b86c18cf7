"""What Datadog calls a span: operation name and type, from kind and semantic conventions, and the names of HTTP attributes.

These are the rules of the agent's own OTLP intake (the current ones, "v2"), so that a span looks the same whichever way it came. Where the
conventions renamed an attribute, the new name is looked at first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from bext_abi import AttrValue, SpanKind

Attributes = Mapping[str, AttrValue]

MAX_NAME: Final = 100
"""In characters. The agent cuts operation names, services and types there."""

_NOT_IN_A_NAME: Final = re.compile(r"[^a-z0-9_.]+")

_SQL: Final = frozenset({
    "adabas", "cache", "clickhouse", "cloudscape", "cockroachdb", "coldfusion", "db2", "derby", "edb", "filemaker", "firebird",
    "firstsql", "h2", "hanadb", "hsqldb", "ibm.db2", "informix", "ingres", "instantdb", "interbase", "mariadb", "maxdb",
    "microsoft.sql_server", "mssql", "mysql", "netezza", "oracle", "oracle.db", "other_sql", "pervasive", "pointbase", "postgresql",
    "progress", "redshift", "sap.hana", "sap.maxdb", "sqlite", "sybase", "teradata", "vertica",
})  # fmt: skip
_OF_ITS_OWN_TYPE: Final = frozenset({"cassandra", "elasticsearch", "memcached", "mongodb", "opensearch", "redis"})

_HTTP_NAMES: Final = {
    "client.address": "http.client_ip",
    "http.request.body.size": "http.request.content_length",
    "http.request.method": "http.method",
    "http.response.body.size": "http.response.content_length",
    "http.response.status_code": "http.status_code",
    "network.protocol.version": "http.version",
    "server.address": "http.server_name",
    "url.full": "http.url",
    "user_agent.original": "http.useragent",
}
_HEADERS: Final = {"http.request.header.": "http.request.headers.", "http.response.header.": "http.response.headers."}

TEXT_KEYS: Final = frozenset({"http.status_code"})
"""Tags that Datadog knows as text only, though the attribute is a number."""


def tag_name(key: str) -> str:
    """Datadog's name for an attribute: that of its own conventions where they have one for HTTP, else the same."""
    for theirs, ours in _HEADERS.items():
        if key.startswith(theirs):
            return ours + key[len(theirs) :]
    return _HTTP_NAMES.get(key, key)


def span_type(kind: SpanKind, attributes: Attributes) -> str:
    """The span's type: web, http, the kind of database, or custom."""
    if kind is SpanKind.SERVER:
        return "web"
    if kind is not SpanKind.CLIENT:
        return "custom"
    system = _database(attributes)
    if not system:
        return "http"
    if system in _SQL:
        return "sql"
    return system if system in _OF_ITS_OWN_TYPE else "db"


def operation_name(kind: SpanKind, attributes: Attributes) -> str:
    """The operation's name, such as `http.server.request` or `postgresql.query`: few for each service, unlike span names."""
    for rule in (_http, _database_query, _messaging, _rpc, _function):
        name = rule(kind, attributes)
        if name:
            return name[:MAX_NAME]
    return (_graphql(attributes) or _general(kind, attributes))[:MAX_NAME]


def _first(attributes: Attributes, *keys: str) -> str:
    """The first of these attributes that is text, as a part of a name; "" without one."""
    for key in keys:
        value = attributes.get(key)
        if isinstance(value, str) and value:
            return _NOT_IN_A_NAME.sub("_", value.lower()).strip("_.")
    return ""


def _database(attributes: Attributes) -> str:
    return _first(attributes, "db.system.name", "db.system")


def _side(kind: SpanKind) -> str:
    return kind.name.lower() if kind in {SpanKind.SERVER, SpanKind.CLIENT} else ""


def _http(kind: SpanKind, attributes: Attributes) -> str:
    side = _side(kind)
    return f"http.{side}.request" if side and _first(attributes, "http.request.method", "http.method") else ""


def _database_query(kind: SpanKind, attributes: Attributes) -> str:
    system = _database(attributes)
    return f"{system}.query" if system and kind is SpanKind.CLIENT else ""


def _messaging(kind: SpanKind, attributes: Attributes) -> str:
    system = _first(attributes, "messaging.system")
    operation = _first(attributes, "messaging.operation.type", "messaging.operation")
    return f"{system}.{operation}" if system and operation and kind is not SpanKind.INTERNAL else ""


def _rpc(kind: SpanKind, attributes: Attributes) -> str:
    system, side = _first(attributes, "rpc.system.name", "rpc.system"), _side(kind)
    if not system or not side:
        return ""
    if system in {"aws-api", "aws_api"} and kind is SpanKind.CLIENT:
        service = _first(attributes, "rpc.service")
        return f"aws.{service}.request" if service else "aws.client.request"
    return f"{system}.{side}.request"


def _function(kind: SpanKind, attributes: Attributes) -> str:
    provider, name = _first(attributes, "faas.invoked_provider"), _first(attributes, "faas.invoked_name")
    if kind is SpanKind.CLIENT and provider and name:
        return f"{provider}.{name}.invoke"
    trigger = _first(attributes, "faas.trigger")
    return f"{trigger}.invoke" if kind is SpanKind.SERVER and trigger else ""


def _graphql(attributes: Attributes) -> str:
    return "graphql.server.request" if _first(attributes, "graphql.operation.type") else ""


def _general(kind: SpanKind, attributes: Attributes) -> str:
    side = _side(kind)
    if not side:
        return kind.name.lower()
    protocol = _first(attributes, "network.protocol.name")
    return f"{protocol}.{side}.request" if protocol else f"{side}.request"
