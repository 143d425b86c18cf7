"""The configuration file: what it says, and one line for whatever is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bext_abi import BextTracerError
from bext_host import ConfigError, RemoteParents
from bext_host.runtime.config import HostConfig, NamedTracer, PluginConfig, TracerConfig, read_config
from bext_host.runtime.plugin_limits import PluginLimits

FULL = """
[server]
listen = "0.0.0.0:3000"
plugins = "the server's own"

[plugins.shop]
sandbox = "wasm"
path = "plugins/shop.wasm"
config = { currency = "EUR", limits = [1, 2.5, true, { deep = "x" }] }
version = "1.2.0"
instances = 4
priority = 650
remote_parents = "continue"
measure_host_time = true
timeout_seconds = 2
memory_bytes = 33_554_432
memories = 2
table_elements = 5000
tables = 3
span_open_seconds = 60.5
allowed_urls = ["https://api.example/*"]
storage_quota_kb = 1024

[plugins.shop.fuel]
on_server_start = 1_000_000_000

[plugins.shop.timeout]
on_request_complete = 2.5

[plugins.shop.permissions]
max_fetch_per_minute = 30
kv_namespaces = []
queue_names = ["jobs"]

[plugins."second plugin"]
sandbox = "wasm"
path = "plugins/second.wasm"
config = "as it is"

[tracer]
name = "tracer-stdout"
flush_seconds = 0.5
sampler = "traceidratio"
sampler_arg = 0.1

[tracer.options]
format = "json"
"""

PLUGIN = '[plugins.shop]\nsandbox = "wasm"\npath = "plugins/shop.wasm"\n'
HOOKS_KNOWN = "known: on_server_start, on_server_stop, on_request_complete, on_cache_write, on_cache_invalidate, on_reload, cleanup"
PLUGIN_KNOWN = (
    "known: sandbox, path, config, version, instances, priority, remote_parents, measure_host_time, timeout_seconds, memory_bytes, "
    "memories, table_elements, tables, module_bytes, span_open_seconds, fuel, timeout, allowed_urls, storage_quota_kb, "
    "max_fetch_per_minute, kv_namespaces, queue_names, permissions"
)
PERMISSIONS_KNOWN = "known: allowed_urls, storage_quota_kb, max_fetch_per_minute, kv_namespaces, queue_names"
SECONDS = "expected a number of seconds above 0, at most 1000000000"


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The current folder, with the plugins' files."""
    (tmp_path / "plugins").mkdir()
    for name in ("shop", "second"):
        (tmp_path / "plugins" / f"{name}.wasm").write_bytes(b"\0asm\1\0\0\0")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(text: str | bytes) -> HostConfig:
    Path("bext.config.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_config("bext.config.toml")


def refusal(text: str | bytes) -> str:
    with pytest.raises(ConfigError) as refused:
        read(text)
    return str(refused.value)


# --- What it says ---


def test_everything_that_a_file_says(folder):
    assert read(FULL) == HostConfig(
        path=Path("bext.config.toml"),
        plugins=(
            PluginConfig(
                name="shop",
                path=folder / "plugins" / "shop.wasm",
                config={"currency": "EUR", "limits": [1, 2.5, True, {"deep": "x"}]},
                limits=PluginLimits(
                    fuel={"on_server_start": 1_000_000_000},
                    timeout_seconds=2,
                    hook_timeout_seconds={"on_request_complete": 2.5},
                    memory_bytes=33_554_432,
                    memories=2,
                    table_elements=5000,
                    tables=3,
                    span_open_seconds=60.5,
                ),
                instances=4,
                priority=650,
                version="1.2.0",
                remote_parents=RemoteParents.CONTINUE,
                measure_host_time=True,
            ),
            PluginConfig(name="second plugin", path=folder / "plugins" / "second.wasm", config="as it is"),
        ),
        tracer=TracerConfig(
            tracers=(NamedTracer(name="tracer-stdout", options={"format": "json"}),),
            flush_seconds=0.5,
            sampler="traceidratio",
            sampler_arg=0.1,
        ),
    )


@pytest.mark.usefixtures("folder")
def test_a_plugin_of_two_lines_has_the_defaults():
    (plugin,) = read(PLUGIN).plugins
    assert (plugin.config, plugin.limits, plugin.instances, plugin.priority, plugin.version) == ({}, PluginLimits(), 1, None, "")
    assert (plugin.remote_parents, plugin.measure_host_time) == (RemoteParents.LINK, False)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("text", ["", "[server]\nport = 1\n", "[plugins]\n[tracer]\n", "# nothing\r\n"])
def test_a_file_without_a_word_about_us_has_no_plugins_and_prints_traces(text):
    config = read(text)
    assert config.plugins == ()
    assert config.tracer == TracerConfig(
        tracers=(NamedTracer(name="tracer-stdout", options={}),), flush_seconds=5.0, sampler=None, sampler_arg=None
    )


def test_a_plugins_path_is_relative_to_the_file_and_not_to_the_process(folder, monkeypatch):
    read(PLUGIN)
    monkeypatch.chdir(folder.parent)
    (plugin,) = read_config(folder / "bext.config.toml").plugins
    assert plugin.path == folder / "plugins" / "shop.wasm"


def test_a_path_stays_right_when_the_process_changes_its_folder(folder, monkeypatch):
    (plugin,) = read(PLUGIN).plugins
    monkeypatch.chdir(folder.parent)
    assert plugin.path.is_file()


def test_an_absolute_path_is_taken_as_it_is(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "x.wasm"
    elsewhere.touch()
    (plugin,) = read(f'[plugins.x]\nsandbox = "wasm"\npath = "{elsewhere}"\n').plugins
    assert plugin.path == elsewhere


@pytest.mark.usefixtures("folder")
def test_what_was_read_does_not_change():
    config = read(FULL)
    with pytest.raises(AttributeError):
        config.tracer.sampler = "x"  # type: ignore[misc]
    with pytest.raises(TypeError):
        config.tracer.tracers[0].options["x"] = 1  # type: ignore[index]


# --- What is wrong ---


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        # tables
        ("plugins = 1", "plugins: expected a table, found 1"),
        ("[[plugins]]\nname = 'x'", "plugins: expected a table, found an array"),
        ("plugins.shop = 'x.wasm'", 'plugins.shop: expected a table, found "x.wasm"'),
        ("tracer = 'tracer-stdout'", 'tracer: expected a table, found "tracer-stdout"'),
        (PLUGIN + "fuel = 5", "plugins.shop.fuel: expected a table, found 5"),
        (PLUGIN + "permissions = []", "plugins.shop.permissions: expected a table, found an array"),
        ("[tracer]\noptions = true", "tracer.options: expected a table, found true"),
        # required keys
        ("[plugins.x]\npath = 'plugins/shop.wasm'", 'plugins.x.sandbox: missing, expected "wasm"'),
        ("[plugins.x]\nsandbox = 'wasm'", "plugins.x.path: missing, expected the name of the plugin's .wasm file"),
        # unknown keys
        (PLUGIN + "pth = 1", f'plugins.shop.pth: unknown key, did you mean "path"? {PLUGIN_KNOWN}'),
        (PLUGIN + "zzz = 1", f"plugins.shop.zzz: unknown key; {PLUGIN_KNOWN}"),
        (PLUGIN + "timeout_second = 1", f'plugins.shop.timeout_second: unknown key, did you mean "timeout_seconds"? {PLUGIN_KNOWN}'),
        (
            PLUGIN + "fuel.on_request_complet = 1",
            f'plugins.shop.fuel.on_request_complet: unknown key, did you mean "on_request_complete"? {HOOKS_KNOWN}',
        ),
        (PLUGIN + "timeout.on_start = 1", f'plugins.shop.timeout.on_start: unknown key, did you mean "on_server_start"? {HOOKS_KNOWN}'),
        (
            PLUGIN + "permissions.allowed_url = []",
            f'plugins.shop.permissions.allowed_url: unknown key, did you mean "allowed_urls"? {PERMISSIONS_KNOWN}',
        ),
        # several tracers
        ("tracer = []", "tracer: expected a table, or an array of them, found an empty array"),
        ("tracer = ['tracer-stdout']", 'tracer[0]: expected a table, found "tracer-stdout"'),
        ("[[tracer]]\nname = 'a'\n[[tracer]]\nname = 5", "tracer[1].name: expected a string, found 5"),
        ("[[tracer]]\nname = 'a'\n[[tracer]]", "tracer[1].name: missing, expected the name of a tracer"),
        ("[[tracer]]\nsampler = 'always_on'", "tracer[0].name: missing, expected the name of a tracer"),
        ("[[tracer]]\nname = 'a'\n[[tracer]]\nname = 'b'\noptions = 1", "tracer[1].options: expected a table, found 1"),
        (
            "[[tracer]]\nname = 'a'\n[[tracer]]\nname = 'b'\nsampler = 5",
            "tracer[1].sampler: holds for all, and so stands in the first, tracer[0]",
        ),
        (
            "[[tracer]]\nname = 'a'\n[[tracer]]\nname = 'b'\noption.x = 5",
            'tracer[1].option: unknown key, did you mean "options"? known: name, flush_seconds, sampler, sampler_arg, options',
        ),
        (
            "[tracer]\nflush_second = 5",
            'tracer.flush_second: unknown key, did you mean "flush_seconds"? known: name, flush_seconds, sampler, sampler_arg, options',
        ),
        # values
        (
            "[plugins.x]\nsandbox = 'native'\npath = 'plugins/shop.wasm'",
            'plugins.x.sandbox: expected "wasm", the only sandbox that runs here, found "native"',
        ),
        ("[plugins.x]\nsandbox = 'wasm'\npath = 5", "plugins.x.path: expected a string, found 5"),
        (PLUGIN + "fuel.cleanup = 'lots'", 'plugins.shop.fuel.cleanup: expected a whole number of 1 or more, found "lots"'),
        (PLUGIN + "fuel.cleanup = true", "plugins.shop.fuel.cleanup: expected a whole number of 1 or more, found true"),
        (PLUGIN + "fuel.cleanup = 1e9", "plugins.shop.fuel.cleanup: expected a whole number of 1 or more, found 1000000000.0"),
        (PLUGIN + "fuel.cleanup = 0", "plugins.shop.fuel.cleanup: expected a whole number of 1 or more, found 0"),
        (
            PLUGIN + "fuel.cleanup = 9223372036854775808",
            "plugins.shop.fuel.cleanup: expected a whole number of 1 or more, found a number too large for 64 bits",
        ),
        (
            PLUGIN + f"fuel.cleanup = 0x{'f' * 5000}",
            "plugins.shop.fuel.cleanup: expected a whole number of 1 or more, found a number too large for 64 bits",
        ),
        (PLUGIN + "timeout.cleanup = '5s'", f'plugins.shop.timeout.cleanup: {SECONDS}, found "5s"'),
        (PLUGIN + "timeout_seconds = false", f"plugins.shop.timeout_seconds: {SECONDS}, found false"),
        (PLUGIN + "timeout_seconds = inf", f"plugins.shop.timeout_seconds: {SECONDS}, found inf"),
        (PLUGIN + "timeout_seconds = nan", f"plugins.shop.timeout_seconds: {SECONDS}, found nan"),
        (PLUGIN + "memory_bytes = 64", "plugins.shop.memory_bytes: expected a whole number of 65536 or more, found 64"),
        (PLUGIN + "instances = 0", "plugins.shop.instances: expected a whole number of 1 or more, found 0"),
        (PLUGIN + "priority = -1", "plugins.shop.priority: expected a whole number of 0 to 4294967295, found -1"),
        (PLUGIN + "version = 1.2", "plugins.shop.version: expected a string, found 1.2"),
        (PLUGIN + "measure_host_time = 1", "plugins.shop.measure_host_time: expected true or false, found 1"),
        (PLUGIN + "remote_parents = 'Link'", 'plugins.shop.remote_parents: expected "link" or "continue" or "ignore", found "Link"'),
        (PLUGIN + "allowed_urls = 'x'", 'plugins.shop.allowed_urls: expected an array of strings, found "x"'),
        (PLUGIN + "permissions.queue_names = [1]", "plugins.shop.permissions.queue_names: expected an array of strings, found an array"),
        (PLUGIN + "storage_quota_kb = -1", "plugins.shop.storage_quota_kb: expected a whole number of 0 or more, found -1"),
        ("[tracer]\nname = 1", "tracer.name: expected a string, found 1"),
        ("[tracer]\nflush_seconds = 0", f"tracer.flush_seconds: {SECONDS}, found 0"),
        ("[tracer]\nsampler = 0.5", "tracer.sampler: expected a string, found 0.5"),
        ("[tracer]\nsampler_arg = '0.5'", 'tracer.sampler_arg: expected a number of 0 to 1, found "0.5"'),
        ("[tracer]\nsampler_arg = 1.5", "tracer.sampler_arg: expected a number of 0 to 1, found 1.5"),
        # what on_server_start is given
        (PLUGIN + "config = 5", "plugins.shop.config: expected a table or a string, found 5"),
        (PLUGIN + "config.when = 2024-05-01", "plugins.shop.config.when: expected a value that JSON has, found a date"),
        (PLUGIN + "config.when = 2024-05-01T10:00:00Z", "plugins.shop.config.when: expected a value that JSON has, found a date and time"),
        (PLUGIN + "config.a.b = [1, 10:00:00]", "plugins.shop.config.a.b[1]: expected a value that JSON has, found a time"),
        (PLUGIN + "config.x = -inf", "plugins.shop.config.x: expected a value that JSON has, found -inf"),
        (
            PLUGIN + "config.x = 9223372036854775808",
            "plugins.shop.config.x: expected a value that JSON has, found a number too large for 64 bits",
        ),
        # several
        (
            PLUGIN + "instances = 0\nversion = 1\n[tracer]\nname = 1",
            "plugins.shop.instances: expected a whole number of 1 or more, found 0 (and 2 more)",
        ),
        # shown safely
        ('plugins."a\\u001bb".x = 1', f'plugins."a\\u001bb".x: unknown key; {PLUGIN_KNOWN} (and 2 more)'),
        (PLUGIN + '"a.b\\n\\u202e" = 1', f'plugins.shop."a.b\\n\\u202e": unknown key; {PLUGIN_KNOWN}'),
        (
            PLUGIN + 'remote_parents = "\\u009b31m\\"\\n"',
            'plugins.shop.remote_parents: expected "link" or "continue" or "ignore", found "\\x9b31m\\"\\n"',
        ),
        (
            PLUGIN + f"remote_parents = '{'x' * 1000}'",
            f'plugins.shop.remote_parents: expected "link" or "continue" or "ignore", found "{"x" * 59}…"',
        ),
    ],
)
def test_what_is_wrong_is_one_line_that_names_the_key(text, message):
    assert refusal(text) == f"bext.config.toml: {message}"


@pytest.mark.parametrize("name", ["missing.wasm", "plugins", "", "a\\u0000b", "x" * 5000])
def test_a_plugin_that_is_not_there_is_named_with_its_folder(folder, name):
    message = refusal(f'[plugins.x]\nsandbox = "wasm"\npath = "{name}"\n')
    assert message.startswith(f"bext.config.toml: plugins.x.path: no such file: {folder}")
    assert len(message.splitlines()) == 1


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("[plugins.shop]\nsandbox = wasm\n", "line 2, column 11: "),
        ("[plugins.shop\n", "line 1, column 14: "),
        ("x = 1\nx = 2\n", "line 2, column 6: "),
        ('\n\nx = "a\n', "line 3, column 7: "),
        ("x = [1,", "end of document: "),
        ("x = 2024-02-30", "line 1, column 5: "),
        (b"x = 1\ny = '\xff'\n", "line 2: not UTF-8 text"),
        (b"\xff\xfex\0", "line 1: not UTF-8 text"),
    ],
)
def test_what_is_no_toml_is_named_with_its_place(text, where):
    message = refusal(text)
    assert message.startswith(f"bext.config.toml: {where}")
    assert len(message.splitlines()) == 1


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "text",
    [
        "x = " + "[" * 100_000,
        PLUGIN + "config = " + "{a=" * 100_000 + "1" + "}" * 100_000,
        f"{PLUGIN}[plugins.shop.config{'.a' * 5_000}]",
    ],
)
def test_what_is_nested_without_end_is_refused(text):
    assert refusal(text) == "bext.config.toml: nested too deep"


@pytest.mark.usefixtures("folder")
def test_a_number_that_python_does_not_read_is_refused():
    assert "5000 digits" in refusal(f"x = {'9' * 5000}")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.toml", "missing.toml: cannot be read: No such file or directory"),
        (".", ".: cannot be read: Is a directory"),
        ("missing\n\x1b.toml", "missing\\n\\x1b.toml: cannot be read: No such file or directory"),
        ("nul\0.toml", "nul\\x00.toml: cannot be read: embedded null byte"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_file_that_cannot_be_read_is_named(name, message):
    with pytest.raises(ConfigError) as refused:
        read_config(name)
    assert str(refused.value) == message


@pytest.mark.usefixtures("folder")
def test_an_error_tells_its_parts_and_is_of_the_family():
    with pytest.raises(ConfigError) as refused:
        read("[tracer]\nname = 1\nsampler = 2\n")
    error = refused.value
    assert (error.file, error.what, error.more) == ("bext.config.toml", "tracer.name: expected a string, found 1", 1)
    assert isinstance(error, (BextTracerError, ValueError))


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
def test_a_damaged_file_is_read_or_refused_in_one_line(folder, data):
    """Whatever an editor or a disk did to it."""
    original = FULL.encode()
    start = data.draw(st.integers(0, len(original)))
    end = data.draw(st.integers(start, min(start + 40, len(original))))
    pieces = st.sampled_from([b"[", b"]", b'"', b"=", b"\n", b"{", b"}", b".", b"'''", b"1", b"inf", b"-", b"true", b"\xff", b"\x1b", b"#"])
    inserted = b"".join(data.draw(st.lists(pieces, max_size=4)))
    try:
        line = str(read(original[:start] + inserted + original[end:]).path)
    except ConfigError as error:
        line = str(error)
    assert line.startswith("bext.config.toml")
    assert len(line.splitlines()) == 1
