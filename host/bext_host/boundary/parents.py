"""What a guest's `parent` means (ABI.md, "Parents"). The boundary decides, so that every tracer and every engine agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from bext_abi import SpanHandle, SpanLink, SpanStart
from bext_abi.constants import PARENT_FLAGS_DEFAULT, TRACE_FLAG_SAMPLED


class RemoteParents(str, Enum):
    """What a span does with a remote parent that its guest names."""

    LINK = "link"
    """Start a new trace and link to the remote parent: the guest cannot choose a trace id."""
    CONTINUE = "continue"
    """Continue the remote parent's trace: for plugins that are trusted to name trace ids."""
    IGNORE = "ignore"
    """Start a new trace as if there were no parent."""

    @classmethod
    def _missing_(cls, value: object) -> RemoteParents:
        raise ValueError(f"unknown remote_parents {value!r}: choose {', '.join(repr(policy.value) for policy in cls)}")


@dataclass(frozen=True, slots=True)
class Parentage:
    """The parent that a span will have, and the link that stands for a remote one."""

    parent: SpanHandle | None = None
    is_remote: bool = False
    flags: int = PARENT_FLAGS_DEFAULT
    trace_state: str = ""
    link: SpanLink | None = None

    def applied_to(self, span: SpanStart) -> SpanStart:
        """`span` with this parentage."""
        return replace(
            span,
            parent=self.parent,
            parent_is_remote=self.is_remote,
            parent_flags=self.flags,
            trace_state=self.trace_state,
            links=span.links if self.link is None else (self.link, *span.links),
        )


_ROOT = Parentage()


def resolve(span: SpanStart, is_known: Callable[[SpanHandle], bool], policy: RemoteParents) -> Parentage | None:
    """The parentage of a span, or None where the parent says that it is not sampled."""
    if span.parent is None:
        return _ROOT
    if span.parent_is_remote:
        return _resolve_remote(span, span.parent, policy)
    if span.parent.is_invalid:
        return None
    return Parentage(span.parent) if is_known(span.parent) else _ROOT


def _resolve_remote(span: SpanStart, parent: SpanHandle, policy: RemoteParents) -> Parentage | None:
    if parent.is_invalid or policy is RemoteParents.IGNORE:
        return _ROOT
    if not span.parent_flags & TRACE_FLAG_SAMPLED:
        return None
    if policy is RemoteParents.LINK:
        return Parentage(link=SpanLink(parent, trace_state=span.trace_state))
    return Parentage(parent, True, span.parent_flags & 0xFF, span.trace_state)
