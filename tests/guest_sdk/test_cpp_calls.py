"""The host calls of the C++ SDK, natively: when spans end, which values it takes, and what it leaves out."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from guest_sdk.conftest import ROOT, Compile
from guest_sdk.driving import pack

HERE = Path(__file__).resolve().parent
BUILDS = {
    "c++17 with UBSan": ("-x", "c++", "-std=c++17", "-fno-exceptions", "-O1", "-fsanitize=undefined", "-fsanitize-trap=undefined"),
    "c++20": ("-x", "c++", "-std=c++20", "-fno-exceptions", "-O2"),
}


@pytest.fixture(scope="module", params=BUILDS)
def program(request: pytest.FixtureRequest, compile_c: Compile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("cpp") / "cpp_cases"
    compile_c(*BUILDS[request.param], f"-I{ROOT / 'guest_sdk' / 'cpp'}", "-o", output, HERE / "cpp_cases.cpp")
    return output


@pytest.fixture
def lines(program: Path, request: pytest.FixtureRequest) -> list[str]:
    """What the case prints that is named like the test."""
    case = request.node.originalname.removeprefix("test_")
    done = subprocess.run([program, case], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def start(name: str, **fields: Any) -> str:
    return f"start_span {pack({'name': name, **fields}).hex()}"


def set_(span: int, key: str, value: Any) -> str:
    return f"set_attribute {span} {pack([key, value]).hex()}"


def event(name: str, **fields: Any) -> str:
    return f"add_event 7 {pack({'name': name, **fields}).hex()}"


def test_ends_in_reverse(lines: list[str]):
    assert lines == [start("outer"), start("inner", kind=2, parent=[1, 1, 1]), "end_span 2 0", "end_span 1 0"]


def test_moves(lines: list[str]):
    assert lines == [start("made"), set_(1, "here", 1), start("replaces"), "end_span 1 0", "end_span 2 0"]


def test_ends_once(lines: list[str]):
    assert lines == [start("now"), "end_span 1 0", start("then"), "end_span 2 5"]


def test_releases(lines: list[str]):
    assert lines == [start("kept"), set_(1, "again", True), "end_span 1 0"]


def test_compares(lines: list[str]):
    assert lines[2:] == ["open == open: 1", "open == another: 0", "open != ended: 1", "ended == INVALID: 1"]


def test_unsampled(lines: list[str]):
    assert lines == ["invalid 1 1"]


def test_current(lines: list[str]):
    host = [1, 1, 999]
    assert lines == [
        "current_span",
        start("under", kind=1, parent=host),
        "end_span 1 0",
        "current_span",
        start("under with", kind=1, parent=host, attributes={"k": "v"}),
        "end_span 2 0",
        "current_span",
        start("built", parent=host),
        "end_span 3 0",
        "current_span",
        set_(999, "added", 1),
        "current_span",
        start("root"),
        "end_span 4 0",
        "current_span",
        start("built root"),
        "end_span 5 0",
        "current_span",
    ]


def test_everything(lines: list[str]):
    parent = {"parent": [2, 3, 4], "parent_is_remote": True, "parent_flags": 0, "trace_state": "a=b"}
    links = [{"handle": [1, 1, 7], "attributes": {"b": 2, "c": "3"}}, {"handle": [1, 1, 7], "attributes": {"b": 2}}]
    from_braces = [{"handle": [1, 1, 7], "attributes": {"why": 1}}, {"handle": [1, 1, 7]}]
    assert lines == [
        start("all", kind=4, **parent, attributes={"b": 2, "c": "3"}, links=links, start_time_unix_nanos=9),
        "end_span 1 0",
        start("braces", links=from_braces),
        "end_span 2 0",
    ]


def test_parents(lines: list[str]):
    """The last one counts, and none is a root."""
    local = [1, 1, 7]
    assert lines == [
        "none 1, remote 0, flags 1, handle 1",
        start("last is local", parent=local),
        "end_span 1 0",
        start("last is remote", parent=local, parent_is_remote=True, parent_flags=0),
        "end_span 2 0",
        start("last is none"),
        "end_span 3 0",
        start("half a handle"),
        "end_span 4 0",
    ]


def test_numbers(lines: list[str]):
    values = [-1, 65535, 4_000_000_000, -5, -(2**63), 2**63 - 1, 4, 0.5, 2.0, True]
    assert lines == [set_(7, "v", value) for value in values]


def test_texts(lines: list[str]):
    values = ["literal", "buffer", "buffer", "view\0nul", "temp", "", "te"]
    traceparent = "00-00000000000000010000000000000001-0000000000000007-00"
    assert lines == [*(set_(7, "v", value) for value in values), set_(7, "view\0nul", traceparent), set_(7, "v", "")]


def test_arrays(lines: list[str]):
    from_arrays = [[1, -1], [0.5, 2.0], [True, False], ["a", "", "cut"]]
    from_containers = [[1], [0.5, 2.0], [True, False], ["a", ""], []]
    from_braces = [[503, 504], [1.0, 2.5], [False], ["x", "yz"], []]
    assert lines == [set_(7, "v", value) for value in [*from_arrays, *from_containers, *from_braces]]


def test_events(lines: list[str]):
    assert lines == [
        event("plain"),
        event("with", attributes={"k": 1, "l": [2]}),
        event("then", time_unix_nanos=5),
        event("both", attributes={"k": "v"}, time_unix_nanos=6),
        event("some", attributes={"k": 1}, time_unix_nanos=7),
        event("all", attributes={"k": 1, "l": 2}),
    ]


def test_statuses(lines: list[str]):
    payloads = [{"code": 1}, {"code": 2, "message": "why"}, {"code": 0}]
    assert lines == [f"set_status 7 {pack(payload).hex()}" for payload in payloads]


def test_drops(lines: list[str]):
    """A name and a message are cut to an eighth of the scratch buffer of 2,048; of the rest each piece is left out alone."""
    cut = "n" * (2048 // 8 - 5)
    assert lines == [
        event(cut),
        f"set_status 7 {pack({'code': 2, 'message': cut}).hex()}",
        start(cut, attributes={"k": 1}),
        "end_span 1 0",
        start("links", links=[{"handle": [1, 1, 7]}, {"handle": [1, 1, 7]}]),
        "end_span 2 0",
        event("too late"),
        "dropped 8",
    ]
