"""StdoutExporter("tree") by its output: terminals of all widths and abilities, pipes, encodings, and guests that mean harm."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from bext_abi import SpanKind, SpanStatus, StatusCode
from bext_host import FinishedSpan
from bext_host.exporters import StdoutExporter
from host.exporters.sample_spans import (
    ANSI_STYLE,
    HOSTILE,
    LATER,
    Terminal,
    a_request,
    below_the_header,
    printed,
    span,
    span_that_says,
    unsafe_characters,
)

ERROR = StatusCode.ERROR


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal with colours, whatever the tests run in."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "COLORTERM", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def on_terminal(spans: Sequence[FinishedSpan], columns: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines as a terminal of that width shows them, without their colours."""
    monkeypatch.setenv("COLUMNS", str(columns))
    return ANSI_STYLE.sub("", printed(spans, Terminal())).splitlines()


def test_a_terminal_gets_colours_and_a_pipe_none() -> None:
    assert ANSI_STYLE.search(printed(a_request(), Terminal()))
    assert "\x1b" not in printed(a_request())


def test_a_pipe_gets_none_even_where_colours_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" not in printed(a_request())


def test_no_color_leaves_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    codes = {code for style in ANSI_STYLE.findall(printed(a_request(), Terminal())) for code in style[2:-1].split(";")}
    assert codes <= {"0", "1", "2", "3"}  # reset, bold, dim, italic


def test_a_dumb_terminal_gets_no_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in printed(a_request(), Terminal())


@pytest.mark.parametrize("columns", [1, 2, 5, 12, 20, 33, 40, 60, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = [span(8, 1, "名前" * 60, attributes={"名" * 50: "値" * 300, "k": "v" * 300}), *span_that_says("長い text " * 40)]
    for spans in (a_request(), wide):
        assert max(map(cell_len, on_terminal(spans, columns, monkeypatch))) <= columns


def test_on_a_terminal_what_does_not_fit_ends_in_an_ellipsis(monkeypatch: pytest.MonkeyPatch) -> None:
    long = span(1, name="n" * 200, kind=SpanKind.CLIENT, attributes={"k": "v" * 200}, status=SpanStatus(ERROR))
    assert on_terminal([long], 70, monkeypatch)[1:3] == [
        "n" * 26 + "… ✘  client  1 µs  " + "━" * 25,
        "   k=" + "v" * 64 + "…",
    ]


def test_on_a_terminal_a_long_message_wraps_and_ends_somewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = on_terminal([span(1, status=SpanStatus(ERROR, "what went wrong " * 100))], 70, monkeypatch)[2:]
    assert len(lines) == 7
    assert lines[0] == "   error: what went wrong what went wrong what went wrong what went"
    assert lines[5].endswith("…")
    assert lines[6] == ""


@pytest.fixture
def terminal() -> Iterator[tuple[int, io.TextIOWrapper]]:
    """A real terminal of 72 columns: the file descriptor to read what it shows, and a stream to write to."""
    reader, writer = pty.openpty()
    fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 72, 0, 0))
    with os.fdopen(writer, "w", encoding="utf-8") as stream:
        yield reader, stream
    os.close(reader)


def test_a_real_terminal_is_used_to_its_width_and_gets_no_control_code_of_a_guest(terminal: tuple[int, io.TextIOWrapper]) -> None:
    reader, stream = terminal
    StdoutExporter(stream=stream).export([span(1, name=HOSTILE[0], attributes={"k": HOSTILE[1]})], LATER)
    shown = ANSI_STYLE.sub("", os.read(reader, 65_536).decode()).replace("\r\n", "\n")
    assert unsafe_characters(shown) == []
    assert max(map(cell_len, shown.splitlines())) == 72
    assert r"\x1b[31mred\x1b[0m" in shown


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_shown_and_never_done(text: str) -> None:
    for stream in (io.StringIO(), Terminal()):
        output = printed(span_that_says(text), stream)
        assert unsafe_characters(ANSI_STYLE.sub("", output)) == []
        assert "\x1b]8" not in output  # no hyperlink


def test_markup_and_emoji_names_stay_as_they_are() -> None:
    name = "[bold red]x[/] :skull:"
    for stream in (io.StringIO(), Terminal()):
        assert name in ANSI_STYLE.sub("", printed([span(1, name=name)], stream))


def test_a_guest_cannot_add_a_line() -> None:
    for text in ("\n", "\r\n", "\u2028", "\x85", "\x0b\x0c\x1c\x1d\x1e"):
        lines = below_the_header(span(1, name=text, attributes={text: text}, status=SpanStatus(ERROR, text)))
        assert len(lines) == 3
        assert all(line.startswith("   ") for line in lines[1:])


@given(st.text(st.characters(categories=None)))
def test_any_text_in_any_place_leaves_no_unsafe_character(text: str) -> None:
    output = printed(span_that_says(text))
    assert unsafe_characters(output) == []
    assert "\x1b" not in output


def test_the_same_trace_where_the_encoding_has_no_box_characters() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", newline="\n")
    StdoutExporter(stream=stream).export([*a_request()[:1], span(1, name="größe 大", end=4_420_000)], LATER)
    assert raw.getvalue().decode() == (
        "trace 4bf92f3577b34da6a3ce929d0e0e4736  2 spans  4.42 ms\n"
        "gr\\xf6\\xdfe \\u5927    4.42 ms  =====================================================================\n"
        "`- verify token [ok]  3.11 ms                      =================================================\n"
        "      in shop 3.0.1\n"
        "      token.cached=true\n"
        "\n"
    )


@given(st.text(st.characters(categories=None)), st.sampled_from(["ascii", "latin-1", "cp437", "shift_jis", "utf-8", "utf-16"]))
def test_any_text_can_be_written_in_any_encoding(text: str, encoding: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    printed_to = StdoutExporter(stream=stream)
    printed_to.export(span_that_says(text), LATER)
    assert "4bf92f3577b34da6a3ce929d0e0e4736" in raw.getvalue().decode(encoding)


def test_an_ascii_process_prints_and_does_not_fail() -> None:
    code = "from host.exporters.sample_spans import a_request; from bext_host.exporters import StdoutExporter; "
    code += "StdoutExporter().export(a_request(), 0)"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    assert result.stdout.isascii()
    assert b"`- charge card [error]" in result.stdout
