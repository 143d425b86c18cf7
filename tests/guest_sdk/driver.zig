//! driver - runs the Zig guest SDK natively, by the commands of driver.c beside it. What only C can say is left out: NULL, and text
//! that ends with NUL, so that `use_nul` does nothing here.

const std = @import("std");
const tracer = @import("bext_tracer");

const Handle = tracer.Handle;

var gpa: std.mem.Allocator = undefined;
var line: [1 << 24]u8 = undefined;
var out: std.Io.Writer = .fixed(&line);

fn fail(comptime why: []const u8, what: []const u8) noreturn {
    for ([_][]const u8{ "driver: " ++ why ++ " ", what, "\n" }) |text| _ = std.os.linux.write(2, text.ptr, text.len);
    std.os.linux.exit_group(3);
}

fn print(comptime form: []const u8, values: anytype) void {
    out.print(form, values) catch fail("cannot print", "");
}

fn allocate(comptime T: type, count: usize) []T {
    return gpa.alloc(T, count) catch fail("no memory", "");
}

// --- The host -------------------------------------------------------------------------------------------------------

var answer: Handle = .{ .trace_id_hi = 1, .trace_id_lo = 2, .span_id = 3 };
var has_current: u32 = 1;

export fn bext_abi_start_span(span_ptr: [*]const u8, span_len: u32, handle_out: *align(1) Handle) void {
    print("start_span {x}\n", .{span_ptr[0..span_len]});
    handle_out.* = answer;
}

export fn bext_abi_set_attribute(hi: u64, lo: u64, id: u64, attribute_ptr: [*]const u8, attribute_len: u32) void {
    print("set_attribute {} {} {} {x}\n", .{ hi, lo, id, attribute_ptr[0..attribute_len] });
}

export fn bext_abi_set_status(hi: u64, lo: u64, id: u64, status_ptr: [*]const u8, status_len: u32) void {
    print("set_status {} {} {} {x}\n", .{ hi, lo, id, status_ptr[0..status_len] });
}

export fn bext_abi_add_event(hi: u64, lo: u64, id: u64, event_ptr: [*]const u8, event_len: u32) void {
    print("add_event {} {} {} {x}\n", .{ hi, lo, id, event_ptr[0..event_len] });
}

export fn bext_abi_end_span(hi: u64, lo: u64, id: u64, end_time_unix_nanos: u64) void {
    print("end_span {} {} {} {}\n", .{ hi, lo, id, end_time_unix_nanos });
}

export fn bext_abi_current_span(handle_out: *align(1) Handle) u32 {
    print("current_span\n", .{});
    if (has_current != 0) handle_out.* = answer;
    return has_current;
}

// --- Words ----------------------------------------------------------------------------------------------------------

var words: std.mem.TokenIterator(u8, .any) = undefined;

fn nextWord() []const u8 {
    return words.next() orelse fail("the commands end in the middle of one", "");
}

fn nextNumber(comptime T: type) T {
    const word = nextWord();
    return std.fmt.parseInt(T, word, 10) catch fail("no number:", word);
}

fn nextHandle() Handle {
    const hi = nextNumber(u64);
    const lo = nextNumber(u64);
    return .{ .trace_id_hi = hi, .trace_id_lo = lo, .span_id = nextNumber(u64) };
}

fn nextText() []const u8 {
    const word = nextWord();
    if (word[0] == '-') return "";
    return std.fmt.hexToBytes(allocate(u8, word.len / 2), word) catch fail("no hex:", word);
}

fn nextFloat() f64 {
    const word = nextWord();
    return @bitCast(std.fmt.parseInt(u64, word, 16) catch fail("no bits:", word));
}

// --- Values ---------------------------------------------------------------------------------------------------------

fn nextItems(comptime T: type, comptime next: fn () T) []const T {
    const items = allocate(T, nextNumber(usize));
    for (items) |*item| item.* = next();
    return items;
}

fn nextBool() bool {
    return nextNumber(u8) != 0;
}

fn nextI64() i64 {
    return nextNumber(i64);
}

/// A letter for the type, upper case for an array, whose count follows.
fn nextValue() tracer.Value {
    return switch (nextWord()[0]) {
        's' => .init(nextText()),
        'b' => .init(nextBool()),
        'i' => .init(nextI64()),
        'f' => .init(nextFloat()),
        'S' => .init(nextItems([]const u8, nextText)),
        'B' => .init(nextItems(bool, nextBool)),
        'I' => .init(nextItems(i64, nextI64)),
        'F' => .init(nextItems(f64, nextFloat)),
        else => fail("unknown type of a value", ""),
    };
}

fn nextAttribute() tracer.Attribute {
    const key = nextText();
    return .init(key, nextValue());
}

// --- Spans and events -----------------------------------------------------------------------------------------------

var name: []const u8 = "";
var span: tracer.Start = .{};
var event: tracer.Event = .{};
var attributes: std.ArrayList(tracer.Attribute) = .empty;
var links: std.ArrayList(tracer.Link) = .empty;

/// The buffer is the SDK's own, whatever size a command names.
fn begin() void {
    _ = nextWord();
    attributes.clearRetainingCapacity();
    links.clearRetainingCapacity();
    name = nextText();
}

fn printHandle(handle: Handle) void {
    print("handle {} {} {} \n", .{ handle.trace_id_hi, handle.trace_id_lo, handle.span_id });
}

const NextKind = struct {
    fn kind() tracer.Kind {
        return std.enums.fromInt(tracer.Kind, nextNumber(u8)) orelse .internal;
    }
};

const commands = struct {
    pub fn span() void {
        begin();
        root.span = .{ .kind = NextKind.kind(), .parent = .root };
    }

    pub fn parent() void {
        root.span.parent = .of(nextHandle());
    }

    pub fn remote() void {
        const handle = nextHandle();
        const flags = nextNumber(u8);
        root.span.parent = .remote(.{ .handle = handle, .flags = flags, .trace_state = nextText() });
    }

    pub fn attr() void {
        attributes.append(gpa, nextAttribute()) catch fail("no memory", "");
    }

    pub fn link() void {
        const handle = nextHandle();
        links.append(gpa, .{ .handle = handle, .attributes = nextItems(tracer.Attribute, nextAttribute) }) catch fail("no memory", "");
    }

    pub fn time() void {
        root.span.start_time = nextNumber(u64);
    }

    pub fn start() void {
        root.span.attributes = attributes.items;
        root.span.links = links.items;
        printHandle(tracer.start(name, root.span));
    }

    pub fn event() void {
        begin();
        root.event = .{};
    }

    pub fn event_attr() void {
        attr();
    }

    pub fn event_time() void {
        root.event.time = nextNumber(u64);
    }

    pub fn add() void {
        root.event.attributes = attributes.items;
        nextHandle().addEvent(name, root.event);
    }

    // --- The short way

    pub fn short_child() void {
        const short_name = nextText();
        const kind = NextKind.kind();
        printHandle(tracer.start(short_name, .{ .kind = kind, .parent = .of(nextHandle()) }));
    }

    pub fn short_root() void {
        const short_name = nextText();
        printHandle(tracer.start(short_name, .{ .kind = NextKind.kind(), .parent = .root }));
    }

    pub fn short_under_current() void {
        const short_name = nextText();
        printHandle(tracer.start(short_name, .{ .kind = NextKind.kind() }));
    }

    pub fn short_event() void {
        nextHandle().addEvent(nextText(), .{});
    }

    pub fn set() void {
        const handle = nextHandle();
        const key = nextText();
        handle.set(key, nextValue());
    }

    pub fn set_typed() void {
        const handle = nextHandle();
        handle.set("str", "text");
        handle.set("bool", true);
        handle.set("i64", -1);
        handle.set("f64", 0.5);
    }

    pub fn status() void {
        const handle = nextHandle();
        const code = std.enums.fromInt(tracer.StatusCode, nextNumber(u8));
        const message = nextText();
        if (code) |known| handle.setStatus(known, message);
    }

    pub fn ok() void {
        nextHandle().setOk();
    }

    pub fn @"error"() void {
        nextHandle().setError(nextText());
    }

    pub fn end() void {
        nextHandle().end();
    }

    pub fn end_at() void {
        nextHandle().endAt(nextNumber(u64));
    }

    // --- The host's answers, drops, traceparent

    pub fn use_nul() void {
        _ = nextWord();
    }

    pub fn answer() void {
        root.answer = nextHandle();
    }

    pub fn has_current() void {
        root.has_current = nextNumber(u32);
    }

    pub fn current() void {
        const found = tracer.currentSpan();
        print("{s} ", .{if (found == null) "none" else "some"});
        printHandle(found orelse .{ .trace_id_hi = 7, .trace_id_lo = 8, .span_id = 9 });
    }

    pub fn dropped() void {
        print("dropped {}\n", .{tracer.dropped()});
    }

    pub fn format() void {
        const handle = nextHandle();
        const text = handle.traceparent(nextBool());
        print("format {} {s}\n", .{ @intFromBool(text != null), if (text) |*there| there else "" });
    }

    pub fn parse() void {
        const found = tracer.TraceContext.parse(nextText());
        print("parse {} {} ", .{ @intFromBool(found != null), if (found) |context| context.flags else 77 });
        printHandle(if (found) |context| context.handle else .{ .trace_id_hi = 7, .trace_id_lo = 8, .span_id = 9 });
    }

    // --- Memory

    pub fn alloc() void {
        const block = bext_alloc(nextNumber(u32));
        if (@intFromPtr(block) % 8 != 0) fail("a block that is not aligned", "");
        blocks.append(gpa, block) catch fail("no memory", "");
        print("alloc {s}\n", .{if (block == null) "none" else "some"});
    }

    pub fn fill() void {
        const index = nextNumber(u8);
        @memset(blocks.items[index].?[0..nextNumber(usize)], index);
    }

    pub fn check() void {
        const index = nextNumber(u8);
        for (blocks.items[index].?[0..nextNumber(usize)]) |byte| if (byte != index) fail("a block was overwritten", "");
    }

    pub fn free() void {
        bext_free(blocks.items[nextNumber(usize)], 8);
    }

    pub fn free_foreign() void {
        bext_free(&line, 8);
        bext_free(null, 0);
    }
};

extern fn bext_alloc(length: u32) ?[*]u8;
extern fn bext_free(block: ?[*]u8, length: u32) void;

var blocks: std.ArrayList(?[*]u8) = .empty;

const root = @This();

// --- Main -----------------------------------------------------------------------------------------------------------

fn run(command: []const u8) void {
    inline for (@typeInfo(commands).@"struct".decl_names) |known| {
        if (std.mem.eql(u8, command, known)) {
            @field(commands, known)();
            return;
        }
    }
    fail("unknown command", command);
}

/// No stack trace: much of std is not compiled then.
pub const panic = std.debug.simple_panic;

fn readAll() []u8 {
    var size: usize = 0;
    var input = allocate(u8, 1 << 16);
    while (true) {
        if (size == input.len) input = gpa.realloc(input, 2 * size) catch fail("no memory", "");
        const got = std.os.linux.read(0, input[size..].ptr, input.len - size);
        if (got == 0) return input[0..size];
        if (std.os.linux.errno(got) != .SUCCESS) fail("cannot read", "");
        size += got;
    }
}

fn writeAll(bytes: []const u8) void {
    var written: usize = 0;
    while (written < bytes.len) {
        const did = std.os.linux.write(1, bytes[written..].ptr, bytes.len - written);
        if (std.os.linux.errno(did) != .SUCCESS) fail("cannot write", "");
        written += did;
    }
}

pub fn main() void {
    var arena: std.heap.ArenaAllocator = .init(std.heap.page_allocator);
    gpa = arena.allocator();
    words = std.mem.tokenizeAny(u8, readAll(), " \n");
    while (words.next()) |command| {
        run(command);
        writeAll(out.buffered());
        out.end = 0;
    }
}
