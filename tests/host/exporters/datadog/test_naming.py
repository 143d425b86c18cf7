"""Operation names, types and the names of HTTP attributes, by the rules of the agent's OTLP intake."""

from __future__ import annotations

import pytest

from bext_abi import SpanKind
from bext_host.exporters.datadog.naming import MAX_NAME, operation_name, span_type, tag_name

INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = SpanKind


@pytest.mark.parametrize(
    ("kind", "attributes", "name"),
    [
        (INTERNAL, {}, "internal"),
        (SERVER, {}, "server.request"),
        (CLIENT, {}, "client.request"),
        (PRODUCER, {}, "producer"),
        (CONSUMER, {}, "consumer"),
        (SERVER, {"http.request.method": "GET"}, "http.server.request"),
        (CLIENT, {"http.method": "GET"}, "http.client.request"),
        (INTERNAL, {"http.method": "GET"}, "internal"),
        (CLIENT, {"db.system": "postgresql"}, "postgresql.query"),
        (CLIENT, {"db.system.name": "microsoft.sql_server", "db.system": "mssql"}, "microsoft.sql_server.query"),
        (SERVER, {"db.system": "postgresql"}, "server.request"),
        (CONSUMER, {"messaging.system": "kafka", "messaging.operation": "receive"}, "kafka.receive"),
        (PRODUCER, {"messaging.system": "kafka", "messaging.operation.type": "send"}, "kafka.send"),
        (INTERNAL, {"messaging.system": "kafka", "messaging.operation": "receive"}, "internal"),
        (CLIENT, {"rpc.system": "grpc"}, "grpc.client.request"),
        (SERVER, {"rpc.system": "grpc"}, "grpc.server.request"),
        (CLIENT, {"rpc.system": "aws-api", "rpc.service": "S3"}, "aws.s3.request"),
        (CLIENT, {"rpc.system": "aws-api"}, "aws.client.request"),
        (CLIENT, {"faas.invoked_provider": "aws", "faas.invoked_name": "Resize"}, "aws.resize.invoke"),
        (SERVER, {"faas.trigger": "timer"}, "timer.invoke"),
        (INTERNAL, {"graphql.operation.type": "query"}, "graphql.server.request"),
        (SERVER, {"network.protocol.name": "amqp"}, "amqp.server.request"),
        (CLIENT, {"network.protocol.name": "amqp"}, "amqp.client.request"),
        (CLIENT, {"db.system": 5}, "client.request"),
        (CLIENT, {"db.system": "My SQL/\n!"}, "my_sql.query"),
        (CLIENT, {"db.system": "!!"}, "client.request"),
        (CLIENT, {"operation.name": "mine"}, "client.request"),
    ],
)
def test_operation_names(kind, attributes, name):
    assert operation_name(kind, attributes) == name


def test_no_operation_name_is_longer_than_the_agent_takes():
    assert len(operation_name(CLIENT, {"db.system": "x" * 1000})) == MAX_NAME


@pytest.mark.parametrize(
    ("kind", "attributes", "expected"),
    [
        (SERVER, {}, "web"),
        (SERVER, {"db.system": "redis"}, "web"),
        (CLIENT, {}, "http"),
        (CLIENT, {"db.system": "postgresql"}, "sql"),
        (CLIENT, {"db.system.name": "oracle.db"}, "sql"),
        (CLIENT, {"db.system": "redis"}, "redis"),
        (CLIENT, {"db.system": "neo4j"}, "db"),
        (CLIENT, {"span.type": "llm"}, "http"),
        (INTERNAL, {"db.system": "redis"}, "custom"),
        (PRODUCER, {}, "custom"),
        (CONSUMER, {}, "custom"),
    ],
)
def test_types(kind, attributes, expected):
    assert span_type(kind, attributes) == expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("http.request.method", "http.method"),
        ("url.full", "http.url"),
        ("http.request.header.x-id", "http.request.headers.x-id"),
        ("http.response.header.x-id", "http.response.headers.x-id"),
        ("http.route", "http.route"),
        ("db.system", "db.system"),
    ],
)
def test_names_of_http_attributes(key, expected):
    assert tag_name(key) == expected
