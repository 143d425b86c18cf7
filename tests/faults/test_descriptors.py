"""No file can be opened any more (RLIMIT_NOFILE): errors in words, nothing lost uncounted, and with descriptors again all goes on."""

from __future__ import annotations

import json

import pytest

from support.processes import run_python
from support.raw_guest import ENGINES

PROGRAM = """
import json, logging, os, resource, sys
logging.disable(logging.CRITICAL)
from pathlib import Path
from bext_abi import FlushError, SpanStart
from bext_host import PluginError, PluginHost, SpanRecorder
from bext_host.exporters import FileExporter
from bext_host.exporters.otlp import OtlpSpanExporter
from bext_host.runtime.module_cache import ModuleCache
from support.compiled import counts, load
from support.wat import guest, hook

engine, folder = sys.argv[1], Path(sys.argv[2])
folder.chmod(0o700)
spooling = OtlpSpanExporter(endpoint="http://127.0.0.1:9/v1/traces", spool=folder / "spool", timeout_seconds=0.2)
recorder = SpanRecorder(FileExporter(folder / "traces.jsonl"), spooling, engine=engine)
host = PluginHost(recorder, engine=engine, flush_seconds=3600)
plugin = host.load(guest(hook("on_reload")))
wasm = guest(hook("on_reload"), hook("cleanup"))

def flush():
    plugin.call("on_reload")
    try:
        recorder.flush()
    except FlushError as error:
        return {name: "Too many open files" in text for name, text in error.failures.items()}
    return {}

before = flush()
cache = ModuleCache(folder / "modules")
files = len(os.listdir("/proc/self/fd"))
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
during = flush()
answers = load(cache, 1)
try:
    host.load(wasm, "another").call("on_reload")
except PluginError as error:  # wasmtime makes a descriptor for the first instance of a module with data
    assert "memfd" in str(error), error
resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 1024), hard))
after = flush()
host.load(guest(hook("on_reload"), hook("own")), "later").call("on_reload")
flush()
stats = recorder.stats
lines = (folder / "traces.jsonl").read_text().splitlines()
spans = [span for line in lines for r in json.loads(line)["resourceSpans"] for scope in r["scopeSpans"] for span in scope["spans"]]
print(json.dumps({
    "before": before, "during": during, "after": after, "loaded": answers, "cache": counts(cache),
    "in_file": len(spans), "taken": stats.exported["file"], "lost": stats.dropped["export_failed"], "ended": stats.ended,
    "whole": len(spans) + stats.waiting["otlp"] + stats.dropped["export_failed"], "leaked": len(os.listdir("/proc/self/fd")) > files + 3,
}))
sys.stdout.flush()
os._exit(0)
"""


@pytest.mark.parametrize("engine", ENGINES)
def test_without_a_descriptor_exporters_say_so_plugins_run_and_every_span_is_accounted_for(engine, tmp_path):
    done = run_python(PROGRAM, engine, str(tmp_path))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["before"], told["after"]) == ({"otlp": False}, {"otlp": False})
    assert told["during"]["file"] is True
    assert set(told["during"]) == {"file", "otlp"}
    assert (told["loaded"], told["cache"]) == (1, {"compiled": 1})
    assert told["in_file"] == told["taken"] > 0
    assert told["whole"] == 2 * told["ended"]
    assert told["leaked"] is False
