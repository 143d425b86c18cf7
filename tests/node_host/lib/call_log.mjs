/** The calls of the six imports as golden files have them (wasm-fixtures/conformance/README.md, "Golden calls"). */
import { createHash } from "node:crypto";
import { fromI64, handle } from "./handle.mjs";

const LONG = 1024;

/** The imports, wrapped so that each call is pushed onto `log` before the guest goes on. */
export function logged(functions, memory, log) {
  const handleJson = ({ traceIdHi, traceIdLo, spanId }) => [traceIdHi, traceIdLo, spanId].map(String);

  function handleAt(pointer) {
    if (!memory().hasRoomForHandle(pointer >>> 0)) return null;
    const view = new DataView(memory().read(pointer >>> 0, 24).buffer);
    return handleJson(handle(...[0, 8, 16].map((offset) => view.getBigUint64(offset, true))));
  }

  function payloadJson(pointer, length) {
    if (!memory().isGood(pointer >>> 0, length >>> 0)) return { payload: null };
    const bytes = memory().read(pointer >>> 0, length >>> 0);
    if (bytes.length <= LONG) return { payload: Buffer.from(bytes).toString("hex") };
    return { payload_length: bytes.length, payload_sha256: createHash("sha256").update(bytes).digest("hex") };
  }

  function recording(call) {
    return (hi, lo, id, pointer, length) => {
      log.push({ call, handle: handleJson(fromI64(hi, lo, id)), ...payloadJson(pointer, length) });
      functions[call](hi, lo, id, pointer, length);
    };
  }

  return {
    start_span(pointer, length, out) {
      const payload = payloadJson(pointer, length); // the handle may be written over it
      functions.start_span(pointer, length, out);
      log.push({ call: "start_span", handle: handleAt(out), ...payload });
    },
    set_attribute: recording("set_attribute"),
    set_status: recording("set_status"),
    add_event: recording("add_event"),
    end_span(hi, lo, id, time) {
      log.push({ call: "end_span", handle: handleJson(fromI64(hi, lo, id)), time: String(BigInt.asUintN(64, time)) });
      functions.end_span(hi, lo, id, time);
    },
    current_span(out) {
      const result = functions.current_span(out);
      log.push({ call: "current_span", handle: result === 1 ? handleAt(out) : null });
      return result;
    },
  };
}
