"""Builds the native engine, `bext_host._native`, through cffi in API mode. Called by setuptools (see setup.py)."""

from pathlib import Path

import cffi

HERE = Path("host/native")
MODULES = [
    "framing", "utf8", "tracestate", "reader", "attributes", "payload",
    "lock", "forks", "handle_map", "handle_ring", "recent_handles", "key_map", "trimming", "scope_table", "scope",
    "caller", "host_call", "guest_start", "guest",
    "packing", "random_ids", "packed_attributes", "bell", "finished", "finished_queue", "open_span",
    "recorder", "recorder_start", "recorder_tracer", "recording", "python_recorder", "python_engine",
    "protobuf", "span_groups", "guarded_keys", "otlp",
]  # fmt: skip

ffibuilder = cffi.FFI()
ffibuilder.cdef((HERE / "native.cdef.h").read_text(encoding="ascii"))
ffibuilder.set_source(
    "bext_host._native",
    "".join(f'#include "{module}.c"\n' for module in MODULES),  # one unit, so that the compiler sees through the calls
    include_dirs=["abi", str(HERE)],
    depends=[str(path) for folder in (HERE, Path("abi")) for path in sorted(folder.glob("*.[ch]"))],
    extra_compile_args=["-std=c11", "-O3", "-fvisibility=hidden"],
    optional=True,  # without a compiler the reference engine does the work, and says so
)
