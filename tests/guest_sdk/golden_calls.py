"""Host calls in the form of the golden files (wasm-fixtures/conformance/README.md, "Golden calls")."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from guest_sdk.conformance import HOOK, Guest
from guest_sdk.recording_host import Handle, RawCall, RecordingHost

LONG = 1024


def recorded(guest: Guest, *, has_current: bool = True, wasm: Path | None = None) -> list[dict[str, Any]]:
    """The calls that a guest makes of the recording host; `wasm` stands in for the committed module."""
    host = RecordingHost(wasm or guest.wasm, has_current=has_current)
    assert host.call(HOOK, json.dumps(guest.event)) == 0
    return [call_json(call) for call in host.raw_calls]


def call_json(call: RawCall) -> dict[str, Any]:
    """One call as a golden file has it."""
    written: dict[str, Any] = {"call": call.name, "handle": _handle_json(call.handle)}
    if call.name == "end_span":
        return written | {"time": str(call.time)}
    return written if call.name == "current_span" else written | _payload_json(call.payload)


def _handle_json(handle: Handle | None) -> list[str] | None:
    return None if handle is None else [str(part) for part in handle]


def _payload_json(payload: bytes) -> dict[str, Any]:
    if len(payload) <= LONG:
        return {"payload": payload.hex()}
    return {"payload_length": len(payload), "payload_sha256": hashlib.sha256(payload).hexdigest()}
