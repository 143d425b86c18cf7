//! The package `bext_tracer` with a module of the same name; `zig build test` runs the tests.
const std = @import("std");

pub fn build(b: *std.Build) void {
    const target = b.standardTargetOptions(.{});
    const optimize = b.standardOptimizeOption(.{});
    const module = b.addModule("bext_tracer", .{ .root_source_file = b.path("bext_tracer.zig") });
    const tests = b.addTest(.{
        .root_module = b.createModule(.{
            .root_source_file = b.path("tests.zig"),
            .target = target,
            .optimize = optimize,
            .imports = &.{.{ .name = "bext_tracer", .module = module }},
        }),
    });
    b.step("test", "Run the tests, natively").dependOn(&b.addRunArtifact(tests).step);
}
