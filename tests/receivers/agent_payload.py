"""Reads what a Datadog agent forwards: the protobuf message `AgentPayload`, by the numbers of the fields that the tests look at.

No package has the generated classes, so they are made here of a table. Fields that are not in it are kept by protobuf as unknown.
"""

from __future__ import annotations

from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_TABLE: Final = {
    "AgentPayload": {2: "env string", 5: "*tracer_payloads TracerPayload"},
    "TracerPayload": {2: "language string", 4: "tracer_version string", 6: "*chunks Chunk", 8: "env string", 10: "app_version string"},
    "Chunk": {1: "priority int32", 3: "*spans Span", 4: "*tags TextEntry"},
    "Span": {
        1: "service string", 2: "name string", 3: "resource string", 4: "trace_id uint64", 5: "span_id uint64", 6: "parent_id uint64",
        7: "start int64", 8: "duration int64", 9: "error int32", 10: "*meta TextEntry", 11: "*metrics NumberEntry", 12: "type string",
    },
    "TextEntry": {1: "key string", 2: "value string"},
    "NumberEntry": {1: "key string", 2: "value double"},
}  # fmt: skip
"""The messages: each field by its number, its name (`*`: repeated) and its type. Maps are lists of entries, as they are on the wire."""


def payload_of(body: bytes) -> Any:
    """The message in a body. Raises google.protobuf.message.DecodeError where it is none."""
    return _AGENT_PAYLOAD.FromString(body)


def spans_of(payload: Any) -> list[Any]:
    """All its spans, in order."""
    return [span for tracer in payload.tracer_payloads for chunk in tracer.chunks for span in chunk.spans]


def entries(found: Any) -> dict[str, Any]:
    """A map of the message."""
    return {entry.key: entry.value for entry in found}


def _agent_payload() -> Any:
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="agent_payload_of_tests.proto", package="tests", syntax="proto3")
    for name, fields in _TABLE.items():
        message = file.message_type.add(name=name)
        for number, text in fields.items():
            field_name, kind = text.lstrip("*").split()
            one = message.field.add(name=field_name, number=number)
            one.label = field.LABEL_REPEATED if text.startswith("*") else field.LABEL_OPTIONAL
            if kind in _TABLE:
                one.type, one.type_name = field.TYPE_MESSAGE, f".tests.{kind}"
            else:
                one.type = field.Type.Value(f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tests.AgentPayload"))


_AGENT_PAYLOAD: Final = _agent_payload()
