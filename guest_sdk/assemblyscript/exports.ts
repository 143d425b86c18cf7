/** `export * from "bext-tracer/exports"`, in the entry file: the marker, bext_alloc and bext_free. */
export * from "./assembly/exports";
