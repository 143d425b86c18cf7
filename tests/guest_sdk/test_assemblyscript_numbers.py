"""What the AssemblyScript SDK repeats of the ABI is what the ABI has: numbers, imports, and the names of fields."""

from __future__ import annotations

import re

import bext_abi.constants
from bext_abi.types import SpanKind, StatusCode
from guest_sdk.conftest import ROOT
from guest_sdk.recording_host import I32, SIGNATURES

SDK = ROOT / "guest_sdk" / "assemblyscript" / "assembly"
ABI, PAYLOAD, SPAN = ((SDK / name).read_text(encoding="utf-8") for name in ("abi.ts", "payload.ts", "span.ts"))


def test_its_numbers_are_the_abis():
    numbers = {name: int(value.replace("_", ""), 0) for name, value in re.findall(r"export const BEXT_(\w+): \w+ = (\w+);", ABI)}
    assert numbers == {name: getattr(bext_abi.constants, name) for name in numbers}
    assert len(numbers) == 3


def test_its_enums_are_the_abis():
    for enum, expected in (("SpanKind", SpanKind), ("StatusCode", StatusCode)):
        (body,) = re.findall(rf"export enum {enum} {{\n(.*?)\n}}", SPAN, flags=re.DOTALL)
        found = {name.upper(): int(value) for name, value in re.findall(r"(\w+) = (\d+),", body)}
        assert found == {member.name: member.value for member in expected}


def test_its_imports_are_the_abis():
    declared = re.findall(r'@external\("bext", "(\w+)"\)\nexport declare function \w+\((.*?)\): (\w+);', ABI)
    widths = {name: [typed.split(": ")[1] == "u64" for typed in parameters.split(", ")] for name, parameters, _ in declared}
    assert widths == {name: [parameter is not I32 for parameter in parameters] for name, (parameters, _) in SIGNATURES.items()}
    assert {name: result != "void" for name, _, result in declared} == {name: bool(results) for name, (_, results) in SIGNATURES.items()}


def test_the_names_of_fields_stand_where_they_are_looked_for():
    (table,) = re.findall(r"memory\.data<u8>\(\[\n(.*?)\]\);", PAYLOAD, flags=re.DOTALL)
    rows = [
        (bytes(int(byte, 16) for byte in re.findall(r"0x(\w\w)", row)), comment) for row, comment in re.findall(r"(.*), // (\w+)", table)
    ]
    assert [name for name, _ in rows] == [bytes([0xA0 | len(comment)]) + comment.encode() for _, comment in rows]
    offsets = {comment: sum(len(name) for name, _ in rows[:index]) for index, (_, comment) in enumerate(rows)}
    looked_for = {name.lower(): int(value) for name, value in re.findall(r"const (\w+)_NAME: u32 = (\d+);", PAYLOAD)}
    assert sorted(looked_for.values()) == sorted(offsets.values())
    assert {name: at for name, at in looked_for.items() if "time" not in name} == {n: at for n, at in offsets.items() if "time" not in n}
