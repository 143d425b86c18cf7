"""GuestOutput: what one plugin instance says (bext.log, standard output, standard error), a bounded number of safe lines for logging.

A guest may print without end, anything, in pieces of any size. It never makes the host keep more than a line of each stream, nor log
more than its budget of a call; what goes beyond is cut or dropped, and counted. Nothing here raises, except what must stop the program
(KeyboardInterrupt and SystemExit from a log handler).
"""

from __future__ import annotations

import codecs
import logging
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Final, TypeAlias

from bext_host.escape import escape
from bext_host.logs import log_safely

logger = logging.getLogger("bext.plugin")

LINES_PER_CALL: Final = 1000
LINE_BYTES: Final = 8192

CUT_MARK: Final = "… [cut]"
"""Stands at the end of a line whose rest is not shown."""

_LEVELS: Final = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "fatal": logging.CRITICAL,
}
_UNKNOWN_LEVEL: Final = "info"

_ALWAYS_COUNTED: Final = 65536
"""So much of one write is looked at even when no line is left, so that the dropped lines of ordinary writes are counted."""

OnLog: TypeAlias = Callable[[str, str], None]
"""Told each line of bext.log that is not dropped: its level, one of the known words, and its text, bounded but not escaped."""


@dataclass(slots=True)
class OutputStats:
    """Counters of what an instance said; they only grow.

    `lines` were logged, `lines_cut` of them without their end; `lines_dropped` were beyond a call's budget; `bytes_unread` of a write
    were not looked at, since no line was left for them; `out_of_bounds` calls of bext.log named memory that the guest does not have.
    """

    lines: int = 0
    lines_cut: int = 0
    lines_dropped: int = 0
    bytes_unread: int = 0
    out_of_bounds: int = 0

    def __add__(self, other: OutputStats) -> OutputStats:
        """The sums of both."""
        return OutputStats(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))


class _Line:
    """The line of a stream that has not ended yet: its first bytes, and whether more came than are kept."""

    def __init__(self, stream: str, level: int, most: int) -> None:
        self.stream = stream
        self.level = level
        self.cut = False
        self._kept = bytearray()
        self._most = most

    @property
    def begun(self) -> bool:
        return self.cut or bool(self._kept)

    def add(self, data: bytes, start: int, end: int) -> None:
        """Add a part of `data`; what the line has no room for is cut, and so is everything after it."""
        room = 0 if self.cut else self._most - len(self._kept)
        self._kept += data[start : min(end, start + room)]
        self.cut = self.cut or end - start > room

    def take(self) -> tuple[bytes, bool]:
        """The line, and whether it was cut; the next one begins."""
        taken = bytes(self._kept), self.cut
        self._kept.clear()
        self.cut = False
        return taken


class GuestOutput:
    """The output of one plugin instance, to the logger `bext.plugin`. Used by one thread at a time; `stats` may be read from any.

    Each line becomes one record: the plugin's name and the line, both escaped, with `bext_plugin` and `bext_stream` ("stdout",
    "stderr", "log", or "host" for the notice of what was dropped) as fields. `on_log` must not raise.
    """

    def __init__(
        self,
        plugin_name: str,
        *,
        lines_per_call: int = LINES_PER_CALL,
        line_bytes: int = LINE_BYTES,
        on_log: OnLog | None = None,
    ) -> None:
        self.line_bytes = line_bytes
        self.stats = OutputStats()
        self._name = escape(plugin_name)
        self._lines_per_call = lines_per_call
        self._lines_left = lines_per_call
        self._on_log = on_log
        self._stdout = _Line("stdout", logging.INFO, line_bytes)
        self._stderr = _Line("stderr", logging.WARNING, line_bytes)
        self._told_of = (0, 0)

    def begin_call(self) -> None:
        """A call into the guest begins: it may say `lines_per_call` lines."""
        self._lines_left = self._lines_per_call

    def end_call(self) -> None:
        """The call has ended: log the lines that were not finished, and in one warning how much was dropped."""
        open_lines = [(line, *line.take()) for line in (self._stdout, self._stderr) if line.begun]
        for line, kept, cut in open_lines:
            self._say(line.stream, line.level, kept, cut)
        self._tell_of_drops()

    def stdout(self, data: bytes, unread: int = 0) -> None:
        """Standard output goes on with `data`, and with `unread` bytes that nobody looked at (see `worth_reading`)."""
        self._write(self._stdout, data, unread)

    def stderr(self, data: bytes, unread: int = 0) -> None:
        """As stdout, for standard error."""
        self._write(self._stderr, data, unread)

    def log(self, level: str, message: bytes | str) -> None:
        """One line, whatever is in it, at a level of any case: trace, debug, info, warn, warning, error, critical or fatal, else info."""
        word = level.lower() if level.lower() in _LEVELS else _UNKNOWN_LEVEL
        raw = message if isinstance(message, bytes) else message.encode("utf-8", "replace")
        text = self._say("log", _LEVELS[word], raw[: self.line_bytes], len(raw) > self.line_bytes)
        if text is not None and self._on_log is not None:
            self._on_log(word, text)

    def count_out_of_bounds(self) -> None:
        """Count a call of bext.log whose pointers were wrong."""
        self.stats.out_of_bounds += 1

    @property
    def worth_reading(self) -> int:
        """How many bytes of one write are worth copying out of the guest: what the lines left can hold."""
        return max(_ALWAYS_COUNTED, self._lines_left * (self.line_bytes + 1))

    def _write(self, line: _Line, data: bytes, unread: int) -> None:
        start = 0
        while self._lines_left and (end := data.find(b"\n", start)) >= 0:
            line.add(data, start, end)
            start = end + 1
            self._say(line.stream, line.level, *line.take())
        dropped = data.count(b"\n", start)  # none unless the budget is used up; counted in one go, however many they are
        if dropped:
            self.stats.lines_dropped += dropped
            line.take()
            start = data.rindex(b"\n") + 1
        line.add(data, start, len(data))
        if unread:
            self.stats.bytes_unread += unread
            line.cut = True

    def _say(self, stream: str, level: int, kept: bytes, cut: bool) -> str | None:
        """Log one line, and give its text; None where no line is left."""
        if not self._lines_left:
            self.stats.lines_dropped += 1
            return None
        self._lines_left -= 1
        self.stats.lines += 1
        self.stats.lines_cut += cut
        text, _ = codecs.utf_8_decode(kept, "replace", not cut)  # a character that the cut went through is left out
        text += CUT_MARK if cut else ""
        self._log(stream, level, escape(text))
        return text

    def _tell_of_drops(self) -> None:
        now = (self.stats.lines_dropped, self.stats.bytes_unread)
        lines, unread = now[0] - self._told_of[0], now[1] - self._told_of[1]
        self._told_of = now
        if lines or unread:
            more = f", bytes not read: {unread}" if unread else ""
            self._log("host", logging.WARNING, f"lines dropped: {lines}{more}; lines that a call may print: {self._lines_per_call}")

    def _log(self, stream: str, level: int, text: str) -> None:
        fields_of_record = {"bext_plugin": self._name, "bext_stream": stream}
        log_safely(logger, level, "%s: %s", self._name, text, extra=fields_of_record)
