//! What spans and events are built from: pieces that are borrowed until all of them are written, in the ABI's order.

use crate::abi;
use crate::drops;
use crate::handle::SpanHandle;
use crate::kind::SpanKind;
use crate::value::{KeyValue, Value};
use crate::writer::{Byte, Form, Writer, ARRAY, MAP};
use core::mem::MaybeUninit;

/// Bytes behind a payload, unless more are lent.
const OWN: usize = 4096;

/// The most attributes, and the most links, of one payload: as many as a host takes by default.
const MOST: usize = 128;

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

pub(crate) type Link<'b> = (&'b SpanHandle, &'b [KeyValue<'b>]);

/// What was added first comes first; the rest is not initialized.
struct List<T> {
    items: [MaybeUninit<T>; MOST],
    count: usize,
}

impl<T: Copy> List<T> {
    fn new() -> Self {
        List { items: [MaybeUninit::uninit(); MOST], count: 0 }
    }

    fn push(&mut self, item: T) {
        if let Some(slot) = self.items.get_mut(self.count) {
            *slot = MaybeUninit::new(item);
            self.count += 1;
        } else {
            drops::count();
        }
    }

    #[allow(unsafe_code)]
    fn get(&self, index: usize) -> Option<&T> {
        let item = self.items.get(index)?;
        // SAFETY: `push` has written the first `count`.
        (index < self.count).then(|| unsafe { item.assume_init_ref() })
    }
}

pub(crate) struct Payload<'b> {
    /// Of an event, the span that it is added to.
    pub(crate) parent: SpanHandle,
    pub(crate) time: u64,
    name: &'b [u8],
    pub(crate) trace_state: &'b [u8],
    pub(crate) kind: SpanKind,
    pub(crate) relation: Relation,
    pub(crate) flags: u8,
    attributes: List<KeyValue<'b>>,
    links: List<Link<'b>>,
}

impl<'b> Payload<'b> {
    #[inline(never)]
    pub(crate) fn new(name: &'b [u8]) -> Self {
        Payload {
            parent: SpanHandle::INVALID,
            time: 0,
            name,
            trace_state: &[],
            kind: SpanKind::Internal,
            relation: Relation::None,
            flags: 0,
            attributes: List::new(),
            links: List::new(),
        }
    }

    #[inline(never)]
    pub(crate) fn attribute(&mut self, key: &'b [u8], value: Value<'b>) {
        self.attributes.push(KeyValue { key, value });
    }

    #[inline(never)]
    pub(crate) fn link(&mut self, other: &'b SpanHandle, attributes: &'b [KeyValue<'b>]) {
        if !other.is_invalid() {
            self.links.push((other, attributes));
        }
    }

    /// Writes the payload and hands it over, unless it is of a span that is not sampled: as a span, whose handle goes to
    /// `started`, or as an event.
    #[inline(never)]
    pub(crate) fn send(&self, lent: &mut [Byte], started: Option<&mut SpanHandle>) {
        if self.relation == Relation::Local && self.parent.is_invalid() {
            return;
        }
        let mut own = [MaybeUninit::uninit(); OWN];
        let buffer = if lent.len() < OWN { &mut own } else { lent };
        let length = self.write(started.is_none(), &mut Writer::new(buffer));
        let payload = buffer.get(..length).unwrap_or(&[]);
        match started {
            Some(started) => abi::start_span(payload, started),
            None => abi::add_event(&self.parent, payload),
        }
    }

    fn write(&self, is_event: bool, writer: &mut Writer) -> usize {
        writer.byte(0);
        writer.key(b"\xa4name");
        writer.text_cut(self.name, writer.room() / 8);
        writer.field(b"\xa4kind", self.kind as u64, 0);
        if self.relation != Relation::None && !is_event {
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
        writer.field(if is_event { b"\xaftime_unix_nanos" } else { b"\xb5start_time_unix_nanos" }, self.time, 0);
        writer.close()
    }

    /// The attributes, or the links. Each that does not fit is dropped alone and counted.
    #[inline(never)]
    fn list(&self, writer: &mut Writer, links: bool) {
        let (key, form): (&[u8], Form) = if links { (b"\xa5links", ARRAY) } else { (b"\xaaattributes", MAP) };
        let all = if links { self.links.count } else { self.attributes.count };
        let start = writer.written();
        writer.container(key, form, all);
        let items = writer.written();
        let mut kept = all;
        for index in 0..all {
            let mark = writer.written();
            if links {
                if let Some(link) = self.links.get(index) {
                    writer.link(link);
                }
            } else if let Some(pair) = self.attributes.get(index) {
                writer.attribute(pair.key, &pair.value);
            }
            if writer.room() < SPARE {
                writer.rewind(mark);
                drops::count();
                kept -= 1;
            }
        }
        if kept != all {
            let end = writer.written();
            writer.rewind(start);
            writer.fields -= 1;
            writer.container(key, form, kept);
            writer.copy(items, end);
        }
    }
}
