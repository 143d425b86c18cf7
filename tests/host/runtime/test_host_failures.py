"""What does not keep a host from its work: plugins that cannot be loaded or started, and a tracer that cannot flush."""

from __future__ import annotations

import pytest

from bext_abi import FlushError
from bext_host import GuestTrap, HookFailed, ModuleRefused, PluginHost
from bext_host.runtime.config import HostConfig, PluginConfig
from bext_host.testing import RecordingTracer
from support.plugin_host import Hosting
from support.wat import ALLOC, guest, hook, wasm

REFUSING = guest(ALLOC, hook("on_server_start", "(i32.const 5)", takes="i32 i32", gives="i32"), hook("on_reload"))
TRAPPING = wasm('(module (func (export "_initialize") unreachable))')
SOUND = wasm('(module (func (export "on_reload")))')
TOLD = "plugin cannot be used"


@pytest.fixture
def hosting() -> Hosting:
    return Hosting()


def test_a_plugin_that_refused_to_start_is_started_anew_by_every_call(hosting):
    plugin = hosting.load(REFUSING)
    hosting.host.start()
    for _ in range(3):
        with pytest.raises(HookFailed) as failed:
            plugin.call("on_reload")
        assert failed.value.hook == "on_server_start"


def test_a_start_that_fails_stops_no_other_plugin_and_is_kept(hosting, caplog):
    hosting.load(REFUSING, "one")
    hosting.load(SOUND, "two")
    hosting.host.start()
    assert hosting.host.dispatch("on_reload")["two"] is None
    assert str(hosting.host.failures["one"]) == "one: on_server_start: returned 5, where 0 is success"
    assert caplog.messages == [f"{TOLD}: one: on_server_start: returned 5, where 0 is success"]


def test_plugins_of_a_file_that_cannot_be_loaded_are_told_by_name(tmp_path, caplog):
    modules = {"sound": SOUND, "bad": b"\0asm", "trapping": TRAPPING}
    for name, module in modules.items():
        (tmp_path / name).write_bytes(module)
    config = tmp_path / "bext.config.toml"
    config.write_text("".join(f'[plugins.{name}]\nsandbox = "wasm"\npath = "{name}"\n' for name in modules), encoding="utf-8")
    with PluginHost.from_config(config) as host:
        assert host.dispatch("on_reload") == {"sound": None}
        assert {name: type(error) for name, error in host.failures.items()} == {"bad": ModuleRefused, "trapping": GuestTrap}
    assert [message.split(": ")[:2] for message in caplog.messages] == [[TOLD, "bad"], [TOLD, "trapping"]]


def test_a_file_that_cannot_be_read_is_told_with_its_plugin_and_its_name(tmp_path, caplog):
    gone = PluginConfig(name="shop\x1b", path=tmp_path / "gone\x1b.wasm")
    with PluginHost.from_config(HostConfig(path=tmp_path, plugins=(gone,))) as host:
        assert isinstance(host.failures["shop\x1b"], FileNotFoundError)
    (message,) = caplog.messages
    assert message == f"{TOLD}: shop\\x1b: cannot read {tmp_path}/gone\\x1b.wasm: No such file or directory"


class Unwilling(RecordingTracer):
    """Cannot flush, and can be closed."""

    closed = False

    def flush(self):
        raise FlushError("no route")

    def close(self):
        self.closed = True


def test_a_tracer_that_cannot_flush_is_closed_all_the_same(tmp_path, monkeypatch):
    (tmp_path / "bext.config.toml").touch()
    tracer = Unwilling()
    monkeypatch.setattr("bext_host.runtime.host.tracer_of", lambda config: tracer)
    host = PluginHost.from_config(tmp_path / "bext.config.toml")
    with pytest.raises(FlushError, match="no route"):
        host.close()
    assert tracer.closed
