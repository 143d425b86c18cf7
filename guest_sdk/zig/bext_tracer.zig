//! Tracing for WebAssembly plugins in Zig: the bext tracer ABI, version 1 (abi/ABI.md).
//!
//! One file that needs nothing: no allocator, no std, no imports beyond the six of the ABI.
//!
//!     const tracer = @import("bext_tracer");
//!
//!     const span = tracer.start("GET /", .{ .kind = .server });
//!     defer span.end();
//!     span.set("http.route", "/");
//!
//! Rules that hold for every function:
//! - Nothing fails, panics or traps. What cannot be recorded is left out, and `dropped` counts it.
//! - On an invalid handle (a span that was not sampled) nothing is called and nothing counted.
//! - Text is UTF-8; each ill-formed maximal subsequence is replaced by U+FFFD.
//! - The bytes are the ABI's canonical encoding.
//! - One thread only, as a WebAssembly instance has.
//!
//! Use it in any file of the guest, and the guest exports the marker `bext_tracer_abi_v1`, and `bext_alloc` and `bext_free`, through
//! which the host hands over a hook's arguments. Build with `-rdynamic`: without it the linker leaves exports out.

const builtin = @import("builtin");
const root = @import("root");

// --- Configuration --------------------------------------------------------------------------------------------------

/// What a guest can choose, in its root file: `pub const bext_tracer_options: tracer.Options = .{ .scratch_size = 1024 };`
pub const Options = struct {
    /// Bytes of the buffer in which payloads are written unless a call brings its own; at least 256.
    scratch_size: usize = 4096,
    /// Bytes behind `bext_alloc`. 0: none, and the guest exports its own `bext_alloc` and `bext_free`.
    arena_size: usize = 65536,
};

/// The options of this guest.
pub const options: Options = if (@hasDecl(root, "bext_tracer_options")) root.bext_tracer_options else .{};

/// Buffers below this size are not used.
const smallest_buffer = 256;

comptime {
    if (options.scratch_size < smallest_buffer) @compileError("bext_tracer_options: scratch_size is at least 256");
}

// --- Spans ----------------------------------------------------------------------------------------------------------

/// A span, as a plain value: copy it, keep it, pass it as a parent. Ids as numbers, the first byte of the W3C form on top.
pub const Handle = extern struct {
    trace_id_hi: u64,
    trace_id_lo: u64,
    span_id: u64,

    /// The handle of a span that was not sampled.
    pub const invalid: Handle = .{ .trace_id_hi = 0, .trace_id_lo = 0, .span_id = 0 };

    /// True for a zero trace id or a zero span id.
    pub inline fn isInvalid(span: *const Handle) bool {
        return (span.trace_id_hi | span.trace_id_lo) == 0 or span.span_id == 0;
    }

    /// Set one attribute, or overwrite it. The type of `value` picks one of the ABI's eight, as `Value.init` says; here an array may
    /// also be passed by value. Dropped and counted where it does not fit into the scratch buffer. The host drops an empty key, and
    /// keys that start with `bext.`.
    pub fn set(span: *const Handle, key: []const u8, value: anytype) void {
        record(.set_attribute, span, key, .unset, &if (@typeInfo(@TypeOf(value)) == .array) Value.init(&value) else Value.init(value));
    }

    /// Set the status. The host keeps the message of an error only; ok is final, unset never overwrites. A message too long for the
    /// scratch buffer is cut at a character and counted.
    pub fn setStatus(span: *const Handle, code: StatusCode, message: []const u8) void {
        record(.set_status, span, message, code, span);
    }

    /// The status ok.
    pub fn setOk(span: *const Handle) void {
        setStatus(span, .ok, "");
    }

    /// The status error, and why.
    pub fn setError(span: *const Handle, message: []const u8) void {
        setStatus(span, .@"error", message);
    }

    /// Add something that happened at one point in time.
    pub fn addEvent(span: *const Handle, name: []const u8, event: Event) void {
        record(.add_event, span, name, .unset, &event);
    }

    /// End the span on the host's clock.
    pub fn end(span: *const Handle) void {
        endAt(span, 0);
    }

    /// End the span at a time in nanoseconds since 1970. The host takes 0 and times above 2^63-1 as its clock.
    pub fn endAt(span: *const Handle, time: u64) void {
        if (isInvalid(span)) return;
        imports.end_span(span.trace_id_hi, span.trace_id_lo, span.span_id, time);
    }

    /// The span as a W3C traceparent of version 00; null for an invalid handle.
    pub fn traceparent(span: *const Handle, sampled: bool) ?[55]u8 {
        if (isInvalid(span)) return null;
        var numbers = [5]u64{ 0, span.trace_id_hi, span.trace_id_lo, span.span_id, @as(u64, @intFromBool(sampled)) << 56 };
        var text: [55]u8 = undefined;
        for (&text, traceparent_form) |*character, place| {
            character.* = place;
            if (place == '-') continue;
            const number = &numbers[place - '0'];
            character.* = "0123456789abcdef"[@as(u4, @truncate(number.* >> 60))];
            number.* <<= 4;
        }
        return text;
    }
};

/// What a span is to its neighbours.
pub const Kind = enum(u8) { internal = 0, server = 1, client = 2, producer = 3, consumer = 4 };

/// How a span went.
pub const StatusCode = enum(u8) { unset = 0, ok = 1, @"error" = 2 };

/// Everything about a new span but its name.
pub const Start = struct {
    kind: Kind = .internal,
    /// `.current`, `.root`, `.of(span)`, `.remote(context)` or `.fromTraceparent(header, tracestate)`.
    parent: Parent = .current,
    /// `&.{ .init("http.route", "/"), .init("n", 3) }`. Of two with the same key the host takes the last value. One that does not
    /// fit is dropped alone and counted.
    attributes: []const Attribute = &.{},
    /// One that does not fit is dropped as a whole, and counted once; one to an invalid handle is skipped.
    links: []const Link = &.{},
    /// Nanoseconds since 1970; 0 is the host's clock. A time above 2^63-1 is dropped and counted.
    start_time: u64 = 0,
    /// Where the payload is written, for spans that need more than the scratch buffer. Below 256 bytes it is not used.
    buffer: []u8 = &.{},
};

/// Everything about an event but its name.
pub const Event = struct {
    /// As of a span.
    attributes: []const Attribute = &.{},
    /// As a span's `start_time`.
    time: u64 = 0,
    /// As of a span.
    buffer: []u8 = &.{},
};

/// What stands above a new span.
pub const Parent = struct {
    source: enum { current, root, span, remote },
    context: TraceContext = .{ .handle = .invalid },

    /// The host's span round the running call; nothing where there is none.
    pub const current: Parent = .{ .source = .current };

    /// Nothing: the span starts a new trace.
    pub const root: Parent = .{ .source = .root };

    /// A span of this guest, or what `currentSpan` told. Below an invalid one the new span is invalid, without a host call.
    pub inline fn of(span: Handle) Parent {
        return .{ .source = .span, .context = .{ .handle = span } };
    }

    /// A span of another process. The host's policy decides what becomes of it; an invalid handle counts as no parent.
    pub inline fn remote(context: TraceContext) Parent {
        return .{ .source = .remote, .context = context };
    }

    /// What a request's headers name, or nothing where `traceparent` is none. `trace_state` is "" where there is no such header.
    pub fn fromTraceparent(traceparent: []const u8, trace_state: []const u8) Parent {
        var parent: Parent = .{ .source = .remote, .context = .{ .handle = .invalid, .trace_state = trace_state } };
        if (!parent.context.read(traceparent)) parent.source = .root;
        return parent;
    }
};

/// What W3C Trace Context tells of a span in another process.
pub const TraceContext = struct {
    handle: Handle,
    /// trace-flags; only bit 0, sampled, has a meaning.
    flags: u8 = 1,
    /// tracestate, "" for none. Where it does not fit it is dropped and counted.
    trace_state: []const u8 = "",

    /// Read a traceparent; null for everything that is none. A version above 00 may carry more fields, which are ignored.
    pub fn parse(text: []const u8) ?TraceContext {
        var context: TraceContext = .{ .handle = .invalid };
        return if (context.read(text)) context else null;
    }

    fn read(context: *TraceContext, text: []const u8) bool {
        if (text.len < traceparent_form.len) return false;
        var numbers: [5]u64 = @splat(0);
        for (text[0..traceparent_form.len], traceparent_form) |character, place| {
            if (place == '-') {
                if (character != '-') return false;
                continue;
            }
            var digit = character -% '0';
            if (digit > 9) {
                digit = character -% ('a' - 10);
                if (digit < 10 or digit > 15) return false;
            }
            const number = &numbers[place - '0'];
            number.* = number.* << 4 | digit;
        }
        context.handle = .{ .trace_id_hi = numbers[1], .trace_id_lo = numbers[2], .span_id = numbers[3] };
        context.flags = @truncate(numbers[4]);
        if (text.len > traceparent_form.len and (numbers[0] == 0 or text[55] != '-')) return false;
        return numbers[0] != 0xff and !context.handle.isInvalid();
    }
};

/// A traceparent: of each digit, which of its numbers it belongs to.
const traceparent_form = "00-11111111111111112222222222222222-3333333333333333-44";

/// A span that has to do with a new one without being its parent.
pub const Link = struct {
    handle: Handle,
    attributes: []const Attribute = &.{},
};

/// Start a span, on the host's clock unless `.start_time` says otherwise. Returns its handle: invalid where it is not sampled.
/// A name too long for the buffer is cut at a character and counted; it leaves room for kind, parent and start time, which always fit.
pub fn start(name: []const u8, span: Start) Handle {
    const context = &span.parent.context;
    // First the parent, then the span: `.root` and a remote parent that is invalid leave none.
    var handle = context.handle;
    const is_below = switch (span.parent.source) {
        .current => imports.current_span(&handle) != 0,
        .span => true,
        .root, .remote => false,
    };
    const is_root = handle.isInvalid();
    if (is_root and is_below) return .invalid;
    var writer: Writer = undefined;
    writer.open(span.buffer);
    writer.title(name);
    if (span.kind != .internal) writer.numberField("\xa4kind", @backingInt(span.kind));
    if (!is_root) {
        writer.named("\xa6parent");
        writer.ids(&handle);
        if (span.parent.source == .remote) {
            writer.named("\xb0parent_is_remote\xc3");
            if (context.flags != 1) writer.numberField("\xacparent_flags", context.flags);
            if (context.trace_state.len != 0) writer.textField("\xabtrace_state", context.trace_state, no_limit);
        }
    }
    writer.items(.attribute, span.attributes.ptr, span.attributes.len);
    writer.items(.link, span.links.ptr, span.links.len);
    writer.time("\xb5start_time_unix_nanos", span.start_time);
    imports.start_span(writer.finish(), @intCast(writer.len), &handle);
    return handle;
}

/// The host's span round the running call: null where there is none, invalid where it was not sampled. You may add to that span, but
/// only the host ends it.
pub fn currentSpan() ?Handle {
    var handle: Handle = .invalid;
    return if (imports.current_span(&handle) == 0) null else handle;
}

/// How many pieces this SDK dropped or cut since the instance started. Stays at 2^32-1. What the host drops, the host counts.
pub fn dropped() u32 {
    return drops;
}

// --- Attributes -----------------------------------------------------------------------------------------------------

/// A key and its value. It borrows text and items, which must outlive its use.
pub const Attribute = struct {
    key: []const u8,
    value: Value,

    /// `value` as in `Value.init`.
    pub inline fn init(key: []const u8, value: anytype) Attribute {
        const made: Attribute = .{ .key = key, .value = .init(value) };
        return made; // through a constant, so that it is known at compile time where `value` is; the same below
    }
};

/// An attribute's value: one of the ABI's eight types. It borrows text and items, which must outlive its use.
pub const Value = union(enum) {
    str: []const u8,
    bool: bool,
    i64: i64,
    f64: f64,
    str_array: []const []const u8,
    bool_array: []const bool,
    i64_array: []const i64,
    f64_array: []const f64,

    /// The value of any type that has one place among the eight; all others are compile errors that say what to do.
    ///
    ///     text            []const u8, "literal", *const [N]u8
    ///     bool            bool
    ///     integer         every type whose numbers fit i64, and literals that do
    ///     float           f16, f32, f64, literals
    ///     array           slices of, or pointers to arrays of: []const u8, bool, i64, f64
    ///     literal array   &.{ "a", "b" }, &.{ 1, 2 }, &.{}
    ///     Value           itself
    pub inline fn init(value: anytype) Value {
        const T = @TypeOf(value);
        if (T == Value) return value;
        const made: Value = switch (@typeInfo(T)) {
            .bool => .{ .bool = value },
            .int, .comptime_int => .{ .i64 = asI64(value) },
            .float, .comptime_float => .{ .f64 = asF64(value) },
            .pointer => fromPointer(value),
            .array => @compileError("an attribute borrows its items: pass a pointer to the array, &items"),
            .optional => @compileError("an attribute is no optional, " ++ @typeName(T) ++ ": unwrap it first"),
            .@"enum", .enum_literal => @compileError("an attribute is no enum, " ++ @typeName(T) ++ ": pass @tagName(...) or @backingInt(...)"),
            else => refuse(T),
        };
        return made;
    }

    inline fn asI64(value: anytype) i64 {
        switch (@typeInfo(@TypeOf(value))) {
            .int => |int| if (int.bits > 64 or (int.bits == 64 and int.signedness == .unsigned))
                @compileError("not every " ++ @typeName(@TypeOf(value)) ++ " fits i64, which an attribute is: convert it first"),
            else => if (value < -(1 << 63) or value >= 1 << 63)
                @compileError("an integer attribute is an i64: this literal is out of range"),
        }
        return value;
    }

    inline fn asF64(value: anytype) f64 {
        const T = @TypeOf(value);
        if (@typeInfo(T) == .float and @bitSizeOf(T) > 64)
            @compileError("not every " ++ @typeName(T) ++ " fits f64, which an attribute is: convert it first");
        return value;
    }

    inline fn fromPointer(value: anytype) Value {
        const T = @TypeOf(value);
        const pointer = @typeInfo(T).pointer;
        const Child = switch (pointer.size) {
            .slice => pointer.child,
            .one => switch (@typeInfo(pointer.child)) {
                .array => |array| array.child,
                .@"struct" => |items| if (items.is_tuple) return fromTuple(pointer.child) else refuse(T),
                else => refuse(T),
            },
            .many, .c => @compileError(@typeName(T) ++ " has no length, which an attribute needs: pass a slice, as std.mem.span(...) makes one"),
        };
        const made: Value = switch (Child) {
            u8 => .{ .str = value },
            bool => .{ .bool_array = value },
            i64 => .{ .i64_array = value },
            f64 => .{ .f64_array = value },
            []const u8, []u8 => .{ .str_array = value },
            else => refuse(T),
        };
        return made;
    }

    /// The items of a literal array are constants, so that they can stand in an array of their own.
    inline fn fromTuple(comptime Tuple: type) Value {
        const info = @typeInfo(Tuple).@"struct";
        if (info.field_types.len == 0) return .{ .i64_array = &.{} };
        inline for (info.field_attrs) |attrs| if (!attrs.@"comptime")
            @compileError("the items of an array literal are constants here: give it a type, such as &[_]i64{ ... }");
        const made: Value = switch (@typeInfo(info.field_types[0])) {
            .bool => .{ .bool_array = constants(bool, Tuple) },
            .int, .comptime_int => .{ .i64_array = constants(i64, Tuple) },
            .float, .comptime_float => .{ .f64_array = constants(f64, Tuple) },
            else => .{ .str_array = constants([]const u8, Tuple) },
        };
        return made;
    }

    inline fn constants(comptime Child: type, comptime Tuple: type) []const Child {
        const info = @typeInfo(Tuple).@"struct";
        const items = comptime blk: {
            var items: [info.field_types.len]Child = undefined;
            for (&items, info.field_types, info.field_attrs) |*item, T, attrs| item.* = attrs.defaultValue(T).?;
            break :blk items;
        };
        return &items;
    }

    inline fn refuse(comptime T: type) noreturn {
        @compileError(@typeName(T) ++ " is no attribute: those are text ([]const u8), bool, integers that fit i64, f64, " ++
            "and slices of []const u8, bool, i64 or f64");
    }
};

// --- The host -------------------------------------------------------------------------------------------------------

/// Natively the imports are plain functions, which a test brings along.
const imports = if (builtin.cpu.arch.isWasm()) struct {
    extern "bext" fn start_span(span_ptr: [*]const u8, span_len: u32, handle_out: *Handle) void;
    extern "bext" fn set_attribute(hi: u64, lo: u64, id: u64, attribute_ptr: [*]const u8, attribute_len: u32) void;
    extern "bext" fn set_status(hi: u64, lo: u64, id: u64, status_ptr: [*]const u8, status_len: u32) void;
    extern "bext" fn add_event(hi: u64, lo: u64, id: u64, event_ptr: [*]const u8, event_len: u32) void;
    extern "bext" fn end_span(hi: u64, lo: u64, id: u64, end_time_unix_nanos: u64) void;
    extern "bext" fn current_span(handle_out: *Handle) u32;
} else struct {
    extern fn bext_abi_start_span(span_ptr: [*]const u8, span_len: u32, handle_out: *Handle) void;
    extern fn bext_abi_set_attribute(hi: u64, lo: u64, id: u64, attribute_ptr: [*]const u8, attribute_len: u32) void;
    extern fn bext_abi_set_status(hi: u64, lo: u64, id: u64, status_ptr: [*]const u8, status_len: u32) void;
    extern fn bext_abi_add_event(hi: u64, lo: u64, id: u64, event_ptr: [*]const u8, event_len: u32) void;
    extern fn bext_abi_end_span(hi: u64, lo: u64, id: u64, end_time_unix_nanos: u64) void;
    extern fn bext_abi_current_span(handle_out: *Handle) u32;

    const start_span = bext_abi_start_span;
    const set_attribute = bext_abi_set_attribute;
    const set_status = bext_abi_set_status;
    const add_event = bext_abi_add_event;
    const end_span = bext_abi_end_span;
    const current_span = bext_abi_current_span;
};

/// The marker export: this guest speaks version 1. The host never calls it.
export fn bext_tracer_abi_v1() void {}

comptime {
    if (options.arena_size != 0) {
        @export(&arena.alloc, .{ .name = "bext_alloc" });
        @export(&arena.free, .{ .name = "bext_free" });
    }
}

/// A stack of blocks that starts anew once all are given back, as the host does after each hook.
const arena = struct {
    const unit = 8;
    var bytes: [options.arena_size]u8 align(unit) = undefined;
    var used: u32 = 0;
    var blocks: u32 = 0;

    /// `length` bytes, aligned to 8; null where the arena is full or `length` is 0.
    fn alloc(length: u32) callconv(.c) ?[*]u8 {
        const padding = -%used % unit;
        if (length == 0 or padding > bytes.len - used or length > bytes.len - used - padding) return null;
        const block = bytes[used + padding ..].ptr;
        used += padding + length;
        blocks += 1;
        return block;
    }

    fn free(block: ?*const anyopaque, length: u32) callconv(.c) void {
        _ = .{ block, length };
        blocks -|= 1;
        if (blocks == 0) used = 0;
    }
};

// --- Payloads -------------------------------------------------------------------------------------------------------

var scratch: [options.scratch_size]u8 = undefined;
var drops: u32 = 0;

noinline fn drop() void {
    drops +|= 1;
}

const Call = enum { set_attribute, set_status, add_event };

/// The three calls that add to a span; `more` is a Value or an Event.
noinline fn record(call: Call, span: *const Handle, text: []const u8, code: StatusCode, more: *const anyopaque) void {
    if (span.isInvalid()) return;
    var writer: Writer = undefined;
    switch (call) {
        .set_attribute => {
            writer.open(&.{});
            writer.pair(text, cast(Value, more));
            writer.buffer[0] = 0x92;
            if (writer.keepFrom(0)) imports.set_attribute(span.trace_id_hi, span.trace_id_lo, span.span_id, &scratch, @intCast(writer.len));
        },
        .set_status => {
            writer.open(&.{});
            writer.numberField("\xa4code", @backingInt(code));
            if (text.len != 0) writer.textField("\xa7message", text, options.scratch_size - spare - 20);
            imports.set_status(span.trace_id_hi, span.trace_id_lo, span.span_id, writer.finish(), @intCast(writer.len));
        },
        .add_event => {
            const event = cast(Event, more);
            writer.open(event.buffer);
            writer.title(text);
            writer.items(.attribute, event.attributes.ptr, event.attributes.len);
            writer.time("\xaftime_unix_nanos", event.time);
            imports.add_event(span.trace_id_hi, span.trace_id_lo, span.span_id, writer.finish(), @intCast(writer.len));
        },
    }
}

/// What a span's or event's name leaves of the buffer: kind and parent take up to 74 bytes, then there is `spare`.
const name_spare = 144;

/// What all else leaves of it: twice `list_spare`, and the time, whose name and number take up to 31 bytes.
const spare = 64;

/// What the name and the header of attributes, or of links, take, so that only their items may not fit.
const list_spare = 16;

/// What an item is: the scalars in the order of `Value`, and what only structs are made of.
const Item = enum(u8) { str, bool, i64, f64, u64, attribute, link };

/// The forms of msgpack that begin with a number: a small one is in the first byte, others are behind it in 1, 2, 4 or 8 bytes.
const Form = enum(u8) {
    uint,
    negative,
    str,
    array,
    map,

    const fix = [_]u8{ 0x00, 0xe0, 0xa0, 0x90, 0x80 };
    const fix_max = [_]u8{ 127, 63, 31, 15, 15 };
    /// The first byte of the form with 1 byte, whether or not there is one; those of 2, 4 and 8 bytes follow it.
    const wide = [_]u8{ 0xcc, 0xd0, 0xd9, 0xdb, 0xdd };
    const narrowest = [_]u8{ 1, 1, 1, 2, 2 };

    /// How many bytes of a number stand behind the first byte.
    fn width(form: Form, number: u64) u32 {
        const i = @backingInt(form);
        if (number <= fix_max[i]) return 0;
        var bytes: u32 = narrowest[i];
        while (bytes < 8 and number >> @intCast(8 * bytes) != 0) bytes *= 2;
        return bytes;
    }
};

const no_limit = 0xffff_ffff;

/// Writes a payload. What does not fit makes the writer full, and everything after it is skipped until `keepFrom`. Which functions are
/// `inline` or `noinline` was found by measuring: those that make a module larger in the compiler's own way.
const Writer = struct {
    buffer: []u8,
    len: usize,
    fields: u8,
    full: bool,

    /// Over a buffer, or over the scratch buffer where that is too small, behind the one byte of a map's header.
    noinline fn open(writer: *Writer, buffer: []u8) void {
        const usable = if (buffer.len < smallest_buffer) &scratch else buffer[0..@min(buffer.len, 0xffff_ffff)];
        writer.* = .{ .buffer = usable[0 .. usable.len - spare], .len = 1, .fields = 0, .full = false };
    }

    noinline fn finish(writer: *Writer) [*]const u8 {
        writer.buffer[0] = 0x80 | writer.fields;
        return writer.buffer.ptr;
    }

    /// Keeps what was written from `mark` on. Or, where not all of it fitted, takes it back and counts it.
    inline fn keepFrom(writer: *Writer, mark: usize) bool {
        if (!writer.full) return true;
        writer.full = false;
        writer.len = mark;
        drop();
        return false;
    }

    // --- Fields

    /// The name of a field as msgpack.
    noinline fn named(writer: *Writer, name: []const u8) void {
        writer.copy(name);
        writer.fields += 1;
    }

    noinline fn numberField(writer: *Writer, name: []const u8, value: u64) void {
        writer.named(name);
        writer.number(value);
    }

    noinline fn textField(writer: *Writer, name: []const u8, value: []const u8, limit: usize) void {
        const mark = writer.len;
        writer.named(name);
        writer.text(value, limit);
        if (!writer.keepFrom(mark)) writer.fields -= 1;
    }

    fn title(writer: *Writer, name: []const u8) void {
        writer.textField("\xa4name", name, writer.buffer.len + spare - name_spare - 11);
    }

    fn time(writer: *Writer, name: []const u8, nanos: u64) void {
        if (nanos == 0) return;
        if (nanos >> 63 != 0) return drop();
        writer.buffer.len += spare - 2 * list_spare;
        writer.numberField(name, nanos);
    }

    /// A map of attributes or an array of links: those that fit.
    fn items(writer: *Writer, of: Item, all: *const anyopaque, count: usize) void {
        if (count == 0) return;
        writer.buffer.len += list_spare;
        const form: Form = if (of == .attribute) .map else .array;
        const mark = writer.len;
        writer.copy(if (of == .attribute) "\xaaattributes" else "\xa5links");
        const begin = writer.len;
        writer.head(form, count, count);
        const first = writer.len;
        const kept = writer.run(of, all, count, true);
        writer.correct(form, begin, first, kept);
        if (kept == 0) writer.len = mark else writer.fields += 1;
    }

    // --- Values

    fn pair(writer: *Writer, key: []const u8, value: *const Value) void {
        writer.text(key, no_limit);
        const of: Item = @fromBackingInt(@intCast(@backingInt(value.*) & 3));
        const first: *const anyopaque, const count = switch (value.*) {
            inline .str, .bool, .i64, .f64 => |*one| .{ @as(*const anyopaque, @ptrCast(one)), 1 },
            inline else => |many| .{ @as(*const anyopaque, @ptrCast(many.ptr)), many.len },
        };
        if (@backingInt(value.*) > 3) writer.head(.array, count, count);
        _ = writer.run(of, first, count, false);
    }

    fn ids(writer: *Writer, of: *const Handle) void {
        writer.copy("\x93");
        _ = writer.run(.u64, of, 3, false);
    }

    /// Writes items; returns how many of them were kept, of those that may be dropped alone.
    fn run(writer: *Writer, of: Item, all: *const anyopaque, count: usize, alone: bool) usize {
        const sizes = [_]u8{ @sizeOf([]const u8), @sizeOf(bool), @sizeOf(i64), @sizeOf(f64), @sizeOf(u64), @sizeOf(Attribute), @sizeOf(Link) };
        var kept: usize = 0;
        for (0..count) |i| {
            const mark = writer.len;
            writer.item(of, @as([*]const u8, @ptrCast(all)) + i * sizes[@backingInt(of)]);
            if (alone and (!writer.full or writer.keepFrom(mark))) kept += @intFromBool(writer.len != mark);
        }
        return kept;
    }

    fn item(writer: *Writer, of: Item, one: *const anyopaque) void {
        switch (of) {
            .str => writer.text(cast([]const u8, one).*, no_limit),
            .bool => writer.put(0xc2 + @as(u8, @intFromBool(cast(bool, one).*)), 0, 0),
            .i64 => {
                const bits: u64 = @bitCast(cast(i64, one).*);
                const is_negative = bits >> 63 != 0;
                writer.head(if (is_negative) .negative else .uint, if (is_negative) ~bits << 1 | 1 else bits, bits);
            },
            .f64 => {
                const float = cast(f64, one).*;
                // NaN: one form of many.
                writer.put(0xcb, if (float != float) 0x7ff8_0000_0000_0000 else @bitCast(float), 8);
            },
            .u64 => writer.number(cast(u64, one).*),
            .attribute => writer.pair(cast(Attribute, one).key, &cast(Attribute, one).value),
            .link => {
                const link = cast(Link, one);
                if (link.handle.isInvalid()) return;
                const has_attributes = link.attributes.len != 0;
                writer.put(0x81 + @as(u8, @intFromBool(has_attributes)), 0, 0);
                writer.copy("\xa6handle");
                writer.ids(&link.handle);
                if (!has_attributes) return;
                writer.copy("\xaaattributes");
                writer.head(.map, link.attributes.len, link.attributes.len);
                _ = writer.run(.attribute, link.attributes.ptr, link.attributes.len, false);
            },
        }
    }

    // --- msgpack

    /// A text with its header. With a limit as much of it as takes that many bytes, and a cut is counted.
    fn text(writer: *Writer, whole: []const u8, limit: usize) void {
        const begin = writer.len;
        writer.head(.str, whole.len, whole.len);
        const first = writer.len;
        var i: usize = 0;
        while (i < whole.len and !writer.full) {
            const left = limit - (writer.len - first);
            // ASCII in one go, which most of a text is.
            const run_start = i;
            while (i < whole.len and whole[i] < 0x80 and i - run_start < left) i += 1;
            writer.copy(whole[run_start..i]);
            if (i != run_start) continue;
            const step = nextStep(whole[i..]);
            const piece = if (step.well_formed) whole[i..][0..step.len] else "\u{fffd}";
            if (piece.len > left) {
                drop();
                break;
            }
            writer.copy(piece);
            i += step.len;
        }
        writer.correct(.str, begin, first, writer.len - first);
    }

    /// Writes a header again, now that it is known how long or how many it leads: it stands at `begin`, what it leads at `first`.
    fn correct(writer: *Writer, form: Form, begin: usize, first: usize, count: usize) void {
        const size = writer.len - first;
        const place = begin + 1 + form.width(count);
        if (writer.full or place > writer.buffer.len - size) {
            writer.full = true;
            return;
        }
        if (place != first) @memmove(writer.buffer[place..][0..size], writer.buffer[first..][0..size]);
        writer.len = begin;
        writer.head(form, count, count);
        writer.len += size;
    }

    inline fn number(writer: *Writer, value: u64) void {
        writer.head(.uint, value, value);
    }

    /// `size` chooses between the widths of a form, `value` is written.
    fn head(writer: *Writer, form: Form, size: u64, value: u64) void {
        const width = form.width(size);
        const i = @backingInt(form);
        writer.put(if (width == 0) Form.fix[i] | @as(u8, @truncate(value)) else Form.wide[i] + @as(u8, @ctz(width)), value, width);
    }

    /// A first byte, and the `width` low bytes of `value`, big-endian.
    fn put(writer: *Writer, first: u8, value: u64, width: u32) void {
        if (width >= writer.buffer.len - writer.len) writer.full = true;
        if (writer.full) return;
        const out = writer.buffer[writer.len..];
        writer.len += 1 + width;
        out[0] = first;
        var left = value;
        var i = width;
        while (i > 0) : (i -= 1) {
            out[i] = @truncate(left);
            left >>= 8;
        }
    }

    fn copy(writer: *Writer, bytes: []const u8) void {
        if (bytes.len > writer.buffer.len - writer.len) writer.full = true;
        if (writer.full) return;
        for (bytes) |byte| {
            writer.buffer[writer.len] = byte;
            writer.len += 1;
        }
    }
};

fn cast(comptime T: type, one: *const anyopaque) *const T {
    return @ptrCast(@alignCast(one));
}

// --- UTF-8 ----------------------------------------------------------------------------------------------------------

/// One character at the start of a text, or one ill-formed maximal subsequence (Unicode 3.9, "U+FFFD Substitution of Maximal Subparts").
const Step = struct { len: usize, well_formed: bool };

/// Up to which lead byte a row holds, how long its characters are, and the bounds of their second byte. They exclude overlong forms,
/// surrogates and everything above U+10FFFF; nothing has length 0.
const utf8_rows = [_][4]u8{
    .{ 0x7f, 1, 0xff, 0 },
    .{ 0xc1, 0, 0xff, 0 },
    .{ 0xdf, 2, 0x80, 0xbf },
    .{ 0xe0, 3, 0xa0, 0xbf },
    .{ 0xec, 3, 0x80, 0xbf },
    .{ 0xed, 3, 0x80, 0x9f },
    .{ 0xef, 3, 0x80, 0xbf },
    .{ 0xf0, 4, 0x90, 0xbf },
    .{ 0xf3, 4, 0x80, 0xbf },
    .{ 0xf4, 4, 0x80, 0x8f },
    .{ 0xff, 0, 0xff, 0 },
};

fn nextStep(text: []const u8) Step {
    var row: usize = 0;
    while (text[0] > utf8_rows[row][0]) row += 1;
    const whole = utf8_rows[row][1];
    var low = utf8_rows[row][2];
    var high = utf8_rows[row][3];
    var len: usize = 1;
    while (len < whole and len < text.len and text[len] >= low and text[len] <= high) {
        low = 0x80;
        high = 0xbf;
        len += 1;
    }
    return .{ .len = len, .well_formed = len == whole };
}
