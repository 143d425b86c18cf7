"""check_module and types that wasmtime's C API cannot name: it ends the process when it is asked for the kind of such a type."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

UNNAMEABLE = {
    "v128 parameter": '(func (export "f") (param v128))',
    "v128 result": '(func (export "f") (result v128) unreachable)',
    "v128 in an import of ours": '(import "bext" "start_span" (func (param v128)))',
    "v128 in another import": '(import "env" "f" (func (param v128)))',
    "v128 in a marker": '(func (export "bext_tracer_abi_v1") (param v128))',
    "exnref": '(func (export "f") (param exnref))',
    "typed function reference": '(type $t (func)) (func (export "f") (param (ref $t)))',
    "struct reference": '(type $s (struct (field i32))) (func (export "f") (result (ref null $s)) unreachable)',
}
CHECK = """
import sys
from wasmtime import Config, Engine, Module, wat2wasm
from bext_host import ModuleRefused, check_module
config = Config()
config.wasm_exceptions = config.wasm_function_references = config.wasm_gc = True  # not every supported wasmtime's default
module = Module(Engine(config), wat2wasm(sys.argv[1]))
try:
    check_module(module)
except ModuleRefused:
    pass
print("checked")
"""


@pytest.mark.parametrize("line", UNNAMEABLE.values(), ids=UNNAMEABLE.keys())
def test_a_type_that_the_c_api_has_no_name_for_does_not_abort_the_process(line):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", CHECK, f"(module {line})"], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "checked\n"), done.stderr
