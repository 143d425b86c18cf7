//! Runs the Rust guest SDK natively, by the commands of `driver.c`: words apart by white space, texts in hex, `-` for the
//! empty one, a handle as three decimal numbers. Prints every host call as one line. What a builder borrows is leaked.

use bext_tracer::native::{self, Host};
use bext_tracer::{KeyValue, Link, Span, SpanBuilder, SpanHandle, SpanKind, StatusCode, TraceParent, Value};
use std::cell::Cell;
use std::io::Read;

thread_local! {
    static ANSWER: Cell<SpanHandle> = Cell::new(SpanHandle { trace_id_hi: 1, trace_id_lo: 2, span_id: 3 });
    static HAS_CURRENT: Cell<bool> = Cell::new(true);
}

struct Printer;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn words(handle: SpanHandle) -> String {
    format!("{} {} {}", handle.trace_id_hi, handle.trace_id_lo, handle.span_id)
}

impl Host for Printer {
    fn start_span(&mut self, payload: &[u8]) -> SpanHandle {
        println!("start_span {}", hex(payload));
        ANSWER.with(Cell::get)
    }
    fn set_attribute(&mut self, span: SpanHandle, payload: &[u8]) {
        println!("set_attribute {} {}", words(span), hex(payload));
    }
    fn set_status(&mut self, span: SpanHandle, payload: &[u8]) {
        println!("set_status {} {}", words(span), hex(payload));
    }
    fn add_event(&mut self, span: SpanHandle, payload: &[u8]) {
        println!("add_event {} {}", words(span), hex(payload));
    }
    fn end_span(&mut self, span: SpanHandle, end_time_unix_nanos: u64) {
        println!("end_span {} {end_time_unix_nanos}", words(span));
    }
    fn current_span(&mut self) -> Option<SpanHandle> {
        println!("current_span");
        HAS_CURRENT.with(Cell::get).then(|| ANSWER.with(Cell::get))
    }
}

struct Words<'i>(std::str::SplitAsciiWhitespace<'i>);

impl Words<'_> {
    fn word(&mut self) -> &str {
        self.0.next().expect("the commands end in the middle of one")
    }
    fn number<T: std::str::FromStr>(&mut self) -> T {
        let word = self.word();
        word.parse().unwrap_or_else(|_| panic!("no number: {word}"))
    }
    fn handle(&mut self) -> SpanHandle {
        SpanHandle { trace_id_hi: self.number(), trace_id_lo: self.number(), span_id: self.number() }
    }
    fn text(&mut self) -> &'static [u8] {
        let word = self.word();
        let digits = if word == "-" { "" } else { word };
        let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex");
        (0..digits.len()).step_by(2).map(byte).collect::<Vec<u8>>().leak()
    }
    fn kind(&mut self) -> SpanKind {
        let kinds = [SpanKind::Internal, SpanKind::Server, SpanKind::Client, SpanKind::Producer, SpanKind::Consumer];
        kinds[self.number::<usize>()]
    }
    fn float(&mut self) -> f64 {
        f64::from_bits(u64::from_str_radix(self.word(), 16).expect("hex"))
    }
    fn list<T>(&mut self, mut next: impl FnMut(&mut Self) -> T) -> &'static [T] {
        let count = self.number::<usize>();
        (0..count).map(|_| next(self)).collect::<Vec<T>>().leak()
    }
    fn value(&mut self) -> Value<'static> {
        match self.word() {
            "s" => self.text().into(),
            "b" => (self.number::<u8>() != 0).into(),
            "i" => self.number::<i64>().into(),
            "f" => self.float().into(),
            "S" => self.list(Self::text).into(),
            "B" => self.list(|words| words.number::<u8>() != 0).into(),
            "I" => self.list(Self::number::<i64>).into(),
            "F" => self.list(Self::float).into(),
            other => panic!("unknown type of a value: {other}"),
        }
    }
    fn attribute(&mut self) -> KeyValue<'static> {
        KeyValue::new(self.text(), self.value())
    }
}

fn print_handle(handle: SpanHandle) {
    println!("handle {} ", words(handle));
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// A span, or an event, as the commands describe it piece by piece.
struct Pieces {
    span: SpanBuilder<'static>,
    event: &'static [u8],
    event_time: u64,
    attributes: Vec<KeyValue<'static>>,
    links: Vec<Link<'static>>,
}

impl Pieces {
    fn of(name: &'static [u8], kind: SpanKind) -> Self {
        let span = Span::builder(name).kind(kind);
        Pieces { span, event: name, event_time: 0, attributes: Vec::new(), links: Vec::new() }
    }
    fn start(&self) {
        print_handle(self.span.attributes(&self.attributes).links(&self.links).start().into_handle());
    }
    fn add(&self, span: SpanHandle) {
        span.event(self.event).attributes(&self.attributes).time(self.event_time).add();
    }
}

fn set_typed(span: SpanHandle) {
    span.set("str", "text");
    span.set("bool", true);
    span.set("i64", -1);
    span.set("f64", 0.5);
}

fn parse(text: &[u8]) {
    let unset = TraceParent { handle: SpanHandle { trace_id_hi: 7, trace_id_lo: 8, span_id: 9 }, flags: 77 };
    let read = TraceParent::parse(text);
    let shown = read.unwrap_or(unset);
    print!("parse {} {} ", u8::from(read.is_some()), shown.flags);
    print_handle(shown.handle);
}

fn format(span: SpanHandle, sampled: bool) {
    let text = span.traceparent(sampled);
    println!("format {} {}", u8::from(!text.as_bytes().is_empty()), text);
}

fn current() {
    match bext_tracer::current_span() {
        Some(handle) => print!("some handle {} \n", words(handle)),
        None => print!("none handle 7 8 9 \n"),
    }
}

/// Blocks of the arena: where they are, and how long; each is filled with a byte of its own.
struct Blocks(Vec<(*mut u8, usize)>);

impl Blocks {
    fn alloc(&mut self, length: usize) {
        let block = bext_tracer::bext_alloc(length);
        assert_eq!(block as usize % 8, 0, "a block that is not aligned");
        if !block.is_null() {
            unsafe { block.write_bytes(self.0.len() as u8, length) };
        }
        println!("alloc {}", if block.is_null() { "none" } else { "some" });
        self.0.push((block, length));
    }
    fn free(&mut self, index: usize) {
        let (block, length) = self.0[index];
        for at in 0..if block.is_null() { 0 } else { length } {
            assert_eq!(unsafe { *block.add(at) }, index as u8, "a block was overwritten");
        }
        bext_tracer::bext_free(block, length);
    }
    fn free_foreign(&self) {
        let mut foreign = [0_u8; 64];
        bext_tracer::bext_free(foreign.as_mut_ptr(), 64);
        bext_tracer::bext_free(std::ptr::null_mut(), 0);
    }
}

fn main() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).expect("text");
    native::install(Printer);
    let mut words = Words(input.split_ascii_whitespace());
    let mut pieces = Pieces::of(b"", SpanKind::Internal);
    let mut blocks = Blocks(Vec::new());
    while let Some(command) = words.0.next() {
        match command {
            "span" => {
                let _capacity = words.number::<usize>();
                pieces = Pieces::of(words.text(), words.kind());
            }
            "parent" => pieces.span = pieces.span.parent(leak(words.handle())),
            "remote" => {
                let parent = leak(TraceParent { handle: words.handle(), flags: words.number() });
                pieces.span = pieces.span.remote_parent(parent, words.text());
            }
            "attr" | "event_attr" => pieces.attributes.push(words.attribute()),
            "link" => pieces.links.push(Link::new(leak(words.handle()), words.list(Words::attribute))),
            "time" => pieces.span = pieces.span.start_time(words.number()),
            "start" => pieces.start(),
            "event" => {
                let _capacity = words.number::<usize>();
                pieces = Pieces::of(words.text(), SpanKind::Internal);
            }
            "event_time" => pieces.event_time = words.number(),
            "add" => pieces.add(words.handle()),
            "short_child" => {
                let (name, kind) = (words.text(), words.kind());
                print_handle(words.handle().child(name, kind).into_handle());
            }
            "short_root" => print_handle(Span::root(words.text(), words.kind()).into_handle()),
            "short_under_current" => print_handle(Span::under_current(words.text(), words.kind()).into_handle()),
            "short_event" => words.handle().add_event(words.text()),
            "set" => words.handle().set(words.text(), words.value()),
            "set_typed" => set_typed(words.handle()),
            "status" => {
                let codes = [StatusCode::Unset, StatusCode::Ok, StatusCode::Error];
                words.handle().set_status(codes[words.number::<usize>()], words.text());
            }
            "ok" => words.handle().set_ok(),
            "error" => words.handle().set_error(words.text()),
            "end" => words.handle().end(),
            "end_at" => words.handle().end_at(words.number()),
            "use_nul" => drop(words.number::<u8>()),
            "answer" => ANSWER.with(|answer| answer.set(words.handle())),
            "has_current" => HAS_CURRENT.with(|has| has.set(words.number::<u8>() != 0)),
            "current" => current(),
            "dropped" => println!("dropped {}", bext_tracer::dropped()),
            "alloc" => blocks.alloc(words.number()),
            "free" => blocks.free(words.number()),
            "free_foreign" => blocks.free_foreign(),
            "format" => format(words.handle(), words.number::<u8>() != 0),
            "parse" => parse(words.text()),
            other => panic!("unknown command: {other}"),
        }
    }
}
