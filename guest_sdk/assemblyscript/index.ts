/** `import { startSpan } from "bext-tracer"`. */
export * from "./assembly/index";
