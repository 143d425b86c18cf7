"""GuestOutput: what a guest says becomes lines of the log, whatever it says and however much."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bext_host.runtime.guest_output import CUT_MARK, LINE_BYTES, LINES_PER_CALL, GuestOutput, OutputStats


class Log(logging.Handler):
    """What reached the logger."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def lines(self) -> list[str]:
        return [record.getMessage() for record in self.records]

    @property
    def levels(self) -> list[str]:
        return [record.levelname for record in self.records]


class FailingHandler(logging.Handler):
    """A handler that raises these errors, one a record."""

    def __init__(self, *errors: BaseException) -> None:
        super().__init__()
        self.errors = list(errors)

    def emit(self, record: logging.LogRecord) -> None:
        if self.errors:
            raise self.errors.pop(0)


@pytest.fixture
def handled_by(monkeypatch):
    """Gives the logger a handler, and no other."""

    def handled_by(handler: logging.Handler) -> None:
        logger = logging.getLogger("bext.plugin")
        for name, value in {"handlers": [handler], "propagate": False, "level": logging.DEBUG, "_cache": {}}.items():
            monkeypatch.setattr(logger, name, value)

    return handled_by


@pytest.fixture
def log(handled_by):
    handler = Log()
    handled_by(handler)
    return handler


class TestLines:
    """How bytes become lines."""

    def test_a_line_is_a_record_with_the_plugins_name_and_its_stream(self, log):
        GuestOutput("shop").stdout(b"hello\n")
        (record,) = log.records
        assert (record.name, record.levelname, record.getMessage()) == ("bext.plugin", "INFO", "shop: hello")
        assert (record.bext_plugin, record.bext_stream) == ("shop", "stdout")

    def test_standard_error_is_a_warning(self, log):
        GuestOutput("shop").stderr(b"oh\n")
        assert (log.levels, log.records[0].bext_stream) == (["WARNING"], "stderr")

    def test_several_lines_in_one_write_are_several_records(self, log):
        GuestOutput("p").stdout(b"a\n\nb\n")
        assert log.lines == ["p: a", "p: ", "p: b"]

    def test_a_line_may_come_in_pieces(self, log):
        output = GuestOutput("p")
        for piece in (b"he", b"", b"llo", b"\nwor", b"ld\n"):
            output.stdout(piece)
        assert log.lines == ["p: hello", "p: world"]

    def test_a_character_may_come_in_pieces(self, log):
        output = GuestOutput("p")
        for byte in "é🌍\n".encode():
            output.stdout(bytes([byte]))
        assert log.lines == ["p: é🌍"]

    def test_the_streams_do_not_mix(self, log):
        output = GuestOutput("p")
        output.stdout(b"out")
        output.stderr(b"err\n")
        output.stdout(b"put\n")
        assert log.lines == ["p: err", "p: output"]

    def test_what_was_not_finished_is_logged_when_the_call_ends(self, log):
        output = GuestOutput("p")
        output.begin_call()
        output.stdout(b"half")
        output.stderr(b"other half")
        output.end_call()
        output.end_call()
        assert log.lines == ["p: half", "p: other half"]

    def test_a_call_that_said_nothing_logs_nothing(self, log):
        output = GuestOutput("p")
        output.begin_call()
        output.end_call()
        assert log.records == []
        assert output.stats == OutputStats()

    def test_the_next_call_begins_a_new_line(self, log):
        output = GuestOutput("p")
        output.stdout(b"one")
        output.end_call()
        output.begin_call()
        output.stdout(b"two\n")
        assert log.lines == ["p: one", "p: two"]

    def test_a_level_that_is_not_logged_costs_nothing_else(self, log, monkeypatch):
        monkeypatch.setattr(logging.getLogger("bext.plugin"), "level", logging.ERROR)
        output = GuestOutput("p")
        output.stdout(b"hello\n")
        assert (log.records, output.stats.lines) == ([], 1)


class TestHostileText:
    """Nothing that a guest prints changes how a terminal shows the log."""

    @pytest.mark.parametrize(
        ("printed", "shown"),
        [
            (b"\x1b[31mred", r"\x1b[31mred"),
            (b"a\rb\tc\x00", r"a\rb\tc\x00"),
            ("\u202egnp\u2028".encode(), r"\u202egnp\u2028"),
            (b"\xff\xfe ok", "\ufffd\ufffd ok"),
            (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),
            (b"\xf0\x9f", "\ufffd"),
            (b"%s %d %(name)s {}", "%s %d %(name)s {}"),
        ],
    )
    def test_it_is_escaped(self, log, printed, shown):
        GuestOutput("p").stdout(printed + b"\n")
        assert log.lines == [f"p: {shown}"]

    def test_so_is_the_plugins_name(self, log):
        GuestOutput("a\n\x1b]0;b").stdout(b"hello\n")
        assert log.lines == [r"a\n\x1b]0;b: hello"]
        assert log.records[0].bext_plugin == r"a\n\x1b]0;b"

    def test_a_message_of_several_lines_is_one(self, log):
        GuestOutput("p").log("info", b"one\ntwo\r\n")
        assert log.lines == [r"p: one\ntwo\r\n"]


class TestLongLines:
    """A line has a most, and what is more is never kept."""

    def test_a_line_of_the_most_is_whole(self, log):
        output = GuestOutput("p")
        output.stdout(b"x" * LINE_BYTES + b"\n")
        assert log.lines == ["p: " + "x" * LINE_BYTES]
        assert output.stats == OutputStats(lines=1)

    def test_one_byte_more_is_cut_and_marked(self, log):
        output = GuestOutput("p")
        output.stdout(b"x" * LINE_BYTES + b"y\nnext\n")
        assert log.lines == ["p: " + "x" * LINE_BYTES + CUT_MARK, "p: next"]
        assert output.stats == OutputStats(lines=2, lines_cut=1)

    def test_however_it_is_cut_into_writes(self, log):
        output = GuestOutput("p", line_bytes=4)
        for piece in (b"ab", b"cd", b"e", b"f" * 100, b"\n"):
            output.stdout(piece)
        assert log.lines == ["p: abcd" + CUT_MARK]

    def test_its_rest_is_not_kept(self):
        output = GuestOutput("p")
        for _ in range(100):
            output.stdout(b"x" * 100_000)
        assert len(output._stdout._kept) == LINE_BYTES

    def test_a_character_that_the_cut_goes_through_is_left_out(self, log):
        GuestOutput("p", line_bytes=4).stdout("abc🌍\n".encode())
        assert log.lines == ["p: abc" + CUT_MARK]

    def test_an_unfinished_one_is_cut_as_well(self, log):
        output = GuestOutput("p", line_bytes=2)
        output.stdout(b"abc")
        output.end_call()
        assert log.lines == ["p: ab" + CUT_MARK]

    def test_a_message_is_cut_likewise(self, log):
        output = GuestOutput("p", line_bytes=4)
        output.log("info", b"abcd")
        output.log("info", "abc🌍")
        assert log.lines == ["p: abcd", "p: abc" + CUT_MARK]
        assert output.stats == OutputStats(lines=2, lines_cut=1)

    def test_bytes_that_nobody_looked_at_cut_the_line_that_they_fall_into(self, log):
        output = GuestOutput("p")
        output.stdout(b"begun", unread=1000)
        output.stdout(b" and the end of another\nnext\n")
        assert log.lines == ["p: begun" + CUT_MARK, "p: next"]
        assert output.stats == OutputStats(lines=2, lines_cut=1, bytes_unread=1000)


class TestTheBudget:
    """A call may say so many lines."""

    def test_lines_beyond_it_are_dropped_and_counted_and_told_once(self, log):
        output = GuestOutput("p")
        output.begin_call()
        for number in range(LINES_PER_CALL + 5):
            output.stdout(f"{number}\n".encode())
        assert len(log.records) == LINES_PER_CALL
        output.end_call()
        output.end_call()
        assert log.lines[LINES_PER_CALL - 1 :] == ["p: 999", "p: lines dropped: 5; lines that a call may print: 1000"]
        assert (log.levels[-1], log.records[-1].bext_stream) == ("WARNING", "host")
        assert output.stats == OutputStats(lines=LINES_PER_CALL, lines_dropped=5)

    def test_all_streams_share_it(self, log):
        output = GuestOutput("p", lines_per_call=2)
        output.log("info", b"one")
        output.stderr(b"two\n")
        output.stdout(b"three\n")
        output.log("error", b"four")
        output.end_call()
        assert log.lines == ["p: one", "p: two", "p: lines dropped: 2; lines that a call may print: 2"]

    def test_every_call_has_its_own(self, log):
        output = GuestOutput("p", lines_per_call=1)
        for _ in range(3):
            output.begin_call()
            output.stdout(b"a\nb\n")
            output.end_call()
        assert log.lines == ["p: a", "p: lines dropped: 1; lines that a call may print: 1"] * 3
        assert output.stats == OutputStats(lines=3, lines_dropped=3)

    def test_what_is_unfinished_beyond_it_is_a_dropped_line_too(self):
        output = GuestOutput("p", lines_per_call=1)
        output.stdout(b"a\nb\nc\nunfinished")
        output.end_call()
        assert output.stats == OutputStats(lines=1, lines_dropped=3)

    def test_a_line_begun_within_it_and_ended_beyond_is_one_dropped_line(self):
        output = GuestOutput("p", lines_per_call=1)
        output.stderr(b"begun")
        output.stdout(b"a\n")
        output.stderr(b" and ended\n")
        output.end_call()
        assert output.stats == OutputStats(lines=1, lines_dropped=1)

    def test_the_notice_tells_what_nobody_looked_at(self, log):
        output = GuestOutput("p", lines_per_call=0)
        output.stdout(b"a\n", unread=70)
        output.end_call()
        assert log.lines == ["p: lines dropped: 2, bytes not read: 70; lines that a call may print: 0"]

    def test_what_is_worth_reading_is_what_the_lines_left_can_hold(self):
        output = GuestOutput("p", lines_per_call=100, line_bytes=10_000)
        assert output.worth_reading == 100 * 10_001
        output.stdout(b"\n" * 100)
        assert output.worth_reading == 65536

    @given(st.lists(st.tuples(st.booleans(), st.binary(max_size=12).map(lambda data: data.replace(b"a", b"\n"))), max_size=12))
    def test_every_line_is_logged_or_dropped_whatever_the_pieces(self, writes):
        output = GuestOutput("p", lines_per_call=3, line_bytes=4)
        for is_error, data in writes:
            (output.stderr if is_error else output.stdout)(data)
        output.end_call()
        streams = [b"".join(data for is_error, data in writes if is_error == wanted) for wanted in (True, False)]
        whole = [line for stream in streams for line in stream.removesuffix(b"\n").split(b"\n") if stream]
        assert output.stats.lines + output.stats.lines_dropped == len(whole)
        assert output.stats.lines == min(3, len(whole))
        assert output.stats.lines_cut <= sum(len(line) > 4 for line in whole)


class TestLog:
    """bext.log has levels, and is told to the runtime."""

    @pytest.mark.parametrize(
        ("level", "logged"),
        [
            ("trace", "DEBUG"),
            ("debug", "DEBUG"),
            ("info", "INFO"),
            ("warn", "WARNING"),
            ("Warning", "WARNING"),
            ("ERROR", "ERROR"),
            ("critical", "CRITICAL"),
            ("fatal", "CRITICAL"),
            ("", "INFO"),
            ("notice", "INFO"),
            ("error ", "INFO"),
            ("\ufffd", "INFO"),
        ],
    )
    def test_a_level_is_loggings(self, log, level, logged):
        GuestOutput("p").log(level, "hello")
        assert (log.levels, log.lines, log.records[0].bext_stream) == ([logged], ["p: hello"], "log")

    def test_the_callback_is_told_the_level_and_the_text_as_it_is(self, log):
        told = []
        output = GuestOutput("p", on_log=lambda *line: told.append(line))
        output.log("WARN", b"\x1b[31m\nr\xff")
        output.log("whatever", "plain \ud800")
        assert told == [("warn", "\x1b[31m\nr\ufffd"), ("info", "plain ?")]

    def test_it_is_told_of_no_line_that_is_dropped_and_of_nothing_printed(self, log):
        told = []
        output = GuestOutput("p", lines_per_call=2, on_log=lambda *line: told.append(line))
        output.stdout(b"printed\n")
        output.log("info", b"one")
        output.log("info", b"two")
        assert told == [("info", "one")]

    def test_it_is_told_cut_texts_as_such(self, log):
        told = []
        GuestOutput("p", line_bytes=3, on_log=lambda *line: told.append(line)).log("info", b"abcdef")
        assert told == [("info", "abc" + CUT_MARK)]


class TestHandlersThatFail:
    """A handler is the program's, and no trouble of the guest's."""

    @pytest.mark.parametrize("error", [ValueError(), GeneratorExit(), BaseException()])
    def test_what_it_raises_is_swallowed(self, handled_by, error):
        handler = FailingHandler(*[error] * 4)
        handled_by(handler)
        output = GuestOutput("p", lines_per_call=3)
        output.stdout(b"one\ntwo\n")
        output.log("info", b"three")
        output.stderr(b"four\n")
        output.end_call()
        assert handler.errors == []
        assert output.stats == OutputStats(lines=3, lines_dropped=1)

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit()])
    def test_what_must_stop_the_program_passes_and_nothing_is_counted_twice(self, handled_by, error):
        handled_by(FailingHandler(error))
        output = GuestOutput("p")
        with pytest.raises(type(error)) as raised:
            output.stdout(b"one\ntwo\n")
        assert raised.value is error
        output.stdout(b"three\n")
        output.end_call()
        assert output.stats == OutputStats(lines=2)

    def test_also_when_the_call_ends(self, handled_by):
        handled_by(FailingHandler(KeyboardInterrupt()))
        output = GuestOutput("p")
        output.stdout(b"half")
        with pytest.raises(KeyboardInterrupt):
            output.end_call()
        output.end_call()
        assert output.stats == OutputStats(lines=1)


def test_the_counters_of_two_instances_add_up():
    one, other = OutputStats(1, 2, 3, 4, 5), OutputStats(10, 20, 30, 40, 50)
    assert one + other == OutputStats(11, 22, 33, 44, 55)
