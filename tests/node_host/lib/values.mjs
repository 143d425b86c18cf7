/** Decoded values as JSON, in the form of abi/vectors/README.md ("Values"): the type of each value stays visible. */
import { spanIdHex, traceIdHex } from "./handle.mjs";

export function floatHex(value) {
  if (Number.isNaN(value)) return "7ff8000000000000";
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return view.getBigUint64(0).toString(16).padStart(16, "0");
}

function itemJson(type, value) {
  if (type === "i64") return String(value);
  return type === "f64" ? floatHex(value) : value;
}

/** One attribute value, as an object of one key. */
export function attributeJson({ type, value }) {
  if (!Array.isArray(value)) return { [type]: itemJson(type, value) };
  return { [type]: value.map((item) => itemJson(type.replace("_array", ""), item)) };
}

/** [key, value] pairs. */
export function attributesJson(attributes) {
  return attributes.map((attribute) => [attribute.key, attributeJson(attribute)]);
}

export function handleJson(handle) {
  return { trace_id: traceIdHex(handle), span_id: spanIdHex(handle) };
}

/** An object without the fields that say nothing. */
export function given(fields) {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => saysSomething(value)));
}

function saysSomething(value) {
  return Array.isArray(value) ? value.length > 0 : value !== null && value !== undefined && value !== false && value !== 0 && value !== "";
}
