"""compile_module: bytes that are no core module, or too many, are refused by name before anything is compiled."""

from __future__ import annotations

import pytest
from wasmtime import Module

from bext_host import ModuleRefused
from bext_host.boundary.check import compile_module
from support.raw_guest import FIXTURES, RAW_ABI, wasm_engine

NO_MODULES = {
    b"": "is no WebAssembly: a core module starts with 00 61 73 6d 01 00 00 00, this is empty",
    b"PK\x03\x04": "is no WebAssembly: a core module starts with 00 61 73 6d 01 00 00 00, this with 50 4b 03 04",
    b"\x7fELF\2\1\1\0\0": ("is no WebAssembly: a core module starts with 00 61 73 6d 01 00 00 00, this with 7f 45 4c 46 02 01 01 00"),
    b"(module)": "is WebAssembly text: compile it to a binary first, for example with wasmtime.wat2wasm",
    b"\n  (module)": "is WebAssembly text: compile it to a binary first, for example with wasmtime.wat2wasm",
    b"\0asm": "is cut short within the first 8 bytes of a module",
    b"\0asm\2\0\0\0": "is no core module of version 1: its header goes on with 02 00 00 00",
    b"\0asm\x0d\0\1\0": ("is a WebAssembly component: build a core module instead (the tracer ABI is one of core modules)"),
}


class TestCompile:
    """Bytes that are no core module are refused by name before anything is compiled."""

    @pytest.mark.parametrize(("wasm", "fault"), NO_MODULES.items(), ids=lambda value: repr(value[:8]))
    def test_what_is_no_module_is_named(self, wasm, fault):
        with pytest.raises(ModuleRefused) as refused:
            compile_module(wasm, wasm_engine(), "thing", 1000)
        assert refused.value.faults == (fault,)

    def test_a_component_is_named(self):
        with pytest.raises(ModuleRefused, match="is a WebAssembly component"):
            compile_module(FIXTURES / "hostile" / "component.wasm", wasm_engine(), "component", 1000)

    def test_text_is_named_as_text_also_behind_a_comment(self):
        """As it stands in most files, our own included."""
        with pytest.raises(ModuleRefused, match="is WebAssembly text"):
            compile_module(RAW_ABI.with_suffix(".wat"), wasm_engine(), "raw_abi", 100_000)

    @pytest.mark.parametrize("length", range(9, 60, 7))
    def test_a_truncated_module_is_refused_in_one_line(self, length):
        with pytest.raises(ModuleRefused) as refused:
            compile_module(RAW_ABI.read_bytes()[:length], wasm_engine(), "cut", 1000)
        (fault,) = refused.value.faults
        assert fault.startswith("not a valid WebAssembly module: ")
        assert "\n" not in fault

    @pytest.mark.parametrize("as_file", [True, False])
    def test_the_size_limit_is_inclusive(self, as_file, tmp_path):
        wasm = RAW_ABI.read_bytes()
        source = tmp_path / "m.wasm" if as_file else wasm
        if as_file:
            source.write_bytes(wasm)
        assert isinstance(compile_module(source, wasm_engine(), "m", len(wasm)), Module)
        with pytest.raises(ModuleRefused) as refused:
            compile_module(source, wasm_engine(), "m", len(wasm) - 1)
        assert refused.value.faults == (f"is longer than {len(wasm) - 1} bytes, the most that is compiled",)

    def test_a_file_that_is_not_there_is_an_os_error(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            compile_module(tmp_path / "none.wasm", wasm_engine(), "none", 1000)

    def test_the_name_is_shown_escaped(self):
        with pytest.raises(ModuleRefused) as refused:
            compile_module(b"", wasm_engine(), "evil\x1b[31m\n", 1000)
        assert str(refused.value).startswith(r"evil\x1b[31m\n: ")
