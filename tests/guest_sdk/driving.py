"""Writes the commands of `driver.c`, and reads the lines that it prints."""

from __future__ import annotations

import random
import struct
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack

Handle = tuple[int, int, int]

INVALID: Handle = (0, 0, 0)
ANSWER: Handle = (1, 2, 3)  # what the driver's host answers unless told otherwise
AMPLE = 1 << 20

FIELDS = ("name", "kind", "parent", "parent_is_remote", "parent_flags", "trace_state", "attributes", "links", "start_time_unix_nanos")


@dataclass(frozen=True)
class Driver:
    """The compiled driver."""

    path: Path

    def run(self, *commands: str) -> list[str]:
        """The lines that the commands print, in a process of their own."""
        done = subprocess.run([self.path], input="\n".join(commands), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def payloads(self, *commands: str) -> list[bytes]:
        """The payloads of the host calls that the commands make."""
        calls = ("start_span", "set_attribute", "set_status", "add_event")
        return [bytes.fromhex(line.rsplit(" ", 1)[1]) for line in self.run(*commands) if line.startswith(calls)]

    def payload(self, *commands: str) -> bytes:
        """The payload of the only host call that the commands make."""
        (payload,) = self.payloads(*commands)
        return payload


def pack(value: Any) -> bytes:
    """The canonical msgpack of plain Python data: what the SDK has to write."""
    packed: bytes = msgpack.packb(value)
    return packed


# --- Words of commands ------------------------------------------------------------------------------------------------


def text(value: str | bytes) -> str:
    raw = value.encode() if isinstance(value, str) else value
    return raw.hex() or "-"


def handle(value: Handle) -> str:
    return " ".join(map(str, value))


def _scalar(value: Any) -> tuple[str, str]:
    if isinstance(value, bool):
        return "b", str(int(value))
    if isinstance(value, int):
        return "i", str(value)
    if isinstance(value, float):
        return "f", struct.pack(">d", value).hex()
    return "s", text(value)


def value_words(value: Any) -> str:
    """A scalar, or a list of one type; an empty list is one of ints."""
    if not isinstance(value, list):
        return " ".join(_scalar(value))
    kinds, words = zip(*map(_scalar, value), strict=True) if value else (("i",), ())
    return " ".join([kinds[0].upper(), str(len(value)), *words])


# --- Commands ---------------------------------------------------------------------------------------------------------


def span(name: str | bytes, kind: int = 0, capacity: int = AMPLE) -> str:
    return f"span {capacity} {text(name)} {kind}"


def parent(value: Handle) -> str:
    return f"parent {handle(value)}"


def remote(value: Handle, flags: int = 1, state: str | bytes = "") -> str:
    return f"remote {handle(value)} {flags} {text(state)}"


def attr(key: str | bytes, value: Any) -> str:
    return f"attr {text(key)} {value_words(value)}"


def link(value: Handle, attributes: dict[str, Any] | None = None) -> str:
    pairs = (attributes or {}).items()
    return " ".join(["link", handle(value), str(len(pairs)), *(f"{text(key)} {value_words(item)}" for key, item in pairs)])


def event(name: str | bytes, capacity: int = AMPLE) -> str:
    return f"event {capacity} {text(name)}"


def event_attr(key: str | bytes, value: Any) -> str:
    return f"event_attr {text(key)} {value_words(value)}"


def set_attribute(key: str | bytes, value: Any, on: Handle = ANSWER) -> str:
    return f"set {handle(on)} {text(key)} {value_words(value)}"


def status(code: int, message: str | bytes = "", on: Handle = ANSWER) -> str:
    return f"status {handle(on)} {code} {text(message)}"


# --- What the commands mean, in plain data ----------------------------------------------------------------------------


def in_field_order(fields: dict[str, Any]) -> dict[str, Any]:
    """A SpanStart's fields in the order of the ABI."""
    return {name: fields[name] for name in FIELDS if name in fields}


def dropped(lines: Iterable[str]) -> int:
    """What the last `dropped` command printed."""
    return [int(line.removeprefix("dropped ")) for line in lines if line.startswith("dropped ")][-1]


def blocks_come_and_go(chance: float) -> list[str]:
    """Commands that allocate 2,000 blocks and free all of them, each soon and in any order: more at once, the smaller the chance."""
    generator = random.Random(5)
    held: list[int] = []
    commands: list[str] = []
    for index in range(2000):
        commands.append(f"alloc {generator.choice([1, 7, 8, 9, 100, 1000, 5000])}")
        held.append(index)
        while len(held) > 8 or (held and generator.random() < chance):
            commands.append(f"free {held.pop(generator.randrange(len(held)))}")
    return commands + [f"free {index}" for index in held]
