"""Which parent a span gets: the boundary decides what a guest may name (ABI.md, "Parents")."""

from __future__ import annotations

import pytest

from bext_abi import SpanHandle, SpanLink
from bext_host import Limits
from support.raw_guest import RawGuest, span_payload
from support.tracers import FaultyTracer

STRANGER = SpanHandle(0xABC, 0xDEF)


def parent_of(guest: RawGuest, payload: bytes) -> SpanHandle | None:
    """The parent that the tracer is given."""
    guest.start(payload)
    return guest.seen("start_span")[-1][0].parent


def start_under(parent: SpanHandle) -> bytes:
    return span_payload("child", parent=parent)


def test_a_span_without_a_parent_is_a_root(guest):
    assert parent_of(guest, span_payload()) is None


def test_nil_is_no_parent(guest):
    assert parent_of(guest, b"\x82\xa4name\xa1s\xa6parent\xc0") is None


def test_an_open_span_of_the_same_guest_is_a_parent(guest):
    span = guest.start()
    assert parent_of(guest, start_under(span)) == span


def test_an_ended_span_is_still_a_parent(guest):
    span = guest.start()
    guest.end(span)
    assert parent_of(guest, start_under(span)) == span


def test_the_last_1024_ended_spans_are_parents_and_no_older_one(guest):
    ended = [guest.start() for _ in range(1024)]
    for span in ended:
        guest.end(span)
    assert parent_of(guest, start_under(ended[0])) == ended[0]
    guest.end(guest.start())
    assert parent_of(guest, start_under(ended[0])) is None
    assert parent_of(guest, start_under(ended[1])) == ended[1]


def test_a_span_whose_tracer_failed_to_end_it_is_still_a_parent(make_guest):
    guest = make_guest(FaultyTracer(ValueError(), "end_span"))
    span = guest.start()
    guest.end(span)
    assert parent_of(guest, start_under(span)) == span


@pytest.mark.parametrize("parent", [STRANGER, SpanHandle(2**128 - 1, 2**64 - 1)], ids=str)
def test_an_unknown_parent_makes_a_root_and_is_no_drop(guest, parent):
    assert parent_of(guest, start_under(parent)) is None
    assert guest.drops == {}


def test_a_known_trace_id_with_another_span_id_is_unknown(guest):
    span = guest.start()
    assert parent_of(guest, start_under(SpanHandle(span.trace_id, span.span_id + 1))) is None


def test_another_guests_span_is_unknown(make_guest):
    one, other = make_guest(), make_guest()
    one.start()
    assert parent_of(other, start_under(one.start())) is None


def test_another_guests_span_is_unknown_also_behind_one_tracer(make_guest):
    one = make_guest()
    other = make_guest(one.tracer)
    assert parent_of(other, start_under(one.start())) is None


@pytest.mark.parametrize("parent", [SpanHandle.INVALID, SpanHandle(0, 7), SpanHandle(7, 0)], ids=str)
def test_the_child_of_an_unsampled_parent_is_not_sampled_either(guest, parent):
    assert guest.start(start_under(parent)) == SpanHandle.INVALID
    assert guest.calls == []
    assert guest.drops == {}
    assert guest.scope.stats.unsampled == 1


def test_a_granted_handle_is_a_parent(guest):
    guest.scope.grant(STRANGER)
    assert parent_of(guest, start_under(STRANGER)) == STRANGER


def test_the_last_1024_grants_are_kept(guest):
    granted = [SpanHandle(9, number) for number in range(1, 1026)]
    for handle in granted:
        guest.scope.grant(handle)
    assert parent_of(guest, start_under(granted[0])) is None
    assert parent_of(guest, start_under(granted[1])) == granted[1]


def test_of_spans_that_expire_together_the_last_started_ends_first_and_is_forgotten_first(make_guest):
    """The native engine remembered them in the order of their start, and so forgot another one."""
    guest = make_guest(limits=Limits(scope_ended_parents=2))
    spans = [guest.start() for _ in range(3)]
    assert guest.scope.expire(0) == 3
    assert [parent_of(guest, start_under(span)) for span in spans] == [spans[0], spans[1], None]


def test_a_grant_that_is_repeated_counts_as_the_newest(make_guest):
    guest = make_guest(limits=Limits(scope_ended_parents=2))
    for span_id in (1, 2, 1, 3):
        guest.scope.grant(SpanHandle(9, span_id))
    assert parent_of(guest, start_under(SpanHandle(9, 1))) == SpanHandle(9, 1)
    assert parent_of(guest, start_under(SpanHandle(9, 2))) is None


def test_grants_and_ended_spans_do_not_push_each_other_out(make_guest):
    guest = make_guest(limits=Limits(scope_ended_parents=1))
    span = guest.start()
    guest.end(span)
    guest.scope.grant(STRANGER)
    assert parent_of(guest, start_under(span)) == span
    assert parent_of(guest, start_under(STRANGER)) == STRANGER


def test_the_running_calls_current_span_is_a_parent_while_the_call_runs(guest):
    with guest.scope.current(STRANGER):
        assert parent_of(guest, start_under(STRANGER)) == STRANGER
    assert parent_of(guest, start_under(STRANGER)) is None


def test_only_the_innermost_current_span_is_a_parent(guest):
    inner = SpanHandle(3, 4)
    with guest.scope.current(STRANGER), guest.scope.current(inner):
        assert parent_of(guest, start_under(inner)) == inner
        assert parent_of(guest, start_under(STRANGER)) is None


def test_a_local_parent_takes_neither_flags_nor_trace_state_from_the_guest(guest):
    span = guest.start()
    guest.start(span_payload(parent=span, parent_flags=0, trace_state="a=b"))
    child = guest.seen("start_span")[-1][0]
    assert (child.parent, child.parent_is_remote, child.parent_flags, child.trace_state) == (span, False, 1, "")
    assert child.links == ()


@pytest.mark.parametrize("policy", ["link", "continue", "ignore"])
class TestEveryPolicy:
    """What holds for a remote parent whatever the policy."""

    @pytest.mark.parametrize("parent", [None, SpanHandle.INVALID, SpanHandle(0, 1), SpanHandle(1, 0)], ids=str)
    def test_a_remote_parent_that_is_absent_or_invalid_makes_a_plain_root(self, make_guest, policy, parent):
        guest = make_guest(remote_parents=policy)
        guest.start(span_payload(parent=parent, parent_is_remote=True, parent_flags=0, trace_state="a=b"))
        span = guest.seen("start_span")[0][0]
        assert (span.parent, span.parent_is_remote, span.links, span.trace_state) == (None, False, (), "")

    def test_without_parent_is_remote_the_parent_is_local(self, make_guest, policy):
        guest = make_guest(remote_parents=policy)
        assert parent_of(guest, span_payload(parent=STRANGER, parent_flags=1, trace_state="a=b")) is None
        assert guest.seen("start_span")[0][0].links == ()

    def test_a_local_span_that_is_called_remote_is_treated_as_remote(self, make_guest, policy):
        guest = make_guest(remote_parents=policy)
        local = guest.start()
        parent = parent_of(guest, span_payload(parent=local, parent_is_remote=True))
        assert parent == (local if policy == "continue" else None)


def remote(**fields) -> bytes:
    return span_payload(parent=STRANGER, parent_is_remote=True, **fields)


def test_policy_link_links_to_the_remote_parent_from_a_new_root_and_is_the_default(guest):
    guest.start(remote(trace_state="a=b"))
    span = guest.seen("start_span")[0][0]
    assert (span.parent, span.parent_is_remote, span.trace_state) == (None, False, "")
    assert span.links == (SpanLink(STRANGER, trace_state="a=b"),)


def test_the_link_to_a_remote_parent_stands_before_the_guests_own(guest):
    own = SpanLink(SpanHandle(1, 2), {"k": 1})
    guest.start(remote(links=(own,)))
    assert guest.seen("start_span")[0][0].links == (SpanLink(STRANGER), own)


def test_the_link_to_a_remote_parent_counts_in_the_limit_and_displaces_the_last(make_guest):
    guest = make_guest(limits=Limits(span_links=2))
    links = tuple(SpanLink(SpanHandle(1, number)) for number in (1, 2, 3))
    guest.start(remote(links=links))
    span = guest.seen("start_span")[0][0]
    assert span.links == (SpanLink(STRANGER), links[0])
    assert span.dropped_links_count == 2
    assert guest.drops == {"link_limit": 2}


def test_policy_continue_stays_in_the_remote_parents_trace(make_guest):
    guest = make_guest(remote_parents="continue")
    handle = guest.start(remote(trace_state="a=b", parent_flags=0x101))
    span = guest.seen("start_span")[0][0]
    assert (span.parent, span.parent_is_remote, span.trace_state, span.links) == (STRANGER, True, "a=b", ())
    assert span.parent_flags & 1
    assert handle.trace_id == STRANGER.trace_id
    assert handle.span_id != STRANGER.span_id


def test_policy_ignore_takes_nothing_of_the_remote_parent(make_guest):
    guest = make_guest(remote_parents="ignore")
    guest.start(remote(trace_state="a=b", parent_flags=0))
    span = guest.seen("start_span")[0][0]
    assert (span.parent, span.parent_is_remote, span.parent_flags, span.trace_state, span.links) == (None, False, 1, "", ())


@pytest.mark.parametrize("policy", ["link", "continue"])
@pytest.mark.parametrize("flags", [0, 2, 0xFE, 2**64 - 2])
def test_a_remote_parent_without_the_sampled_bit_is_not_sampled(make_guest, policy, flags):
    guest = make_guest(remote_parents=policy)
    assert guest.start(remote(parent_flags=flags)) == SpanHandle.INVALID
    assert (guest.calls, guest.drops, guest.scope.stats.unsampled) == ([], {}, 1)


@pytest.mark.parametrize("policy", ["link", "continue"])
@pytest.mark.parametrize("flags", [1, 3, 0xFF, 2**64 - 1])
def test_only_the_sampled_bit_of_the_flags_counts(make_guest, policy, flags):
    guest = make_guest(remote_parents=policy)
    assert not guest.start(remote(parent_flags=flags)).is_invalid


@pytest.mark.parametrize("policy", ["link", "continue"])
@pytest.mark.parametrize("state", ["A=b", "a", "a=b,a=c", "a=" + "b" * 511], ids=["case", "no value", "twice", "513 bytes"])
def test_a_trace_state_that_is_not_valid_counts_as_empty_and_is_no_drop(make_guest, policy, state):
    guest = make_guest(remote_parents=policy)
    guest.start(remote(trace_state=state))
    span = guest.seen("start_span")[0][0]
    assert {span.trace_state, *(link.trace_state for link in span.links)} == {""}
    assert guest.drops == {}


def test_a_policy_that_does_not_exist_is_refused(make_guest):
    with pytest.raises(ValueError, match="follow"):
        make_guest(remote_parents="follow")
