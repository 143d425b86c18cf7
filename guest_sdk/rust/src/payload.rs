//! What spans and events are built from: pieces that are borrowed until all of them are written, in the ABI's order.

use crate::abi;
use crate::drops;
use crate::handle::SpanHandle;
use crate::kind::SpanKind;
use crate::value::KeyValue;
use crate::writer::{Byte, Form, Writer, ARRAY, MAP};
use core::mem::MaybeUninit;
use core::slice;

/// Bytes behind a payload, unless more are lent.
const OWN: usize = 4096;

/// Attributes and links of one payload: as many attributes as a host takes by default.
const PIECES: usize = 128;

/// A tracestate that is longer is not valid, and dropped. A name is cut at an eighth of the room. So both fit together
/// with all of the head, even where each byte is ill-formed and becomes three.
const LONGEST_TRACE_STATE: usize = 512;

/// Kept free by attributes and links for what is behind them: the head of the links and a time.
const SPARE: usize = 48;

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Relation {
    None,
    Local,
    Remote,
}

#[derive(Clone, Copy)]
enum Piece<'b> {
    Attribute(KeyValue<'b>),
    Link(&'b SpanHandle, &'b [KeyValue<'b>]),
}

pub(crate) struct Payload<'b> {
    pub(crate) parent: SpanHandle,
    pub(crate) time: u64,
    name: &'b [u8],
    pub(crate) trace_state: &'b [u8],
    pub(crate) lent: &'b mut [Byte],
    count: usize,
    links: usize,
    pub(crate) kind: SpanKind,
    pub(crate) relation: Relation,
    pub(crate) flags: u8,
    pieces: [MaybeUninit<Piece<'b>>; PIECES],
}

impl<'b> Payload<'b> {
    #[inline(never)]
    pub(crate) fn new(name: &'b [u8]) -> Self {
        Payload {
            parent: SpanHandle::INVALID,
            time: 0,
            name,
            trace_state: &[],
            lent: &mut [],
            count: 0,
            links: 0,
            kind: SpanKind::Internal,
            relation: Relation::None,
            flags: 0,
            pieces: [MaybeUninit::uninit(); PIECES],
        }
    }

    #[inline(never)]
    fn add(&mut self, piece: Piece<'b>) {
        if let Some(slot) = self.pieces.get_mut(self.count) {
            *slot = MaybeUninit::new(piece);
            self.count += 1;
        } else {
            drops::count();
        }
    }

    pub(crate) fn attribute(&mut self, attribute: KeyValue<'b>) {
        self.add(Piece::Attribute(attribute));
    }

    pub(crate) fn link(&mut self, other: &'b SpanHandle, attributes: &'b [KeyValue<'b>]) {
        if !other.is_invalid() {
            self.links += usize::from(self.count < PIECES);
            self.add(Piece::Link(other, attributes));
        }
    }

    #[allow(unsafe_code)]
    fn pieces(&self) -> &[Piece<'b>] {
        // SAFETY: `add` has written the first `count`.
        unsafe { slice::from_raw_parts(self.pieces.as_ptr().cast(), self.count) }
    }

    /// Writes the payload and hands it over: as an event of a span, or as a span, whose handle goes to `started`.
    #[inline(never)]
    pub(crate) fn send(&mut self, event_of: Option<&SpanHandle>, started: &mut SpanHandle) {
        let mut own = [MaybeUninit::uninit(); OWN];
        let lent = core::mem::take(&mut self.lent);
        let buffer = if lent.len() < OWN { &mut own[..] } else { &mut *lent };
        let length = self.write(event_of.is_some(), &mut Writer::new(buffer));
        let payload = buffer.get(..length).unwrap_or(&[]);
        match event_of {
            Some(span) => abi::add_event(span, payload),
            None => abi::start_span(payload, started),
        }
        self.lent = lent;
    }

    fn write(&self, event: bool, writer: &mut Writer) -> usize {
        writer.byte(0);
        writer.key(b"\xa4name");
        writer.text_cut(self.name, writer.room() / 8);
        writer.field(b"\xa4kind", self.kind as u64, 0);
        if self.relation != Relation::None {
            writer.key(b"\xa6parent");
            writer.handle(&self.parent);
        }
        if self.relation == Relation::Remote {
            writer.key(b"\xb0parent_is_remote\xc3");
            writer.field(b"\xacparent_flags", self.flags.into(), 1);
            if self.trace_state.len() > LONGEST_TRACE_STATE {
                drops::count();
            } else if !self.trace_state.is_empty() {
                writer.key(b"\xabtrace_state");
                writer.text(self.trace_state);
            }
        }
        self.list(writer, false);
        self.list(writer, true);
        writer.field(if event { b"\xaftime_unix_nanos" } else { b"\xb5start_time_unix_nanos" }, self.time, 0);
        writer.close()
    }

    /// The attributes, or the links. Each that does not fit is dropped alone and counted.
    #[inline(never)]
    fn list(&self, writer: &mut Writer, links: bool) {
        let (key, form): (&[u8], Form) = if links { (b"\xa5links", ARRAY) } else { (b"\xaaattributes", MAP) };
        let start = writer.mark();
        let all = if links { self.links } else { self.count - self.links };
        writer.container(key, form, all);
        let items = writer.mark();
        let mut kept = 0;
        for piece in self.pieces() {
            let mark = writer.mark();
            match piece {
                Piece::Attribute(attribute) if !links => writer.attribute(attribute.key, &attribute.value),
                Piece::Link(other, attributes) if links => writer.link(other, attributes),
                _ => continue,
            }
            kept += 1;
            if writer.room() < SPARE {
                writer.rewind(mark);
                drops::count();
                kept -= 1;
            }
        }
        if kept != all {
            let end = writer.mark();
            writer.rewind(start);
            writer.fields -= 1;
            writer.container(key, form, kept);
            writer.copy(items, end);
        }
    }
}
