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
//!
//! It is written to be small: a guest that uses everything grows by less than 3 KiB. So payloads are described by tables, and a few
//! choices below look odd and were measured: which functions are `inline` or `noinline`, and numbers of 32 bits for truth values.

const builtin = @import("builtin");
const root = @import("root");

// --- Configuration --------------------------------------------------------------------------------------------------

/// What a guest can choose, in its root file: `pub const bext_tracer_options: tracer.Options = .{ .scratch_size = 4096 };`
pub const Options = struct {
    /// Bytes of the one buffer in which payloads are written; at least 256. By default as much as a host takes by default.
    scratch_size: usize = 65536,
    /// Bytes behind `bext_alloc`. 0: none, and the guest exports its own `bext_alloc` and `bext_free`.
    arena_size: usize = 65536,
};

/// The options of this guest.
pub const options: Options = if (@hasDecl(root, "bext_tracer_options")) root.bext_tracer_options else .{};

comptime {
    if (options.scratch_size < 256) @compileError("bext_tracer_options: scratch_size is at least 256");
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
        return lacksId(span) != 0;
    }

    /// Set one attribute, or overwrite it. The type of `value` picks one of the ABI's eight, as `Value.init` says; here an array may
    /// also be passed by value. Dropped and counted where it does not fit into the scratch buffer. The host drops an empty key, and
    /// keys that start with `bext.`.
    pub inline fn set(span: *const Handle, key: []const u8, value: anytype) void {
        const attribute: Attribute = .init(key, if (@typeInfo(@TypeOf(value)) == .array) &value else value);
        setAttribute(span, &attribute);
    }

    noinline fn setAttribute(span: *const Handle, attribute: *const Attribute) void {
        record(imports.set_attribute, span, .pair, bytesOf(attribute), 1, bytesOf(attribute));
    }

    /// Set the status. The host keeps the message of an error only; ok is final, unset never overwrites. A message of more than an
    /// eighth of the scratch buffer is cut at a character and counted.
    pub noinline fn setStatus(span: *const Handle, code: StatusCode, message: []const u8) void {
        described.text = message;
        described.code = code;
        record(imports.set_status, span, .fields, bytesOf(&status_fields), status_fields.len, bytesOf(&described));
    }

    /// The status ok.
    pub inline fn setOk(span: *const Handle) void {
        setStatus(span, .ok, "");
    }

    /// The status error, and why.
    pub inline fn setError(span: *const Handle, message: []const u8) void {
        setStatus(span, .@"error", message);
    }

    /// Add something that happened at one point in time.
    pub inline fn addEvent(span: *const Handle, name: []const u8, event: Event) void {
        const named: NamedEvent = .{ .name = name, .event = event };
        addNamed(span, &named);
    }

    noinline fn addNamed(span: *const Handle, event: *const NamedEvent) void {
        record(imports.add_event, span, .fields, bytesOf(&event_fields), event_fields.len, bytesOf(event));
    }

    /// End the span on the host's clock.
    pub inline fn end(span: *const Handle) void {
        endAt(span, 0);
    }

    /// End the span at a time in nanoseconds since 1970. The host takes 0 and times above 2^63-1 as its clock.
    pub noinline fn endAt(span: *const Handle, time: u64) void {
        if (isInvalid(span)) return;
        imports.end_span(span.trace_id_hi, span.trace_id_lo, span.span_id, time);
    }

    /// The span as a W3C traceparent of version 00; null for an invalid handle.
    pub noinline fn traceparent(span: *const Handle, sampled: bool) ?[55]u8 {
        if (isInvalid(span)) return null;
        const context = &described.start.parent.context;
        context.version = 0;
        copy(@ptrCast(&context.handle), bytesOf(span), @sizeOf(Handle));
        context.flags = @as(u64, @intFromBool(sampled)) << 56; // two digits, from the top
        walkTraceparent(&written_traceparent, 1);
        return written_traceparent;
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
};

/// Everything about an event but its name.
pub const Event = struct {
    /// As of a span.
    attributes: []const Attribute = &.{},
    /// As a span's `start_time`.
    time: u64 = 0,
};

const NamedEvent = struct { name: []const u8, event: Event };

/// What stands above a new span.
pub const Parent = struct {
    /// Whether an invalid handle says "not sampled", or nothing; to be set by the functions below, as all here.
    source: enum(u8) { none = 0, span = 1, current = 2 },
    is_remote: bool = false,
    context: TraceContext = .{ .handle = .invalid, .flags = undefined, .trace_state = undefined },

    /// The host's span round the running call; nothing where there is none.
    pub const current: Parent = .{ .source = .current };

    /// Nothing: the span starts a new trace.
    pub const root: Parent = .{ .source = .none };

    /// A span of this guest, or what `currentSpan` told. Below an invalid one the new span is invalid, without a host call.
    pub fn of(span: Handle) Parent {
        return .{ .source = .span, .context = .{ .handle = span, .flags = undefined, .trace_state = undefined } };
    }

    /// A span of another process. The host's policy decides what becomes of it; an invalid handle counts as no parent.
    pub fn remote(context: TraceContext) Parent {
        return .{ .source = .none, .is_remote = true, .context = context };
    }

    /// What a request's headers name, or nothing where `traceparent` is none. `trace_state` is "" where there is no such header.
    pub fn fromTraceparent(traceparent: []const u8, trace_state: []const u8) Parent {
        return .{ .source = .none, .is_remote = true, .context = .read(traceparent, trace_state) };
    }
};

/// What W3C Trace Context tells of a span in another process.
pub const TraceContext = struct {
    /// Of the traceparent; nothing looks at it.
    version: u64 = undefined,
    handle: Handle,
    /// trace-flags; only bit 0, sampled, has a meaning.
    flags: u64 = 1,
    /// tracestate, "" for none. A host ignores one of more than 512 bytes.
    trace_state: []const u8 = "",

    /// Read a traceparent; null for everything that is none. A version above 00 may carry more fields, which are ignored.
    pub fn parse(traceparent: []const u8) ?TraceContext {
        var context: TraceContext = .read(traceparent, "");
        context.flags &= 0xff;
        return if (context.handle.isInvalid()) null else context;
    }

    /// Gives an invalid handle where `traceparent` is none. The flags are in the low byte of theirs, below what stood there.
    noinline fn read(traceparent: []const u8, trace_state: []const u8) TraceContext {
        const context = &described.start.parent.context;
        context.trace_state = trace_state;
        context.handle.span_id = 0;
        if (hasLength(traceparent)) walkTraceparent(@constCast(traceparent.ptr), 0);
        return context.*;
    }

    comptime {
        // walkTraceparent goes over the numbers as over an array.
        const is_array = @offsetOf(TraceContext, "handle") == @offsetOf(TraceContext, "version") + 8 and
            @offsetOf(TraceContext, "flags") == @offsetOf(TraceContext, "version") + 32;
        if (!is_array) @compileError("the numbers of a TraceContext stand in another order");
    }
};

/// A span that has to do with a new one without being its parent.
pub const Link = struct {
    handle: Handle,
    attributes: []const Attribute = &.{},
};

/// Start a span, on the host's clock unless `.start_time` says otherwise. Returns its handle: invalid where it is not sampled. A name of
/// more than an eighth of the scratch buffer is cut at a character and counted; so kind, parent and start time always fit behind it.
pub noinline fn start(name: []const u8, span: Start) Handle {
    described.text = name;
    described.start = span;
    const parent = &described.start.parent;
    var is_below: u32 = @backingInt(parent.source);
    if (parent.source == .current) is_below = imports.current_span(&parent.context.handle);
    var result: *const Handle = &.invalid;
    if (is_below & lacksId(&parent.context.handle) == 0) {
        const stop = writeList(&scratch, .fields, bytesOf(&start_fields), start_fields.len, bytesOf(&described));
        imports.start_span(&scratch, @intCast(stop - &scratch), &parent.context.handle);
        result = &parent.context.handle;
    }
    return result.*;
}

/// The host's span round the running call: null where there is none, invalid where it was not sampled. You may add to that span, but
/// only the host ends it.
pub inline fn currentSpan() ?Handle {
    var handle: Handle = undefined;
    return if (imports.current_span(&handle) == 0) null else handle;
}

/// How many pieces this SDK dropped or cut since the instance started. What the host drops, the host counts. Of a type that can be set.
pub fn dropped() u63 {
    return @truncate(drops);
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
pub const Value = union(ValueType) {
    str: []const u8,
    bool: bool,
    i64: i64 align(4), // so that a Value takes 12 bytes, not 16
    f64: f64 align(4),
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
    /// The bytes lent, and above them, the blocks.
    var lent: u64 = 0;
    const one_block: u64 = 1 << 32;

    /// `length` bytes, aligned to 8; null where the arena is full or `length` is 0.
    fn alloc(length: u32) callconv(.c) ?[*]u8 {
        const used: u32 = @truncate(lent);
        if (length -% 1 >= bytes.len - used) return null;
        lent += one_block + (length + unit - 1 & ~@as(u64, unit - 1));
        return bytes[used..].ptr;
    }

    /// What `alloc` did not lend is ignored.
    fn free(block: ?*const anyopaque, length: u32) callconv(.c) void {
        _ = length;
        if (@intFromPtr(block) -% @intFromPtr(&bytes) >= @as(u32, @truncate(lent))) return;
        lent -= one_block;
        if (lent < one_block) lent = 0;
    }
};

// --- Calls ----------------------------------------------------------------------------------------------------------

/// What is being written, in one place, so that the tables below can name each piece by where it lies. Between calls it holds nothing.
const Described = struct { text: []const u8, code: StatusCode, start: Start };

var described: Described = undefined;
var drops: u64 = 0;

noinline fn drop() void {
    drops += 1;
}

/// 1 for an invalid handle, else 0.
noinline fn lacksId(span: *const Handle) u32 {
    return @as(u32, @intFromBool(span.trace_id_hi | span.trace_id_lo == 0)) | @intFromBool(span.span_id == 0);
}

const Recording = @TypeOf(imports.set_attribute);

/// The three calls that add to a span. The parameters behind it are those of `writeList`.
noinline fn record(call: *const Recording, span: *const Handle, of: Type, first: [*]const u8, count: usize, base: [*]const u8) void {
    if (span.isInvalid()) return;
    const stop = writeList(&scratch, of, first, count, base);
    const len: u32 = @intCast(stop - &scratch);
    // An attribute that did not fit leaves its header.
    if (len > 1) call(span.trace_id_hi, span.trace_id_lo, span.span_id, &scratch, len);
}

// --- What payloads are made of --------------------------------------------------------------------------------------

/// The forms of msgpack that begin with a number: a small one is in the first byte, others are behind it in 1, 2, 4 or 8 bytes. The first
/// four are scalars, the last three lists.
const Form = enum(u32) { uint, int, f64, bool, str, array, map, pair };

/// How one piece is written: its form in the low 3 bits, of a list what its items are in the 3 bits above, and what tells types apart.
const Type = enum(u32) {
    u64 = @backingInt(Form.uint),
    i64 = @backingInt(Form.int),
    f64 = @backingInt(Form.f64),
    bool = @backingInt(Form.bool),
    /// A text that fits, or the attribute is dropped.
    str = @backingInt(Form.str),
    /// A text that is cut.
    title = of(.str, 1),
    /// A uint of one byte.
    u8 = of(.uint, 1),
    /// A uint of nanoseconds.
    time = of(.uint, 2),
    /// Three u64, and none where the handle is invalid.
    handle = of(.array, @backingInt(Form.uint)),
    i64_array = of(.array, @backingInt(Form.int)),
    f64_array = of(.array, @backingInt(Form.f64)),
    bool_array = of(.array, @backingInt(Form.bool)),
    str_array = of(.array, @backingInt(Form.str)),
    links = of(.array, item_link),
    /// The fields of a struct.
    fields = of(.map, item_field),
    attributes = of(.map, item_attribute),
    /// Those of a link, of which none is left out: the link is.
    link_attributes = of(.map, item_attribute | 8),
    /// The one attribute that is a payload.
    pair = of(.pair, item_attribute),
    link = item_link,
    _,

    fn of(form: Form, item: u32) u32 {
        return @backingInt(form) | item << 3;
    }

    /// What the items of a list are.
    inline fn items(list: Type) u32 {
        return @backingInt(list) >> 3 & 7;
    }

    /// Whether the list is written without the items that do not fit. Attributes, links and the pair are; no other type is from 48 to 63.
    inline fn mayDropItems(list: Type) bool {
        return @backingInt(list) >> 4 == 3;
    }
};

/// Items of lists that are no scalars.
const item_field = 5;
const item_attribute = 6;
const item_link = 7;

/// How far apart the items of a list lie, by what they are.
const strides = [_]u8{ 8, 8, 8, 1, @sizeOf([]const u8), @sizeOf(Field), @sizeOf(Attribute), @sizeOf(Link) };

/// The types that an attribute's value can have.
const ValueType = enum(u8) {
    str = @backingInt(Type.str),
    bool = @backingInt(Type.bool),
    i64 = @backingInt(Type.i64),
    f64 = @backingInt(Type.f64),
    str_array = @backingInt(Type.str_array),
    bool_array = @backingInt(Type.bool_array),
    i64_array = @backingInt(Type.i64_array),
    f64_array = @backingInt(Type.f64_array),
};

/// One field of a struct.
const Field = struct {
    /// Where its name begins in `names`.
    name: u8,
    /// The length of the name; in the upper 3 bits, how many fields are left out with this one.
    lengths: u8,
    type: u8,
    /// Where its value lies, from the beginning of what is described.
    offset: u8,
    /// The only byte of a value that is left out.
    default: u8,
};

/// The default of a field that is never left out: no value begins with it.
const required = 0xc1;

/// The names of all fields; some are parts of others.
const names: [100]u8 = ("name" ++ "kind" ++ "parent_is_remote" ++ "parent_flags" ++ "trace_state" ++ "attributes" ++ "links" ++
    "start_time_unix_nanos" ++ "handle" ++ "code" ++ "message").*;

fn field(comptime name: []const u8, of: Type, default: u8, offset: usize) Field {
    @setEvalBranchQuota(10_000);
    comptime var at = 0;
    inline while (!isEqual(names[at..][0..name.len], name)) at += 1;
    // Without a parent there is nothing to tell of it.
    const others = if (isEqual(name, "parent")) 3 else if (isEqual(name, "parent_is_remote")) 2 else 0;
    return .{ .name = at, .lengths = name.len | others << 5, .type = @backingInt(of), .offset = @intCast(offset), .default = default };
}

fn isEqual(comptime one: []const u8, comptime other: []const u8) bool {
    if (one.len != other.len) return false;
    for (one, other) |a, b| if (a != b) return false;
    return true;
}

const at_start = @offsetOf(Described, "start");
const at_parent = at_start + @offsetOf(Start, "parent");
const at_context = at_parent + @offsetOf(Parent, "context");
const low_byte = if (builtin.cpu.arch.endian() == .little) 0 else 7;
const at_event = @offsetOf(NamedEvent, "event");

/// Of `Described`.
const start_fields = [_]Field{
    field("name", .title, required, @offsetOf(Described, "text")),
    field("kind", .u8, 0, at_start + @offsetOf(Start, "kind")),
    field("parent", .handle, 0x90, at_context + @offsetOf(TraceContext, "handle")),
    field("parent_is_remote", .bool, 0xc2, at_parent + @offsetOf(Parent, "is_remote")),
    field("parent_flags", .u8, 1, at_context + @offsetOf(TraceContext, "flags") + low_byte),
    field("trace_state", .title, 0xa0, at_context + @offsetOf(TraceContext, "trace_state")),
    field("attributes", .attributes, 0x80, at_start + @offsetOf(Start, "attributes")),
    field("links", .links, 0x90, at_start + @offsetOf(Start, "links")),
    field("start_time_unix_nanos", .time, 0, at_start + @offsetOf(Start, "start_time")),
};

/// Of `Described`.
const status_fields = [_]Field{
    field("code", .u8, required, @offsetOf(Described, "code")),
    field("message", .title, 0xa0, @offsetOf(Described, "text")),
};

/// Of `NamedEvent`.
const event_fields = [_]Field{
    field("name", .title, required, @offsetOf(NamedEvent, "name")),
    field("attributes", .attributes, 0x80, at_event + @offsetOf(Event, "attributes")),
    field("time_unix_nanos", .time, 0, at_event + @offsetOf(Event, "time")),
};

/// Of `Link`.
const link_fields = [_]Field{
    field("handle", .handle, required, @offsetOf(Link, "handle")),
    field("attributes", .link_attributes, 0x80, @offsetOf(Link, "attributes")),
};

// --- Writing payloads -----------------------------------------------------------------------------------------------

// A writer gets the position that it writes at and returns the one behind it. A position at `full` or beyond says that something did not
// fit: nothing more is written there, and the list that it stands in takes its item back. So the position is all the state there is.

/// The buffer, and behind it room for what a writer writes that began below `full`.
var scratch: [options.scratch_size + slack]u8 = undefined;

/// A name, a number, and for each of the five levels the room for its header.
const slack = 64;

const full: [*]u8 = scratch[options.scratch_size..].ptr;

/// Attributes and links end below this, so that a time always fits: its name takes 22 bytes, it takes 9.
const full_for_items: [*]u8 = full - 32;

/// About how much of a name, message or tracestate is kept.
const longest_title = options.scratch_size / 8;

/// Texts and lists are written this far behind where they begin, which is room for every header, and moved when their length is known.
const room = 5;

/// Writes `count` items that lie from `first` on, as the list that `of` is. Fields are those of what lies at `base`.
noinline fn writeList(from: [*]u8, of: Type, first: [*]const u8, count: usize, base: [*]const u8) [*]u8 {
    const item = of.items();
    const stride = strides[item];
    var at = from + room;
    var kept: usize = 0;
    var next = first;
    var left = count;
    while (left != 0) : (left -= 1) {
        const mark = at;
        if (item == item_field) {
            const this = cast(Field, next);
            const length: u32 = this.lengths & 31;
            at = writeHead(at, .str, length);
            copy(at, names[this.name..].ptr, length);
            const value = at + length;
            at = writeItem(value, @fromBackingInt(this.type), base + this.offset);
            if (at == value + 1 and value[0] == this.default) {
                at = mark;
                left -= this.lengths >> 5;
                next += (this.lengths >> 5) * @as(u32, @sizeOf(Field));
            }
        } else {
            var one = next;
            var of_one: Type = @fromBackingInt(item);
            if (item == item_attribute) {
                at = writeText(at, one + @offsetOf(Attribute, "key"), 0);
                one += @offsetOf(Attribute, "value");
                of_one = @fromBackingInt(@backingInt(cast(Value, one).*));
            }
            at = writeItem(at, of_one, one);
            if (of.mayDropItems() and @intFromPtr(at) >= @intFromPtr(full_for_items)) {
                at = mark;
                drop();
            }
        }
        next += stride;
        kept += @intFromBool(at != mark);
    }
    return close(from, at, @fromBackingInt(@backingInt(of) & 7), kept);
}

/// Writes the one piece that lies at `one`: nothing for a link to an invalid handle.
noinline fn writeItem(at: [*]u8, of: Type, one: [*]const u8) [*]u8 {
    const form: Form = @fromBackingInt(@backingInt(of) & 7);
    if (@backingInt(form) < @backingInt(Form.str)) {
        var bits: u64 = if (of == .bool or of == .u8) one[0] else cast(u64, one).*;
        if (of == .time and bits >> 63 != 0) {
            drop();
            bits = 0;
        }
        // NaN: one form of many.
        const float: f64 = @bitCast(bits);
        if (of == .f64 and float != float) bits = 0x7ff8_0000_0000_0000;
        return writeHead(at, form, bits);
    }
    if (form == .str) return writeText(at, one, @backingInt(of) >> 3);
    if (of == .link) {
        if (lacksId(@ptrCast(@alignCast(one))) != 0) return at;
        return writeList(at, .fields, bytesOf(&link_fields), link_fields.len, one);
    }
    var slice = cast([]const u8, one).*;
    // As many numbers, not bytes.
    if (of == .handle) slice = one[0..if (lacksId(@ptrCast(@alignCast(one))) != 0) 0 else 3];
    return writeList(at, of, slice.ptr, slice.len, one);
}

/// Writes a text, well-formed. Where `is_cut` is 1, as much of it as `longest_title`, and a cut is counted.
noinline fn writeText(from: [*]u8, of: [*]const u8, is_cut: u32) [*]u8 {
    const text = cast([]const u8, of).*;
    const limit = if (is_cut != 0) from + longest_title else full;
    var at = from + room;
    var next = text.ptr;
    const stop = next + text.len;
    while (next != stop) {
        if (@intFromPtr(at) >= @intFromPtr(limit)) {
            if (is_cut != 0) drop();
            break;
        }
        at[0] = next[0];
        var read: u32 = 1;
        var wrote: u32 = 1;
        if (next[0] >= 0x80) {
            // The lead byte tells the length, and 1 or more than 4 for one that is none.
            var character: u32 = next[0];
            wrote = @clz(~(character << 24));
            while (true) {
                const byte: u32 = if (next + read == stop) 0 else next[read];
                character = character << 8 | byte;
                if (isIllFormed(character, byte)) {
                    at[0..4].* = "\u{fffd}\x00".*; // a byte more than it takes: one store, and the next character overwrites it
                    wrote = 3;
                    break;
                }
                at[read] = @truncate(byte);
                read += 1;
                if (read == wrote) break;
            }
        }
        at += wrote;
        next += read;
    }
    return close(from, at, .str, at - from - room);
}

/// Whether the last byte of a character's bytes so far, the first one on top, cannot stand there. That it is 80 to BF is enough but for
/// the second one: there overlong forms (C0 and C1, E0 80 to 9F, F0 80 to 8F), surrogates (ED A0 to BF) and all from F4 90 on are out.
inline fn isIllFormed(character: u32, byte: u32) bool {
    return @intFromBool(byte -% 0x80 >= 0x40) | @intFromBool(character < 0xc200) | @intFromBool(character -% 0xf490 < 0xb70) |
        @intFromBool(character -% 0xe080 < 0x20) | @intFromBool(character -% 0xeda0 < 0x20) |
        @intFromBool(character -% 0xf080 < 0x10) != 0;
}

/// Writes the header of what was written from `room` behind `from` up to `at`, and moves that to it.
inline fn close(from: [*]u8, at: [*]u8, form: Form, count: usize) [*]u8 {
    const content = writeHead(from, form, count);
    const size = at - from - room;
    copy(content, from + room, size);
    return withinScratch(content + size);
}

/// In a build with safety checks, panics where a writer left the buffer, which would be a fault of this file: pointers are not checked.
inline fn withinScratch(at: [*]u8) [*]u8 {
    if (builtin.mode.runtimeSafety() and @intFromPtr(at) > @intFromPtr(&scratch) + scratch.len) unreachable;
    return at;
}

// By form, and last for an int below 0: the first byte of a small number, from which number on it is not small, the first byte of a number
// of 1 byte (whether or not there is such a form; those of 2, 4 and 8 bytes follow it), and the bits of the least width in bytes, less 1.
const small = [_]u8{ 0, 0, 0, 0xc2, 0xa0, 0x90, 0x80, 0x91, 0 };
const limits = [_]u8{ 128, 128, 0, 2, 32, 16, 16, 16, 64 };
const wide = [_]u8{ 0xcc, 0xcc, 0xcb - 3, 0, 0xd9, 0xdb, 0xdd, 0, 0xd0 };
const least = [_]u8{ 0, 0, 7, 0, 0, 1, 1, 0, 0 };

/// Writes a number, or the header of a text or list with that length.
noinline fn writeHead(at: [*]u8, form: Form, bits: u64) [*]u8 {
    if (@intFromPtr(at) >= @intFromPtr(full)) return at;
    var row: usize = @backingInt(form);
    var size = bits;
    if (form == .int and bits >> 63 != 0) {
        row = small.len - 1;
        size = ~bits << 1; // a bit for the sign
    }
    var first: u32 = @as(u32, small[row]) +% @as(u32, @truncate(bits));
    var width: u32 = 0;
    if (size >= limits[row]) {
        // Bytes less 1 (0, 1, 2 or 3, 4 to 7) make the exponent (0, 1, 2, 3) of the width.
        const exponent = 32 - @as(u32, @clz(@as(u32, 63 - @clz(size | 1)) >> 3 | least[row]));
        first = wide[row] + exponent;
        width = @as(u32, 1) << @intCast(exponent);
    }
    var left = bits;
    var i = width;
    while (i != 0) : (i -= 1) {
        at[i] = @truncate(left);
        left >>= 8;
    }
    at[0] = @truncate(first);
    return withinScratch(at + 1 + width);
}

noinline fn copy(to: [*]u8, from: [*]const u8, size: usize) void {
    @memmove(to[0..size], from[0..size]);
}

fn bytesOf(one: anytype) [*]const u8 {
    return @ptrCast(one);
}

fn cast(comptime T: type, one: [*]const u8) *align(1) const T {
    return @ptrCast(one);
}

// --- traceparent ----------------------------------------------------------------------------------------------------

var written_traceparent: [55]u8 = undefined;

/// Whether a text is as long as a traceparent of its version, which is none of "ff".
inline fn hasLength(text: []const u8) bool {
    if (text.len < 55) return false;
    const version: u16 = @bitCast(text[0..2].*);
    if (version == two("ff")) return false;
    return text.len == 55 or (version != two("00") and text[55] == '-');
}

fn two(characters: *const [2]u8) u16 {
    return @bitCast(characters.*);
}

/// Goes over the 55 characters of a traceparent and the described context's numbers, and writes the characters from the numbers, or reads
/// the numbers from the characters. Then a character that it would not have written makes the handle invalid.
noinline fn walkTraceparent(characters: [*]u8, is_written: u32) void {
    const dashes: u64 = 1 << 2 | 1 << 35 | 1 << 52;
    const context = &described.start.parent.context;
    var number: [*]u64 = @ptrCast(&context.version);
    for (0..55) |i| {
        const is_dash: u32 = @truncate(dashes >> @intCast(i) & 1);
        number += is_dash | @intFromBool(i == 19);
        const character: u32 = characters[i];
        var expected: u32 = '-';
        if (is_dash == 0) {
            var digit = character + 9 * (character >> 6) & 15;
            const first: u32 = @truncate(number[0] >> 60);
            if (is_written != 0) digit = first;
            expected = digit + '0' + 39 * @as(u32, @intFromBool(digit > 9));
            number[0] = number[0] << 4 | digit;
        }
        if (is_written != 0) {
            characters[i] = @truncate(expected);
        } else if (character != expected) {
            context.handle.span_id = 0;
            return;
        }
    }
}
