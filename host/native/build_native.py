"""Builds the native engine, `bext_host._native`, through cffi in API mode. Called by setuptools (see setup.py)."""

from pathlib import Path

import cffi

HERE = Path("host/native")
MODULES = [
    "framing", "utf8", "tracestate", "reader", "attributes", "payload",
    "lock", "handle_map", "recent_handles", "key_map", "trimming", "scope", "caller", "guest",
    "packing", "random_ids", "finished", "open_span", "recorder", "recorder_tracer", "python_recorder", "python_engine",
]  # fmt: skip

ffibuilder = cffi.FFI()
ffibuilder.cdef((HERE / "native.cdef.h").read_text(encoding="ascii"))
ffibuilder.set_source(
    "bext_host._native",
    '#include "python_engine.h"\n#include "python_recorder.h"\n',
    sources=[str(HERE / f"{module}.c") for module in MODULES],
    include_dirs=["abi", str(HERE)],
    depends=[str(path) for folder in (HERE, Path("abi")) for path in sorted(folder.glob("*.h"))],
    extra_compile_args=["-std=c11", "-O2", "-fvisibility=hidden"],
    optional=True,  # without a compiler the reference engine does the work, and says so
)
