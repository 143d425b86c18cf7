"""ABI.md's decoding, read once more from it, on top of what msgpack's own unpacker makes of the bytes: a third opinion for the codecs.

It shares no code with the codec. It knows nothing of the framing's words: what msgpack rejects has no value here, and no reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgpack

from bext_abi import Rejection, SpanEvent, SpanHandle, SpanKind, SpanLink, SpanStart, SpanStatus, StatusCode

_KEY = r"(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})"
_MEMBER = re.compile(rf"[ \t]*(?:({_KEY})=[ -+\--<>-~]{{0,255}}[!-+\--<>-~])?[ \t]*")


class Pairs(tuple):
    """A map, with keys of any type and as often as they came."""

    __slots__ = ()


ABOUT_TIMES = ("imestamp", "nanoseconds")
"""What msgpack's errors say where it judges a time: its length, or its nanoseconds."""

EXT = object()
"""An extension type, of which nothing is looked at."""


class Refused(Exception):
    """Content that ABI.md rejects, and the word for it."""

    def __init__(self, why: Rejection) -> None:
        super().__init__(why)
        self.why = why


class NoOpinion(Exception):
    """msgpack judges the bytes of the one extension type that is its own, times; ABI.md looks at none."""


def unpack(data: bytes) -> Any:
    """The item as msgpack reads it. Raises ValueError where it does not, NoOpinion where it looks at what ABI.md does not."""
    try:
        hooks: dict[str, Any] = {"object_pairs_hook": Pairs, "ext_hook": lambda *_: EXT}
        return msgpack.unpackb(data, strict_map_key=False, unicode_errors="surrogateescape", **hooks)
    except ValueError as error:
        if any(word in str(error) for word in ABOUT_TIMES):
            raise NoOpinion from None
        raise


def is_deeper(tree: Any, at_most: int) -> bool:
    """Whether containers are nested deeper than that."""
    level = [tree]
    for _ in range(at_most):
        level = [item for container in level for item in _items(container)]
    return any(isinstance(item, (Pairs, list)) for item in level)


def _items(item: Any) -> list[Any]:
    if isinstance(item, Pairs):
        return [part for pair in item for part in pair]
    return item if isinstance(item, list) else []


def _require(condition: object, why: Rejection) -> None:
    if not condition:
        raise Refused(why)


def _fields(tree: Any, *known: str) -> dict[str, Any]:
    _require(isinstance(tree, Pairs), Rejection.WRONG_TYPE)
    _require(all(isinstance(key, str) for key, _ in tree), Rejection.WRONG_TYPE)
    return {key: value for key, value in tree if key in known}


def _required(fields: dict[str, Any], key: str) -> Any:
    _require(key in fields, Rejection.MISSING_FIELD)
    return fields[key]


def _text(value: Any) -> str:
    _require(isinstance(value, str), Rejection.WRONG_TYPE)
    _require(not any("\udc80" <= character <= "\udcff" for character in value), Rejection.NOT_UTF8)
    return value


def _uint(value: Any) -> int:
    _require(type(value) is int, Rejection.WRONG_TYPE)
    _require(value >= 0, Rejection.OUT_OF_RANGE)
    return value


def _bool(value: Any) -> bool:
    _require(type(value) is bool, Rejection.WRONG_TYPE)
    return value


def _time(value: Any) -> int | None:
    if value is None:
        return None
    _require(_uint(value) < 2**63, Rejection.OUT_OF_RANGE)
    return value or None


def _handle(value: Any) -> SpanHandle:
    _require(isinstance(value, list), Rejection.WRONG_TYPE)
    _require(len(value) == 3, Rejection.WRONG_LENGTH)
    hi, lo, span_id = map(_uint, value)
    return SpanHandle(hi << 64 | lo, span_id)


def _trace_state(text: str) -> str:
    members = [_MEMBER.fullmatch(member) for member in text.split(",")]
    keys = [member[1] for member in members if member and member[1]]
    is_valid = len(text) <= 512 and all(members) and len(keys) <= 32 and len(set(keys)) == len(keys)
    return text if is_valid else ""


def _scalar(value: Any) -> Any:
    _require(type(value) in (str, bool, int, float), Rejection.WRONG_TYPE)
    if type(value) is int:
        _require(-(2**63) <= value < 2**63, Rejection.OUT_OF_RANGE)
    return _text(value) if type(value) is str else value


def _value(value: Any) -> Any:
    if not isinstance(value, list):
        return _scalar(value)
    for item in value:
        _require(type(item) in (str, bool, int, float), Rejection.WRONG_TYPE)
        _require(type(item) is type(value[0]), Rejection.MIXED_ARRAY)
        _scalar(item)
    return tuple(value)


def _pair(key: Any, value: Any) -> tuple[str, Any]:
    _require(_text(key), Rejection.EMPTY_KEY)
    return key, _value(value)


def _attributes(tree: Any) -> tuple[dict[str, Any], int]:
    """Those that are some, and how many are none."""
    _require(isinstance(tree, Pairs), Rejection.WRONG_TYPE)
    kept: dict[str, Any] = {}
    dropped = 0
    for key, value in tree:
        try:
            good, kept[good] = _pair(key, value)
        except Refused:
            dropped += 1
    return kept, dropped


def _link(tree: Any) -> SpanLink:
    fields = _fields(tree, "handle", "attributes")
    handle = _handle(_required(fields, "handle"))
    attributes, dropped = _attributes(fields.get("attributes", Pairs()))
    return SpanLink(handle, attributes, dropped_attributes_count=dropped)


def _links(tree: Any) -> tuple[SpanLink, ...]:
    _require(isinstance(tree, list), Rejection.WRONG_TYPE)
    return tuple(link for link in map(_link, tree) if link.handle.trace_id and link.handle.span_id)


def _span_start(tree: Any) -> SpanStart:
    known = "name kind parent parent_is_remote parent_flags trace_state attributes links start_time_unix_nanos"
    fields = _fields(tree, *known.split())
    name = _text(_required(fields, "name"))
    kind = _uint(fields.get("kind", 0))
    parent = fields.get("parent")
    parent = None if parent is None else _handle(parent)
    is_remote = _bool(fields.get("parent_is_remote", False))
    flags = _uint(fields.get("parent_flags", 1))
    trace_state = _trace_state(_text(fields.get("trace_state", "")))
    attributes, dropped = _attributes(fields.get("attributes", Pairs()))
    links = _links(fields.get("links", []))
    time = _time(fields.get("start_time_unix_nanos"))
    kind = SpanKind(kind if kind <= 4 else 0)
    return SpanStart(name, kind, parent, is_remote, flags, trace_state, attributes, links, time, dropped_attributes_count=dropped)


def _attribute(tree: Any) -> tuple[str, Any]:
    _require(isinstance(tree, list), Rejection.WRONG_TYPE)
    _require(len(tree) == 2, Rejection.WRONG_LENGTH)
    return _pair(*tree)


def _span_status(tree: Any) -> SpanStatus:
    fields = _fields(tree, "code", "message")
    code = _uint(_required(fields, "code"))
    _require(code <= 2, Rejection.OUT_OF_RANGE)
    return SpanStatus(StatusCode(code), _text(fields.get("message", "")))


def _span_event(tree: Any) -> SpanEvent:
    fields = _fields(tree, "name", "attributes", "time_unix_nanos")
    name = _text(_required(fields, "name"))
    attributes, dropped = _attributes(fields.get("attributes", Pairs()))
    return SpanEvent(name, attributes, _time(fields.get("time_unix_nanos")), dropped)


READERS: dict[str, Callable[[Any], Any]] = {
    "span_start": _span_start,
    "attribute": _attribute,
    "span_status": _span_status,
    "span_event": _span_event,
}
"""What reads each struct from msgpack's item. It raises Refused."""
