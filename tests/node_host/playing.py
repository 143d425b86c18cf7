"""Plays a script on our boundary and recorder, as tests/node_host/lib/script.mjs does on the Node host's."""

from __future__ import annotations

from typing import Any

from bext_abi import SpanStart
from bext_host import Limits, SpanRecorder
from bext_host.exporters import MemoryExporter
from node_host.ours import counts
from node_host.scripts import UNTOUCHED, Step
from node_host.traces import Json, trace_json
from support.raw_guest import RawGuest

PARTS = (0, 8, 16)


def outcome(steps: list[Step], policy: str, limits: Limits, engine: str) -> Json:
    """`trace`, `dropped` and what each step `returned`: in a span of the host's, and what is open behind it ends as abandoned."""
    exporter = MemoryExporter()
    recorder = SpanRecorder(exporter, sampler="always_on", engine=engine)
    guest = RawGuest(recorder, engine=engine, limits=limits, remote_parents=policy)
    host_span = recorder.start_span(SpanStart("script"))
    with guest.scope.current(host_span):
        returned = [getattr(_Script(guest), what)(*values) for what, *values in steps]
    recorder.end_span(host_span)
    guest.scope.close()
    recorder.flush()
    return {"trace": trace_json(exporter.spans), "dropped": counts(guest.scope.stats.dropped), "returned": returned}


class _Script:
    def __init__(self, guest: RawGuest) -> None:
        self._guest = guest

    def write(self, offset: int, data: str) -> None:
        self._guest.write(offset, bytes.fromhex(data))

    def read(self, offset: int, length: int) -> str:
        return self._guest.read(offset, length).hex()

    def payload(self, offset: int, parts: list[str | int]) -> int:
        data = "".join(part if isinstance(part, str) else "".join(f"cf{number:016x}" for number in self._parts(part)) for part in parts)
        self.write(offset, data)
        return len(data) // 2

    def _parts(self, offset: int) -> list[int]:
        return [int.from_bytes(self._guest.read(offset + part, 8), "little") for part in PARTS]

    def call(self, name: str, *values: Any) -> Any:
        passed: list[int] = []
        for value in values:
            passed += self._parts(value["handle"]) if isinstance(value, dict) else [int(value)]
        return self._guest.exports[name](self._guest.store, *map(_signed, passed, _bits(values)))


def _bits(values: tuple[Any, ...]) -> list[int]:
    """How wide each number is that `values` pass: an int is 32 bits, a str and each part of a handle 64."""
    return [bits for value in values for bits in ([64] * 3 if isinstance(value, dict) else [64 if isinstance(value, str) else 32])]


def _signed(value: int, bits: int) -> int:
    wrapped = value & ((1 << bits) - 1)
    return wrapped - (1 << bits) if wrapped >> (bits - 1) else wrapped


def shown(returned: list[Any]) -> list[Any]:
    """What steps returned, with a word for a handle that two hosts never share."""
    words = {UNTOUCHED: "untouched", "00" * 24: "INVALID"}
    return [words.get(one, "a handle") if isinstance(one, str) and len(one) == len(UNTOUCHED) else one for one in returned]
