"""A plugin with one hook that does nothing, and a site that has it."""

from __future__ import annotations

import pytest

from support.wat import wasm


@pytest.fixture
def module(tmp_path):
    path = tmp_path / "shop.wasm"
    path.write_bytes(wasm('(module (func (export "on_reload")))'))
    return path


@pytest.fixture
def site(module):
    """Write a configuration with one plugin and these tables."""

    def write(text: str):
        file = module.with_name("bext.config.toml")
        file.write_text(f'[plugins.shop]\nsandbox = "wasm"\npath = "{module.name}"\n{text}\n')
        return file

    return write
