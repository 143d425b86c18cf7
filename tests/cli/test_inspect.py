"""`bext-tracer inspect`: a report that a person or a program can use, on any file whatever."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from support.processes import call_command, run_command
from support.raw_guest import HOSTILE_ENDED
from support.wat import wasm

FIXTURES = Path(__file__).resolve().parents[2] / "wasm-fixtures"
REQUEST_TRACE = FIXTURES / "request_trace.wasm"
CONFORMS = {"malformed_payloads", "out_of_bounds_pointers"}
REFUSED = sorted(path for path in (FIXTURES / "hostile").glob("*.wasm") if path.stem not in CONFORMS | HOSTILE_ENDED)
KEYS = {"module", "size_bytes", "conforms", "abi_version", "uses_tracer", "hooks", "imports", "exports", "faults"}

SAYS = {
    "component": "component",
    "marker_is_a_global": "bext_tracer_abi_v1",
    "memory64": "64-bit",
    "memory_is_a_global": "memory",
    "no_marker": "marker",
    "no_memory": "memory",
    "shared_memory": "shared",
    "unknown_import": "bext.teleport",
    "unknown_version": "bext_tracer_abi_v9",
    "wrong_hook": "on_reload",
    "wrong_signature": "bext.start_span",
}


def report_of(path: Path, code: int) -> dict[str, object]:
    result = call_command("inspect", path, "--json")
    assert (result.returncode, result.stderr) == (code, "")
    report = json.loads(result.stdout)
    assert set(report) == KEYS
    return report


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.wasm")), ids=lambda path: path.stem)
def test_every_fixture_that_should_conform_does(path):
    report = report_of(path, 0)
    assert report["conforms"]
    assert report["faults"] == []
    assert (report["abi_version"], report["uses_tracer"]) == (1, True)
    assert report["module"] == path.name
    assert report["size_bytes"] == path.stat().st_size


def test_the_report_tells_imports_exports_and_hooks():
    report = report_of(REQUEST_TRACE, 0)
    hooks = ["on_server_start", "on_server_stop", "on_request_complete", "on_cache_write", "on_cache_invalidate", "on_reload", "cleanup"]
    assert report["hooks"] == hooks
    assert {"name": "bext.start_span", "type": "function (i32, i32, i32) -> ()"} in report["imports"]
    assert {"name": "bext_tracer_abi_v1", "type": "function () -> ()"} in report["exports"]


def test_the_text_says_the_same_for_people():
    result = run_command("inspect", REQUEST_TRACE)
    assert (result.returncode, result.stderr) == (0, "")
    for part in ("request_trace.wasm", "version 1", "on_request_complete", "bext.start_span", "(tracer)", "conforms"):
        assert part in result.stdout
    assert "fault" not in result.stdout
    assert "\x1b" not in result.stdout


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
def test_each_hostile_module_names_its_fault_in_a_line_of_its_own(path):
    result = call_command("inspect", path)
    faults = [line for line in result.stdout.splitlines() if line.startswith("fault: ")]
    assert (result.returncode, result.stderr) == (1, "")
    assert SAYS[path.stem] in "\n".join(faults)
    assert all(line.isprintable() for line in result.stdout.splitlines())
    report = report_of(path, 1)
    assert not report["conforms"]
    assert [f"fault: {fault}" for fault in report["faults"]] == faults


def test_no_fault_has_more_lines_than_there_are_things_wrong():
    for name in set(SAYS) - {"wrong_hook"}:
        assert len(report_of(FIXTURES / "hostile" / f"{name}.wasm", 1)["faults"]) == 1
    assert len(report_of(FIXTURES / "hostile" / "wrong_hook.wasm", 1)["faults"]) == 2


def test_a_module_without_the_tracer_conforms_and_the_report_says_so(tmp_path):
    path = tmp_path / "plain.wasm"
    path.write_bytes(wasm('(module (func (export "on_reload")))'))
    report = report_of(path, 0)
    assert (report["uses_tracer"], report["abi_version"], report["hooks"]) == (False, None, ["on_reload"])
    assert "imports nothing of the tracer" in call_command("inspect", path).stdout


def test_wasi_is_marked_as_provided(tmp_path):
    path = tmp_path / "wasi.wasm"
    path.write_bytes(wasm('(module (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32))))'))
    assert "(WASI)" in call_command("inspect", path).stdout


HOSTILE = r"""(module
  (import "evil\1b[31m" "a\0a\e2\80\ae" (func))
  (func (export "\1b]0;title\07"))
  (func (export "two\0alines"))
  (func (export "c1 \c2\9b31m")))"""


def test_hostile_names_are_escaped_in_text_and_json(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\x1b[31m\n.wasm"))
    path.write_bytes(wasm(HOSTILE))
    result = run_command("inspect", path)
    assert result.returncode == 1
    assert all(line.isprintable() for line in result.stdout.splitlines())
    assert r"two\nlines" in result.stdout
    assert r"evil\x1b[31m" in result.stdout
    printed = run_command("inspect", path, "--json").stdout
    assert all(line.isprintable() for line in printed.splitlines())
    json.loads(printed).get("exports")[0]["name"].encode()


@pytest.mark.parametrize("content", [b"", b"\0asm", b"(module)", b"\0asm\x01\0\0\0\xff", b"\x7fELF", b"\0asm\x0d\0\x01\0"])
def test_a_file_that_is_no_module_is_a_report_with_one_fault(tmp_path, content):
    path = tmp_path / "file.wasm"
    path.write_bytes(content)
    report = report_of(path, 1)
    assert len(report["faults"]) == 1
    assert report["imports"] == report["exports"] == report["hooks"] == []
    assert call_command("inspect", path).stdout.count("fault: ") == 1


def test_a_file_that_cannot_be_read_is_one_line(tmp_path):
    for path in (tmp_path / "missing\x1b.wasm", tmp_path):
        result = call_command("inspect", path)
        assert result.returncode == 1
        (line,) = result.stderr.splitlines()
        assert "cannot read" in line
        assert line.isprintable()
        assert result.stdout == ""


def test_names_that_are_not_ascii_are_no_trouble_for_an_output_that_is(tmp_path):
    path = tmp_path / "names.wasm"
    path.write_bytes(wasm(r'(module (func (export "gr\c3\bc\c3\9fe \f0\9f\98\80")))'))
    result = run_command("inspect", path, env={"PYTHONIOENCODING": "ascii"})
    assert (result.returncode, result.stderr) == (0, "")
    assert "grüße" in run_command("inspect", path).stdout
