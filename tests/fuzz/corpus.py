"""The corpora of the fuzzers: inputs that were found to reach something, kept as a text file each with one input a line, in hex.

A fuzzer starts from its corpus and from seeds, which are made of the golden vectors and so are not kept twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from support import vectors

FOLDER = Path(__file__).resolve().parent / "corpus"
LONGEST_SEED = 2000

# A program for boundary_target.c: how it is set up, then for each step who calls, what is done, and with what.
ROOMY, ROOMY_BEFORE_TIGHT, TIGHT = 0x0D, 0x01, 0x00  # the scopes' limits, and the recorder's
START, SET_ATTRIBUTE, SET_STATUS, ADD_EVENT, END, CURRENT = range(6)
WILD_START, WILD_ATTRIBUTE, WILD_STATUS, WILD_EVENT, PUSH, POP, GRANT, MARK_TIME, EXPIRE, CLOSE, REFUSE_MEMORY, TAKE = range(6, 18)
RECORDING = {"attribute": SET_ATTRIBUTE, "span_status": SET_STATUS, "span_event": ADD_EVENT}
SPAN = b"\x81\xa4name\xa1s"


def load(name: str) -> list[bytes]:
    """The inputs of a corpus."""
    return [bytes.fromhex(line) for line in (FOLDER / f"{name}.txt").read_text(encoding="ascii").split()]


def save(name: str, inputs: Iterable[bytes]) -> None:
    """Keep these inputs, the shortest first."""
    lines = [data.hex() + "\n" for data in sorted(set(inputs), key=lambda data: (len(data), data)) if data]
    (FOLDER / f"{name}.txt").write_text("".join(lines), encoding="ascii")


def unpack(inputs: Iterable[bytes], folder: Path) -> Path:
    """The inputs as files, as libFuzzer wants them."""
    folder.mkdir(parents=True, exist_ok=True)
    for data in inputs:
        (folder / hashlib.sha256(data).hexdigest()[:32]).write_bytes(data)
    return folder


def _payloads(*structs: str) -> list[bytes]:
    found = [vector.payload for section in ("canonical", "accepted", "rejected") for vector in vectors.load(section, *structs)]
    return [payload for payload in found if len(payload) <= LONGEST_SEED]


def payload_seeds() -> list[bytes]:
    """The payloads of the golden vectors, but for the longest."""
    return _payloads("span_start", "attribute", "span_status", "span_event", "handle")


def _sized(payload: bytes) -> bytes:
    short = bytes([len(payload)]) if len(payload) < 255 else b"\xff" + len(payload).to_bytes(2, "big")
    return short + payload


def _on_a_span(operation: int, payload: bytes) -> bytes:
    start, record = bytes([0, START, 3]) + _sized(SPAN), bytes([0, operation, 3]) + _sized(payload)
    return bytes([ROOMY]) + start + record + record + bytes([0, END, 3, 0, 0, 0, TAKE])


def call_seeds() -> list[bytes]:
    """Programs of host calls: each golden vector as the payload of its call, and one with every other step."""
    found = [_on_a_span(operation, payload) for struct, operation in RECORDING.items() for payload in _payloads(struct)]
    found += [bytes([ROOMY, 0, START, 3]) + _sized(payload) for payload in _payloads("span_start", "handle")]
    long_texts = [b"\x92\xa1k\xda" + size.to_bytes(2, "big") + b"x" * size for size in (600, 610, 620, 30)]
    found.append(bytes([ROOMY, 0, START, 3]) + _sized(SPAN) + b"".join(bytes([0, SET_ATTRIBUTE, 3]) + _sized(text) for text in long_texts))
    many_keys = [b"\x92\xa2" + bytes([97 + number // 20, 97 + number % 20, number]) for number in range(100)]
    found.append(bytes([ROOMY, 0, START, 3]) + _sized(SPAN) + b"".join(bytes([0, SET_ATTRIBUTE, 3]) + _sized(pair) for pair in many_keys))
    found.append(bytes([ROOMY_BEFORE_TIGHT, 0, START, 3]) + _sized(b"\x81\xa4name\xda\x02\x00" + b"x" * 512))
    surrounded = bytes([0, PUSH, 4, 0, CURRENT, 1, 0, SET_ATTRIBUTE, 4]) + _sized(b"\x92\xa1k\x01") + bytes([0, POP])
    known = bytes([0, GRANT, 4, 1, MARK_TIME, 9, 0, EXPIRE, 5, 0, REFUSE_MEMORY, 2, 1, CLOSE, 15, START, 3]) + _sized(SPAN)
    found.append(bytes([TIGHT]) + surrounded + known + bytes([0, START, 3]) + _sized(SPAN))
    return found


SEEDS = {"payloads": payload_seeds, "calls": call_seeds}
