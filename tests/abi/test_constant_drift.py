"""The numbers of the ABI stand in `abi/bext_tracer_abi.h`; every copy of them is held to it here."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
from wasmtime import Engine, Module

from bext_abi import TRACER_ABI_MARKER, TRACER_IMPORT_MODULE, DropReason, Rejection, SpanHandle, SpanKind, StatusCode, constants
from bext_host import Limits, PluginLimits
from bext_host.boundary.signatures import IMPORTS, Signature
from bext_host.boundary.stats import OPERATIONS

ROOT = Path(__file__).resolve().parents[2]
HEADER = ROOT / "abi" / "bext_tracer_abi.h"
C_SDK = ROOT / "guest_sdk" / "c" / "bext_tracer.h"
RAW_ABI = ROOT / "wasm-fixtures" / "raw_abi.wasm"

NAMED_CONSTANTS = {"INT64_MAX": 2**63 - 1}
C_TYPES = {"uint64_t": "i64", "uint32_t": "i32", "uint8_t*": "i32", "void": ""}


def without_comments(path: Path) -> str:
    return re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)


def defines(path: Path) -> dict[str, int | str]:
    """Every #define of a number or a text, by its name without the prefix."""
    found: dict[str, int | str] = {}
    for name, value in re.findall(r"^#define BEXT_(\w+)[ ]+(\S.*?)\s*$", without_comments(path), re.MULTILINE):
        if value.startswith('"'):
            found[name] = value.strip('"')
        elif value in NAMED_CONSTANTS or value.isdecimal():
            found[name] = NAMED_CONSTANTS.get(value) or int(value)
    return found


def enums(path: Path) -> dict[str, dict[str, int]]:
    """Every enum by its name, with its members in order."""
    return {
        enum: {name: int(value) for name, value in re.findall(r"(\w+) = (\d+)", body)}
        for enum, body in re.findall(r"enum bext_(\w+) \{(.*?)\};", without_comments(path), re.DOTALL)
    }


def imports_of_the_header() -> dict[str, Signature]:
    """The six declarations, as wasm types."""
    text = " ".join(without_comments(HEADER).split())
    found = {}
    for name, result, function, parameters in re.findall(r'BEXT_TRACER_IMPORT\("(\w+)"\) (\w+) (\w+)\((.*?)\);', text):
        assert function == f"bext_abi_{name}"
        types = [re.fullmatch(r"(?:const )?(\w+) (\*?)\w+", parameter.strip()) for parameter in parameters.split(",")]
        found[name] = Signature(
            tuple(C_TYPES[match.group(1) + match.group(2)] for match in types if match),
            (C_TYPES[result],) if C_TYPES[result] else (),
        )
    return found


def python_constants() -> dict[str, int | str]:
    return {name: value for name, value in vars(constants).items() if name.isupper()}


def test_the_header_has_every_kind_of_entry_that_these_tests_read():
    """So that none of them passes because nothing was found."""
    assert len(defines(HEADER)) > 30
    assert list(enums(HEADER)) == ["span_kind", "status_code", "drop_reason", "rejection"]
    assert len(imports_of_the_header()) == 6


def test_every_define_with_a_value_is_read():
    names = set(re.findall(r"^#define BEXT_(\w+)[ ]+\S", without_comments(HEADER), re.MULTILINE))
    assert names - set(defines(HEADER)) == set()


def test_every_python_constant_has_the_headers_value():
    assert {name: defines(HEADER).get(name) for name in python_constants()} == python_constants()


def test_every_define_has_a_python_constant_but_the_offsets():
    missing = set(defines(HEADER)) - set(python_constants())
    assert missing == {"HANDLE_OFFSET_TRACE_ID_HI", "HANDLE_OFFSET_TRACE_ID_LO", "HANDLE_OFFSET_SPAN_ID"}


def test_the_offsets_are_those_of_a_handle_in_memory():
    numbers = defines(HEADER)
    memory = SpanHandle.from_parts(0x11, 0x22, 0x33).to_bytes()
    offsets = [numbers[f"HANDLE_OFFSET_{part}"] for part in ("TRACE_ID_HI", "TRACE_ID_LO", "SPAN_ID")]
    assert [memory[offset] for offset in offsets] == [0x11, 0x22, 0x33]
    assert len(memory) == numbers["HANDLE_SIZE"]


@pytest.mark.parametrize(
    ("enum", "name", "prefix"), [(SpanKind, "span_kind", "BEXT_SPAN_KIND_"), (StatusCode, "status_code", "BEXT_STATUS_")]
)
def test_an_enum_on_the_wire_has_the_headers_names_and_numbers(enum, name, prefix):
    assert [(prefix + member.name, member.value) for member in enum] == list(enums(HEADER)[name].items())


@pytest.mark.parametrize(("enum", "name", "prefix"), [(DropReason, "drop_reason", "BEXT_DROP_"), (Rejection, "rejection", "BEXT_REJECT_")])
def test_an_enum_of_words_has_the_headers_names_in_order(enum, name, prefix):
    members = enums(HEADER)[name]
    assert [prefix + member.name for member in enum] == list(members)
    assert list(members.values()) == list(range(1, len(members) + 1))


@pytest.mark.parametrize("enum", [DropReason, Rejection])
def test_the_words_are_the_names_in_lower_case(enum):
    assert [str(member) for member in enum] == [member.name.lower() for member in enum]


def test_every_limit_has_the_default_of_its_namesake():
    """Those of what the host keeps, and those of a plugin that the header names."""
    classes = (*fields(Limits), *(limit for limit in fields(PluginLimits) if limit.name in ("module_bytes", "span_open_seconds")))
    defaults = {f"LIMIT_{limit.name.upper()}": limit.default for limit in classes}
    limits = {name: value for name, value in defines(HEADER).items() if name.startswith("LIMIT_")}
    assert defaults == limits


def test_the_imports_of_the_header_are_those_of_the_boundary_in_order():
    assert list(imports_of_the_header().items()) == list(IMPORTS.items())


def test_the_operations_that_are_counted_are_the_imports():
    assert tuple(IMPORTS) == OPERATIONS


def test_the_imports_of_the_raw_abi_guest_are_those_of_the_boundary():
    module = Module(Engine(), RAW_ABI.read_bytes())
    assert {item.module for item in module.imports} == {TRACER_IMPORT_MODULE}
    assert {item.name: Signature.of(item.type) for item in module.imports} == IMPORTS
    assert TRACER_ABI_MARKER in {item.name for item in module.exports}


def test_the_marker_carries_the_version():
    assert f"bext_tracer_abi_v{constants.TRACER_ABI_VERSION}" == TRACER_ABI_MARKER


def test_the_text_names_every_macro_of_the_header():
    text = (ROOT / "abi" / "ABI.md").read_text()
    macros = [f"BEXT_{name}" for name in defines(HEADER)] + [name for members in enums(HEADER).values() for name in members]
    assert [name for name in macros if f"`{name}`" not in text] == []


class TestTheCSdk:
    """It repeats what a guest needs, so that its header stands alone."""

    OWN = frozenset({"TRACEPARENT_SIZE", "TRACER_SCRATCH_SIZE", "TRACER_ARENA_SIZE"})

    def test_its_numbers_are_the_headers(self):
        ours = defines(HEADER)
        copied = {name: value for name, value in defines(C_SDK).items() if not name.startswith("IMPL_") and name not in self.OWN}
        assert copied == {name: ours.get(name) for name in copied}
        assert len(copied) >= 8

    def test_its_enums_are_the_headers(self):
        ours = enums(HEADER)
        copied = {name: members for name, members in enums(C_SDK).items() if not name.startswith("impl_")}
        assert copied == {name: ours[name] for name in ("span_kind", "status_code")}

    def test_its_imports_are_the_boundarys(self):
        names = re.findall(r'BEXT_IMPORT\("(\w+)"\)', without_comments(C_SDK))
        assert sorted(names) == sorted(IMPORTS)
        assert f'import_module("{TRACER_IMPORT_MODULE}")' in C_SDK.read_text()
        assert f'BEXT_EXPORT("{TRACER_ABI_MARKER}")' in C_SDK.read_text()
