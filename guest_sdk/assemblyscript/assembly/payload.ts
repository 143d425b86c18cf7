/**
 * A payload in the making. Its buffer holds a byte for the map's header, then the fields in the order of the ABI; a field
 * that is not set takes no bytes. What is new is written behind the last field, where the room is, and then rotated to its
 * place. So nothing moves while it may still fail to fit, and nothing at all where the calls come in the ABI's order.
 */
import { BEXT_MAX_TIME_UNIX_NANOS, BEXT_PARENT_FLAGS_DEFAULT } from "./abi";
import { drop } from "./drops";
import { BUFFER_SIZE } from "./options";
import { isInvalidAt } from "./slots";
import { at, left, LIST, MAP, put, putAttribute, putByte, putBytes, putHead, putText, putUint, sizeOf, spoil, writeTo } from "./writer";

// The fields of spans and of events; PARENT has parent_is_remote and parent_flags with it.
const NAME: u32 = 0;
const KIND: u32 = 1;
const PARENT: u32 = 2;
const TRACE_STATE: u32 = 3;
const ATTRIBUTES: u32 = 4;
const LINKS: u32 = 5;
const TIME: u32 = 6;
const FIELDS: u32 = 7;

/** Flags of a parent that is no remote one. */
export const LOCAL: i32 = -1;

/** The names of fields, each with its msgpack header. */
// prettier-ignore
const names = memory.data<u8>([
  0xa4, 0x6e, 0x61, 0x6d, 0x65, // name
  0xa4, 0x6b, 0x69, 0x6e, 0x64, // kind
  0xa6, 0x70, 0x61, 0x72, 0x65, 0x6e, 0x74, // parent
  0xb0, 0x70, 0x61, 0x72, 0x65, 0x6e, 0x74, 0x5f, 0x69, 0x73, 0x5f, 0x72, 0x65, 0x6d, 0x6f, 0x74, 0x65, // parent_is_remote
  0xac, 0x70, 0x61, 0x72, 0x65, 0x6e, 0x74, 0x5f, 0x66, 0x6c, 0x61, 0x67, 0x73, // parent_flags
  0xab, 0x74, 0x72, 0x61, 0x63, 0x65, 0x5f, 0x73, 0x74, 0x61, 0x74, 0x65, // trace_state
  0xaa, 0x61, 0x74, 0x74, 0x72, 0x69, 0x62, 0x75, 0x74, 0x65, 0x73, // attributes
  0xa5, 0x6c, 0x69, 0x6e, 0x6b, 0x73, // links
  0xb5, 0x73, 0x74, 0x61, 0x72, 0x74, 0x5f, 0x74, 0x69, 0x6d, 0x65, 0x5f, 0x75, 0x6e, 0x69, 0x78, 0x5f, 0x6e, 0x61, 0x6e, 0x6f, 0x73, // start_time_unix_nanos
  0xaf, 0x74, 0x69, 0x6d, 0x65, 0x5f, 0x75, 0x6e, 0x69, 0x78, 0x5f, 0x6e, 0x61, 0x6e, 0x6f, 0x73, // time_unix_nanos
  0xa6, 0x68, 0x61, 0x6e, 0x64, 0x6c, 0x65, // handle
  0xa4, 0x63, 0x6f, 0x64, 0x65, // code
  0xa7, 0x6d, 0x65, 0x73, 0x73, 0x61, 0x67, 0x65, // message
]);
const NAME_NAME: u32 = 0;
const KIND_NAME: u32 = 5;
const PARENT_NAME: u32 = 10;
const PARENT_IS_REMOTE_NAME: u32 = 17;
const PARENT_FLAGS_NAME: u32 = 34;
const TRACE_STATE_NAME: u32 = 47;
const ATTRIBUTES_NAME: u32 = 59;
const LINKS_NAME: u32 = 70;
export const START_TIME_NAME: u32 = 76;
export const TIME_NAME: u32 = 98;
const HANDLE_NAME: u32 = 114;
export const CODE_NAME: u32 = 121;
export const MESSAGE_NAME: u32 = 126;

/** Write a field's name. */
export function putName(name: u32): void {
  putBytes(names + name, 1 + (load<u8>(names + name) & 31));
}

function putHandle(handle: usize): void {
  putByte(0x93);
  for (let i = 0; i < 3; i++) {
    putUint(load<u64>(handle));
    handle += 8;
  }
}

/** Its fields are private to the SDK. */
@unmanaged
@final
export class Payload {
  /** The builder that has it. */
  number: u32;
  bytes: usize;
  capacity: u32;
  attributes: u32;
  links: u32;
  /** How many fields say that the parent is remote. */
  remote: u32;
  /** Whether it is below a span that was not sampled. */
  unsampled: u32;
  /** When its builder was last used; 0 once it was handed over. */
  touched: u32;
  /** Where each field starts, and the end: 8 numbers from here on. */
  bounds: u32;
}

const PAYLOAD_SIZE: u32 = 64;
/** Builders that can be open at a time; a power of two. */
const BUILDERS: u32 = 4;

const payloads = memory.data((BUILDERS + 1) * PAYLOAD_SIZE, 8);
const buffers = memory.data((BUILDERS + 1) * BUFFER_SIZE, 8);

/** The smallest payload of all, an empty name, which builders with a smaller buffer share. */
const SMALLEST: u32 = 7;
const smallest = memory.data(SMALLEST);

/** In a buffer that is not tiny the name leaves room for what matters more than its tail: kind, parent, start time. */
const NAME_SPARE: u32 = 128;

/** How often a builder was begun or used. */
let clock: u32 = 0;

// @ts-ignore: decorator
@inline
function payloadAt(index: u32): Payload {
  if (BUFFER_SIZE < 256) ERROR("BEXT_TRACER_BUFFER_SIZE must be at least 256");
  return changetype<Payload>(payloads + index * PAYLOAD_SIZE);
}

function boundOf(payload: Payload, field: u32): u32 {
  return load<u32>(changetype<usize>(payload) + field * 4, offsetof<Payload>("bounds"));
}

function sizeOfPayload(payload: Payload): u32 {
  return boundOf(payload, FIELDS);
}

function resize(payload: Payload, field: u32, growth: u32): void {
  const bounds = changetype<usize>(payload) + offsetof<Payload>("bounds");
  while (++field <= FIELDS) store<u32>(bounds + field * 4, load<u32>(bounds + field * 4) + growth);
}

function reverse(from: usize, to: usize): void {
  while (from < --to) {
    const byte = load<u8>(from);
    store<u8>(from++, load<u8>(to));
    store<u8>(to, byte);
  }
}

/** Swaps the first `leftBytes` with the `rightBytes` behind them. */
function rotate(bytes: usize, leftBytes: u32, rightBytes: u32): void {
  if (!leftBytes || !rightBytes) return;
  const middle = bytes + leftBytes;
  const end = middle + rightBytes;
  reverse(bytes, middle);
  reverse(middle, end);
  reverse(bytes, end);
}

/** Begin to write what a field gets, behind the payload; `close` gives it to the field. */
function open(payload: Payload): void {
  const size = sizeOfPayload(payload);
  writeTo(payload.bytes + size, payload.capacity - size);
}

/** Add what was written to the end of a field; where it did not fit, false, and it is counted. */
function close(payload: Payload, field: u32): bool {
  const end = boundOf(payload, field + 1);
  const size = sizeOfPayload(payload);
  const length = <u32>(at - payload.bytes) - size;
  if (left < 0) {
    drop();
    return false;
  }
  rotate(payload.bytes + end, size - end, length);
  resize(payload, field, length);
  return true;
}

/** Take a field out, by rotating it behind the payload. */
function clear(payload: Payload, field: u32): void {
  const start = boundOf(payload, field);
  const end = boundOf(payload, field + 1);
  if (start == end) return;
  rotate(payload.bytes + start, end - start, sizeOfPayload(payload) - end);
  resize(payload, field, start - end);
}

// --- Which payload ----------------------------------------------------------------------------------------------------

/** The payload behind the calls without a builder. */
export function scratch(): Payload {
  return payloadAt(BUILDERS);
}

/** Begin to write a payload that needs no builder. */
export function writeToScratch(): void {
  writeTo(buffers + BUILDERS * BUFFER_SIZE, BUFFER_SIZE);
}

/** How much was written since; it stands at `at` less this. */
export function written(): u32 {
  return <u32>(at - buffers) - BUILDERS * BUFFER_SIZE;
}

/** A new builder's number. It takes a payload that was handed over, else the one that was not used for longest. */
export function newBuilder(buffer: usize, capacity: u32): u32 {
  let index: u32 = 0;
  for (let other: u32 = 1; other < BUILDERS; other++) {
    if (payloadAt(other).touched < payloadAt(index).touched) index = other;
  }
  const payload = payloadAt(index);
  begin(payload, buffer ? buffer : buffers + index * BUFFER_SIZE, buffer ? capacity : BUFFER_SIZE);
  payload.touched = ++clock;
  payload.number = clock * BUILDERS + index;
  return payload.number;
}

/** A builder's payload; null, and counted, where another builder has taken it. */
export function payloadOf(builder: u32): Payload | null {
  const payload = payloadAt(builder & (BUILDERS - 1));
  if (payload.number == builder) {
    payload.touched = ++clock;
    return payload;
  }
  drop();
  return null;
}

// --- Fields -----------------------------------------------------------------------------------------------------------

function begin(payload: Payload, buffer: usize, capacity: u32): void {
  const usable = capacity >= SMALLEST;
  memory.fill(changetype<usize>(payload), 0, PAYLOAD_SIZE);
  payload.bytes = usable ? buffer : smallest;
  payload.capacity = usable ? min<u32>(capacity, i32.MAX_VALUE) : SMALLEST;
  resize(payload, <u32>-1, 1);
}

/** Give it its name, the string at `text`, and its kind, 0 for an event. */
export function setName(payload: Payload, text: usize, kind: u32): void {
  open(payload);
  if (payload.capacity >= 2 * NAME_SPARE) writeTo(at, left - NAME_SPARE);
  putName(NAME_NAME);
  putText(text, true);
  close(payload, NAME);
  if (kind - 1 >= 4) return; // internal, or none that is known
  open(payload);
  putName(KIND_NAME);
  putByte(kind);
  close(payload, KIND);
}

/** Set the parent: the handle at `parent`, 0 for none, with flags and tracestate where it is remote. */
export function setParent(payload: Payload, parent: usize, flags: i32, traceState: usize): void {
  clear(payload, PARENT);
  clear(payload, TRACE_STATE);
  payload.remote = 0;
  const isRemote = flags != LOCAL;
  const isInvalid = parent && isInvalidAt(parent);
  payload.unsampled = u32(isInvalid && !isRemote);
  if (!parent || isInvalid) return;
  open(payload);
  putName(PARENT_NAME);
  putHandle(parent);
  if (isRemote) {
    putName(PARENT_IS_REMOTE_NAME);
    putByte(0xc3);
    if (flags != BEXT_PARENT_FLAGS_DEFAULT) {
      putName(PARENT_FLAGS_NAME);
      putUint(flags);
    }
  }
  if (!close(payload, PARENT) || !isRemote) return;
  payload.remote = flags == BEXT_PARENT_FLAGS_DEFAULT ? 1 : 2;
  if (!traceState || !sizeOf(traceState)) return;
  open(payload);
  putName(TRACE_STATE_NAME);
  putText(traceState, false);
  close(payload, TRACE_STATE);
}

/** Set the time, under the name that spans or events have for it. */
export function setTime(payload: Payload, name: u32, nanos: u64): void {
  clear(payload, TIME);
  if (!nanos) return;
  open(payload);
  if (nanos > BEXT_MAX_TIME_UNIX_NANOS) spoil();
  putName(name);
  putUint(nanos);
  close(payload, TIME);
}

// --- Attributes and links: fields that grow by an item ----------------------------------------------------------------

/** Begin an item of a field that has `items`, with the field's name and its header where it is the first. */
function openItem(payload: Payload, items: u32, name: u32): void {
  open(payload);
  if (items == <u32>u16.MAX_VALUE) spoil();
  if (items) return;
  putName(name);
  putByte(0);
}

/** Add what was written; returns how many items there are now. `nameSize` is the field's name with its header. */
function closeItem(payload: Payload, field: u32, items: u32, nameSize: u32, fixed: u32): u32 {
  if (items == 15) put(0, 0, 1); // the header grows
  if (!close(payload, field)) return items;
  items++;
  const start = payload.bytes + boundOf(payload, field);
  const header = start + nameSize;
  if (items <= 15) {
    store<u8>(header, fixed | items);
    return items;
  }
  if (items == 16) rotate(header, <u32>(payload.bytes + boundOf(payload, field + 1) - header) - 2, 2);
  store<u8>(header, fixed == 0x90 ? 0xdc : 0xde);
  store<u16>(header, bswap<u16>(<u16>items), 1);
  return items;
}

/** Add an attribute, as `putAttribute` writes it. */
export function addAttribute(builder: u32, key: usize, type: u32, count: u32, bits: u64): void {
  const payload = payloadOf(builder);
  if (!payload) return;
  openItem(payload, payload.attributes, ATTRIBUTES_NAME);
  putAttribute(key, type, count, bits);
  payload.attributes = closeItem(payload, ATTRIBUTES, payload.attributes, 11, 0x80);
}

/** Add a link to the handle at `other`, with the attributes of another builder (0 for none). */
export function addLink(builder: u32, other: usize, attributes: u32): void {
  const payload = payloadOf(builder);
  if (!payload || isInvalidAt(other)) return;
  const from = attributes ? payloadOf(attributes) : null;
  const count = from ? from.attributes : 0;
  if (from) from.touched = 0;
  openItem(payload, payload.links, LINKS_NAME);
  putByte(count ? 0x82 : 0x81);
  putName(HANDLE_NAME);
  putHandle(other);
  if (from && count) putBytes(from.bytes + boundOf(from, ATTRIBUTES), boundOf(from, LINKS) - boundOf(from, ATTRIBUTES));
  payload.links = closeItem(payload, LINKS, payload.links, 6, 0x90);
}

/** Write the map's header, the last thing that was missing. Returns the payload's length. */
export function finish(payload: Payload): u32 {
  let fields = payload.remote;
  for (let field: u32 = 0; field < FIELDS; field++) {
    if (boundOf(payload, field) != boundOf(payload, field + 1)) fields++;
  }
  store<u8>(payload.bytes, 0x80 | fields);
  return sizeOfPayload(payload);
}

/** A payload in the scratch buffer with a name and a kind. */
export function beginScratch(text: usize, kind: u32): Payload {
  const payload = scratch();
  begin(payload, buffers + BUILDERS * BUFFER_SIZE, BUFFER_SIZE);
  setName(payload, text, kind);
  return payload;
}
