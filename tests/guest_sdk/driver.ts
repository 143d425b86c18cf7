/**
 * driver - runs the AssemblyScript guest SDK in a host of the test's. It reads the commands that driving.py writes, words
 * apart by white space; assemblyscript_driving.py beside it prints the host calls, and the lines that are handed to it here.
 * Texts are hex of UTF-8, in which a surrogate may stand as three bytes; a handle is three decimal numbers.
 */
import {
  Attributes, EventBuilder, Handle, Span, SpanBuilder, Traceparent, currentSpan, dropped, startSpan,
} from "../../guest_sdk/assemblyscript/assembly";
import { bext_alloc, bext_free } from "../../guest_sdk/assemblyscript/assembly/exports";
export * from "../../guest_sdk/assemblyscript/assembly/exports";

// --- The host -----------------------------------------------------------------------------------------------------------

/** Print one line of UTF-16. */
// @ts-ignore: decorator
@external("driver", "print")
declare function printText(text: usize, bytes: u32): void;

/** The driver gives up. */
// @ts-ignore: decorator
@external("driver", "fail")
declare function failWith(text: usize, bytes: u32): void;

/** What start_span and current_span answer from here on. */
// @ts-ignore: decorator
@external("driver", "set_answer")
declare function setAnswer(traceIdHi: u64, traceIdLo: u64, spanId: u64): void;

/** What the next start_span answers, and that it is not printed. */
// @ts-ignore: decorator
@external("driver", "pretend")
declare function pretend(traceIdHi: u64, traceIdLo: u64, spanId: u64): void;

// @ts-ignore: decorator
@external("driver", "set_has_current")
declare function setHasCurrent(hasCurrent: u32): void;

function print(line: string): void {
  printText(changetype<usize>(line), line.length * 2);
}

function fail(why: string): void {
  failWith(changetype<usize>(why), why.length * 2);
}

// --- Words --------------------------------------------------------------------------------------------------------------

let input: usize = 0;
let inputEnd: usize = 0;

/** Memory for the commands. */
export function commands(length: u32): usize {
  input = heap.alloc(length + 1);
  inputEnd = input + length;
  store<u8>(inputEnd, 0x20);
  return input;
}

function isSpace(at: usize): bool {
  return load<u8>(at) <= 0x20;
}

/** Go to the next word; false at the end. */
function seek(): bool {
  while (input < inputEnd && isSpace(input)) input++;
  return input < inputEnd;
}

function nextWord(): string {
  if (!seek()) fail("the commands end in the middle of one");
  const start = input;
  while (!isSpace(input)) input++;
  return String.UTF8.decodeUnsafe(start, input - start);
}

function nextUint(): u64 {
  let number: u64 = 0;
  for (seek(); !isSpace(input); input++) number = number * 10 + (load<u8>(input) - 0x30);
  return number;
}

function nextInt(): i64 {
  seek();
  if (load<u8>(input) != 0x2d) return nextUint();
  input++;
  return 0 - nextUint();
}

function digit(at: usize): u32 {
  const character = load<u8>(at);
  return character <= 0x39 ? character - 0x30 : character - 0x57;
}

function nextBits(): u64 {
  let number: u64 = 0;
  for (seek(); !isSpace(input); input++) number = (number << 4) | digit(input);
  return number;
}

/** The bytes of a text as UTF-16; a byte that starts no character becomes U+FFFD. */
function nextText(): string {
  const word = nextWord();
  const size: i32 = word == "-" ? 0 : word.length >> 1;
  const bytes = new StaticArray<u8>(size);
  for (let i = 0; i < size; i++) bytes[i] = <u8>U32.parseInt(word.substr(i * 2, 2), 16);
  const units = new StaticArray<u16>(size);
  let count = 0;
  for (let i = 0; i < size; ) {
    const lead: u32 = bytes[i];
    const more = lead < 0x80 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    let code = more == 0 ? lead : lead > 0xf4 ? 0xfffd : lead & (0x3f >> more);
    for (let j = 1; j <= more && lead <= 0xf4; j++) code = (code << 6) | (bytes[i + j] & 0x3f);
    i += lead > 0xf4 ? 1 : more + 1;
    if (code >= 0x10000) units[count++] = <u16>(0xd7c0 + (code >> 10));
    units[count++] = <u16>(code >= 0x10000 ? 0xdc00 | (code & 0x3ff) : code);
  }
  return String.UTF16.decodeUnsafe(changetype<usize>(units), count * 2);
}

function nextHandle(): Handle {
  const hi = nextUint();
  const lo = nextUint();
  return new Handle(hi, lo, nextUint());
}

/** A span with that handle. */
function nextSpan(): Span {
  const handle = nextHandle();
  pretend(handle.traceIdHi, handle.traceIdLo, handle.spanId);
  return startSpan("");
}

// --- Values -------------------------------------------------------------------------------------------------------------

let span: SpanBuilder = new SpanBuilder("");
let event: EventBuilder = new EventBuilder("");
let attributes: Attributes = new Attributes();
let open: Span = Span.INVALID;

// What a value is for.
const SET = 0;
const ATTR = 1;
const EVENT_ATTR = 2;
const LINK_ATTR = 3;

function use<T>(target: i32, key: string, value: T): void {
  if (target == SET) open.set(key, value);
  if (target == ATTR) span.set(key, value);
  if (target == EVENT_ATTR) event.set(key, value);
  if (target == LINK_ATTR) attributes.set(key, value);
}

function nextItem<T>(): T {
  if (isString<T>()) return changetype<T>(nextText());
  if (isBoolean<T>()) return <T>(nextUint() != 0);
  if (isFloat<T>()) return <T>reinterpret<f64>(nextBits());
  return <T>nextInt();
}

/** Arrays of an even length as Array, the others as StaticArray. */
function useItems<T>(target: i32, key: string): void {
  const count = <i32>nextUint();
  const items: T[] = [];
  for (let i = 0; i < count; i++) items.push(nextItem<T>());
  if (count & 1) {
    use(target, key, StaticArray.fromArray<T>(items));
  } else {
    use(target, key, items);
  }
}

/** A letter for the type, upper case for an array, whose count follows. */
function useValue(target: i32): void {
  const key = nextText();
  const type = nextWord();
  if (type == "s") use(target, key, nextText());
  else if (type == "b") use(target, key, nextUint() != 0);
  else if (type == "i") use(target, key, nextInt());
  else if (type == "f") use(target, key, reinterpret<f64>(nextBits()));
  else if (type == "S") useItems<string>(target, key);
  else if (type == "B") useItems<bool>(target, key);
  else if (type == "I") useItems<i64>(target, key);
  else if (type == "F") useItems<f64>(target, key);
  else fail("unknown type of a value");
}

/** Each type that a value may have, smallest and largest. */
function setEveryType(on: Span): void {
  on.set("i8", i8.MIN_VALUE);
  on.set("i16", i16.MIN_VALUE);
  on.set("i32", i32.MIN_VALUE);
  on.set("isize", isize.MIN_VALUE);
  on.set("u8", u8.MAX_VALUE);
  on.set("u16", u16.MAX_VALUE);
  on.set("u32", u32.MAX_VALUE);
  on.set("usize", usize.MAX_VALUE);
  on.set("f32", <f32>0.5);
  on.set("false", false);
  const none: string | null = null;
  on.set("null", none);
  on.set("i8s", [i8.MIN_VALUE, i8.MAX_VALUE]);
  on.set("i16s", [i16.MIN_VALUE, i16.MAX_VALUE]);
  on.set("i32s", [i32.MIN_VALUE, i32.MAX_VALUE]);
  on.set("u8s", [u8.MIN_VALUE, u8.MAX_VALUE]);
  on.set("u16s", [u16.MIN_VALUE, u16.MAX_VALUE]);
  on.set("u32s", [u32.MIN_VALUE, u32.MAX_VALUE]);
  on.set("f32s", [<f32>-0.5, f32.NaN]);
  const doubles = new Float64Array(2);
  doubles[1] = 1.5;
  on.set("Float64Array", doubles.subarray(1));
  const shorts = new Int16Array(2);
  shorts[0] = -1;
  on.set("Int16Array", shorts);
}

// --- Builders, in a buffer between guards -------------------------------------------------------------------------------

const GUARD: u32 = 32;
const GUARD_BYTE: u8 = 0xa5;
const guarded = memory.data(0x200000);
let capacity: u32 = 0;
let isGuarded = false;

function nextBuffer(): usize {
  capacity = <u32>nextUint();
  memory.fill(guarded, GUARD_BYTE, capacity + 2 * GUARD);
  isGuarded = true;
  return guarded + GUARD;
}

function checkGuards(): void {
  for (let i: u32 = 0; isGuarded && i < GUARD; i++) {
    if (load<u8>(guarded + i) != GUARD_BYTE) fail("a write below the buffer");
    if (load<u8>(guarded + GUARD + capacity + i) != GUARD_BYTE) fail("a write above the buffer");
  }
}

/** Links without attributes go to a Handle, the others to a Span. */
function doLink(): void {
  const handle = nextHandle();
  const count = <i32>nextUint();
  if (count == 0) {
    span.link(handle);
    return;
  }
  attributes = new Attributes(memory.data(0x40000), 0x40000);
  for (let i = 0; i < count; i++) useValue(LINK_ATTR);
  pretend(handle.traceIdHi, handle.traceIdLo, handle.spanId);
  span.link(startSpan(""), attributes);
}

function doRemote(): void {
  const handle = nextHandle();
  const flags = <u8>nextUint();
  span.remoteParent(handle, flags, nextText());
}

function printSpan(started: Span): void {
  print("handle " + started.traceIdHi.toString() + " " + started.traceIdLo.toString() + " " + started.spanId.toString() + " ");
}

function buildCommand(name: string): bool {
  if (name == "span") {
    const buffer = nextBuffer();
    const text = nextText();
    span = new SpanBuilder(text, <i32>nextUint(), buffer, capacity);
  } else if (name == "parent") span.parent(nextSpan());
  else if (name == "remote") doRemote();
  else if (name == "attr") useValue(ATTR);
  else if (name == "link") doLink();
  else if (name == "time") span.startTime(nextUint());
  else if (name == "start") printSpan(span.start());
  else if (name == "event") {
    const buffer = nextBuffer();
    event = new EventBuilder(nextText(), buffer, capacity);
  } else if (name == "event_attr") useValue(EVENT_ATTR);
  else if (name == "event_time") event.time(nextUint());
  else if (name == "add") event.addTo(nextSpan());
  else return false;
  return true;
}

// --- The short way ------------------------------------------------------------------------------------------------------

function doShortStart(isChild: bool): void {
  const name = nextText();
  const kind = <i32>nextUint();
  printSpan(isChild ? startSpan(name, kind, nextSpan()) : startSpan(name, kind));
}

function doShortUnderCurrent(): void {
  const name = nextText();
  const kind = <i32>nextUint();
  printSpan(startSpan(name, kind, currentSpan()));
}

function doSetTyped(): void {
  const on = nextSpan();
  on.set("str", "text");
  on.set("bool", true);
  on.set("i64", -1);
  on.set("f64", 0.5);
}

function doStatus(): void {
  const on = nextSpan();
  const code = <i32>nextUint();
  on.setStatus(code, nextText());
}

function shortCommand(name: string): bool {
  if (name == "short_child") doShortStart(true);
  else if (name == "short_root") doShortStart(false);
  else if (name == "short_under_current") doShortUnderCurrent();
  else if (name == "short_event") nextSpan().addEvent(nextText());
  else if (name == "set") {
    open = nextSpan();
    useValue(SET);
  } else if (name == "set_typed") doSetTyped();
  else if (name == "set_every_type") setEveryType(nextSpan());
  else if (name == "status") doStatus();
  else if (name == "ok") nextSpan().setOk();
  else if (name == "error") nextSpan().setError(nextText());
  else if (name == "end") nextSpan().end();
  else if (name == "end_at") nextSpan().endAt(nextUint());
  else return false;
  return true;
}

// --- Spans that are kept, each under a number ---------------------------------------------------------------------------

const kept = new StaticArray<u32>(0x4000);
const keptBuilders = new StaticArray<u32>(16);

function keptSpan(): Span {
  return changetype<Span>(kept[<i32>nextUint()]);
}

function doKeep(): void {
  const index = <i32>nextUint();
  kept[index] = changetype<u32>(nextSpan());
}

function doKeepCurrent(): void {
  const index = <i32>nextUint();
  kept[index] = changetype<u32>(currentSpan());
}

function keepCommand(name: string): bool {
  if (name == "keep") doKeep();
  else if (name == "keep_current") doKeepCurrent();
  else if (name == "kept") printSpan(keptSpan());
  else if (name == "kept_end") keptSpan().end();
  else if (name == "kept_ok") keptSpan().setOk();
  else if (name == "kept_child") printSpan(startSpan("child", 0, keptSpan()));
  else if (name == "kept_link") new SpanBuilder("linked").link(keptSpan()).start();
  else if (name == "kept_same") print(keptSpan() == keptSpan() ? "same" : "other");
  else if (name == "kept_handle") print(keptSpan().handle().equals(nextHandle()) ? "same" : "other");
  else if (name == "keep_builder") keptBuilders[<i32>nextUint()] = changetype<u32>(new SpanBuilder(nextText()));
  else if (name == "builder_attr") changetype<SpanBuilder>(keptBuilders[<i32>nextUint()]).set("k", 1);
  else if (name == "builder_start") printSpan(changetype<SpanBuilder>(keptBuilders[<i32>nextUint()]).start());
  else return false;
  return true;
}

// --- The host's answers, drops, memory, traceparent ---------------------------------------------------------------------

function doCurrent(): void {
  const current = currentSpan();
  if (current === null) {
    print("none");
    return;
  }
  print("some handle " + current.traceIdHi.toString() + " " + current.traceIdLo.toString() + " " + current.spanId.toString());
}

function doAnswer(): void {
  const handle = nextHandle();
  setAnswer(handle.traceIdHi, handle.traceIdLo, handle.spanId);
}

const blocks: usize[] = [];
const blockLengths: u32[] = [];

/** Fills each block with a byte of its own, so that two that overlap would show. */
function doAlloc(): void {
  const length = <u32>nextUint();
  const block = bext_alloc(length);
  if (block) memory.fill(block, <u8>blocks.length, length);
  if (block & 7) fail("a block that is not aligned");
  blocks.push(block);
  blockLengths.push(length);
  print(block ? "alloc some" : "alloc none");
}

function doFree(check: bool): void {
  const index = <i32>nextUint();
  for (let i: u32 = 0; check && blocks[index] && i < blockLengths[index]; i++) {
    if (load<u8>(blocks[index] + i) != <u8>index) fail("a block was overwritten");
  }
  bext_free(blocks[index], blockLengths[index]);
}

function doFreeForeign(): void {
  bext_free(guarded, 64);
  bext_free(0, 0);
  if (blocks.length > 0) bext_free(blocks[0] + 8, 8);
}

const ascii = memory.data(55);

/** Twice: of a Handle as a string, of a Span as bytes. */
function doFormat(): void {
  const handle = nextHandle();
  const sampled = nextUint() != 0;
  const text = handle.traceparent(sampled);
  pretend(handle.traceIdHi, handle.traceIdLo, handle.spanId);
  const written = startSpan("").writeTraceparent(ascii, sampled);
  if (written && String.UTF8.decodeUnsafe(ascii, 55) != text) fail("two forms of one traceparent");
  if (written == handle.isInvalid) fail("an INVALID traceparent");
  print("format " + (written ? "1 " : "0 ") + text);
}

function doParse(): void {
  const read = new Traceparent(7, 8, 9); // is left as it is where the text is not valid
  read.flags = 77;
  const text = nextText();
  const valid = read.read(text);
  const parsed = Traceparent.parse(text);
  if ((parsed !== null) != valid) fail("two readers that disagree");
  if (parsed !== null && (!parsed.equals(read) || parsed.flags != read.flags)) fail("two readers that read otherwise");
  const words = [read.traceIdHi.toString(), read.traceIdLo.toString(), read.spanId.toString()].join(" ");
  print("parse " + (valid ? "1 " : "0 ") + read.flags.toString() + " handle " + words);
}

function otherCommand(name: string): bool {
  if (name == "answer") doAnswer();
  else if (name == "has_current") setHasCurrent(<u32>nextUint());
  else if (name == "current") doCurrent();
  else if (name == "dropped") print("dropped " + dropped().toString());
  else if (name == "alloc") doAlloc();
  else if (name == "free") doFree(true);
  else if (name == "free_again") doFree(false);
  else if (name == "free_foreign") doFreeForeign();
  else if (name == "format") doFormat();
  else if (name == "parse") doParse();
  else if (name == "use_nul") nextUint(); // strings have a length here
  else return false;
  return true;
}

/** Do all of the commands. */
export function run(): void {
  while (seek()) {
    const name = nextWord();
    if (!buildCommand(name) && !shortCommand(name) && !keepCommand(name) && !otherCommand(name)) fail(name);
    checkGuards();
  }
}
