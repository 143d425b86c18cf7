//! The crate as its users see it, against a host that writes down what it is asked.

use bext_tracer::native::{self, Host};
use bext_tracer::{current_span, KeyValue, Link, Span, SpanHandle, SpanKind, StatusCode, TraceParent, Value};
use std::cell::RefCell;
use std::rc::Rc;

const CURRENT: SpanHandle = SpanHandle { trace_id_hi: 7, trace_id_lo: 8, span_id: 9 };

#[derive(Clone, Default)]
struct Recorder(Rc<RefCell<Vec<String>>>);

impl Recorder {
    fn install() -> Recorder {
        let recorder = Recorder::default();
        native::install(recorder.clone());
        recorder
    }
    /// What was called since the last time, one word a call: what, and on which span.
    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.borrow_mut())
    }
    fn push(&self, what: &str, span: u64) {
        self.0.borrow_mut().push(format!("{what} {span}"));
    }
}

impl Host for Recorder {
    fn start_span(&mut self, _payload: &[u8]) -> SpanHandle {
        let started = self.0.borrow().iter().filter(|call| call.starts_with("start")).count() as u64 + 1;
        self.push("start", started);
        SpanHandle { trace_id_hi: 1, trace_id_lo: 2, span_id: started }
    }
    fn set_attribute(&mut self, span: SpanHandle, _payload: &[u8]) {
        self.push("set", span.span_id);
    }
    fn set_status(&mut self, span: SpanHandle, _payload: &[u8]) {
        self.push("status", span.span_id);
    }
    fn add_event(&mut self, span: SpanHandle, _payload: &[u8]) {
        self.push("event", span.span_id);
    }
    fn end_span(&mut self, span: SpanHandle, end_time_unix_nanos: u64) {
        self.push(&format!("end@{end_time_unix_nanos}"), span.span_id);
    }
    fn current_span(&mut self) -> Option<SpanHandle> {
        Some(CURRENT)
    }
}

#[test]
fn a_span_ends_where_its_guard_goes() {
    let host = Recorder::install();
    {
        let _outer = Span::root("outer", SpanKind::Server);
        let _inner = _outer.child("inner", SpanKind::Internal);
    }
    assert_eq!(host.calls(), ["start 1", "start 2", "end@0 2", "end@0 1"]);
}

#[test]
fn a_span_ends_once() {
    let host = Recorder::install();
    Span::root("now", SpanKind::Internal).end();
    Span::root("then", SpanKind::Internal).end_at(5);
    assert_eq!(host.calls(), ["start 1", "end@0 1", "start 2", "end@5 2"]);
}

#[test]
fn a_span_that_became_a_handle_stays_open() {
    let host = Recorder::install();
    let handle = Span::root("open", SpanKind::Internal).into_handle();
    assert_eq!(host.calls(), ["start 1"]);
    handle.end();
    assert_eq!(host.calls(), ["end@0 1"]);
}

#[test]
fn a_span_has_the_methods_of_its_handle() {
    let host = Recorder::install();
    let span = Span::under_current("s", SpanKind::Internal);
    span.set("key", 42);
    span.add_event("event");
    span.event("event").attributes(&[KeyValue::new("n", 1)]).add();
    span.set_status(StatusCode::Unset, "");
    let copy = span.handle();
    copy.set_ok();
    copy.set_error("why");
    assert_eq!(host.calls(), ["start 1", "set 1", "event 1", "event 1", "status 1", "status 1", "status 1"]);
    drop(span);
}

#[test]
fn everything_that_is_text_is_taken_as_text() {
    let host = Recorder::install();
    let (owned, bytes) = (String::from("key"), vec![0xff_u8]);
    let pairs = [KeyValue::new(&owned, owned.as_str()), KeyValue::new(&bytes, &bytes[..]), KeyValue::new(b"k", b"v")];
    let span = Span::builder(&owned).attributes(&pairs).start();
    span.set(&owned, owned.len());
    span.set(owned, "value");
    span.set(&bytes, bytes.as_slice());
    span.set("bytes of a traceparent", span.traceparent(false).as_bytes());
    assert_eq!(host.calls().len(), 5);
}

#[test]
fn values() {
    let shown = |value: Value| format!("{value:?}");
    assert_eq!(shown("ab".into()), "Str([97, 98])");
    assert_eq!(shown(true.into()), "Bool(true)");
    assert_eq!(shown((-1).into()), "I64(-1)");
    assert_eq!(shown(0.5.into()), "F64(0.5)");
    assert_eq!(shown(f64::NAN.into()), "F64(NaN)");
    assert_eq!(shown((&["a", ""]).into()), "StrArray([[97], []])");
    assert_eq!(shown((&[true, false]).into()), "BoolArray([true, false])");
    assert_eq!(shown((&[1_i64, i64::MIN]).into()), "I64Array([1, -9223372036854775808])");
    assert_eq!(shown((&[1.0, -0.0]).into()), "F64Array([1.0, -0.0])");
}

#[test]
fn values_are_compared_by_what_they_are() {
    let one = Value::from(1);
    let ones: [Value; 7] =
        [1_i8.into(), 1_i16.into(), 1_i64.into(), 1_u8.into(), 1_u16.into(), 1_u32.into(), 1_usize.into()];
    assert_eq!(ones, [one; 7]);
    assert_eq!((Value::from(0.5), Value::from(usize::MAX)), (Value::from(0.5_f32), Value::from(i64::MAX)));
    assert_eq!((Value::from("a"), Value::from(&["a"])), (Value::from(b"a"), Value::from(&[&b"a"[..]][..])));
    assert_eq!(Value::from(&vec![1_i64, 2][..]), Value::from(&[1_i64, 2]));
    assert_ne!((one, Value::from(true)), (Value::from(1.0), one));
    assert_ne!(Value::from(f64::NAN), Value::from(f64::NAN));
    assert_eq!(KeyValue::new("k", 1), KeyValue::new(b"k", 1_u8));
}

#[test]
fn each_thread_has_a_buffer() {
    let record = |byte: u8| {
        let host = Recorder::install();
        for _ in 0..100 {
            Span::root([byte; 1000], SpanKind::Internal).end();
        }
        assert_eq!(host.calls().len(), 200);
    };
    let threads = [b'a', b'b'].map(|byte| std::thread::spawn(move || record(byte)));
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn a_host_may_record() {
    struct Nested;
    impl Host for Nested {
        fn start_span(&mut self, payload: &[u8]) -> SpanHandle {
            let before = payload.to_vec();
            assert!(Span::root("nested", SpanKind::Internal).is_invalid());
            assert_eq!(payload, before);
            CURRENT
        }
    }
    native::install(Nested);
    assert_eq!(Span::root("outer", SpanKind::Internal).into_handle(), CURRENT);
}

#[test]
fn the_current_span_is_told_and_can_be_a_parent() {
    let host = Recorder::install();
    assert_eq!(current_span(), Some(CURRENT));
    Span::builder("below").under_current().start().end();
    CURRENT.set("key", "value");
    assert_eq!(host.calls(), ["start 1", "end@0 1", "set 9"]);
}

#[test]
fn nothing_happens_below_a_span_that_is_not_sampled() {
    let host = Recorder::install();
    let span = SpanHandle::INVALID.child("s", SpanKind::Internal);
    assert!(span.is_invalid());
    span.set("key", "value");
    span.event("event").add();
    span.child("child", SpanKind::Internal).set_ok();
    assert_eq!((span.traceparent(true).as_str(), span.handle()), ("", SpanHandle::INVALID));
    drop(span);
    assert!(host.calls().is_empty());
}

#[test]
fn without_a_host_nothing_is_sampled() {
    let span = Span::root("s", SpanKind::Internal);
    assert!(span.is_invalid());
    assert_eq!(current_span(), None);
}

#[test]
fn a_remote_parent_may_be_missing() {
    let host = Recorder::install();
    let span = Span::builder("s").remote_parent(TraceParent::parse("no traceparent").as_ref(), "a=b").start();
    assert!(!span.is_invalid());
    assert_eq!(host.calls(), ["start 1"]);
}

#[test]
fn a_builder_is_used_again() {
    let host = Recorder::install();
    let other = Span::root("other", SpanKind::Producer).into_handle();
    let pairs = ["a", "b", "c"].map(|key| KeyValue::new(key, true));
    let links = [Link::new(&other, &pairs[..1]), Link::new(&other, &[])];
    let builder = Span::builder("s").attributes(&pairs).links(&links);
    builder.start().end();
    builder.kind(SpanKind::Client).start().end();
    assert_eq!(host.calls(), ["start 1", "start 2", "end@0 2", "start 3", "end@0 3"]);
}

#[test]
fn what_is_shown_of_them() {
    let handle = SpanHandle { trace_id_hi: 1, trace_id_lo: 2, span_id: 3 };
    let text = handle.traceparent(true);
    assert_eq!(text.to_string(), "00-00000000000000010000000000000002-0000000000000003-01");
    assert_eq!(format!("{text:?}"), format!("{:?}", text.as_str()));
    assert!(format!("{:?}", Span::builder("s")).starts_with("SpanBuilder { name: [115], kind: Internal"));
    assert!(format!("{:?}", handle.event("e")).starts_with("EventBuilder { span: SpanHandle"));
    assert_eq!((SpanKind::default(), StatusCode::default()), (SpanKind::Internal, StatusCode::Unset));
}
