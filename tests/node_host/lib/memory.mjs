/** Section 4: ranges of a guest's memory. Numbers are unsigned 32-bit, which JavaScript adds without wrapping. */
import { HANDLE_SIZE } from "./numbers.mjs";

export class GuestMemory {
  #memory;

  /** `memory` is what the instance exports under that name, whatever it is. */
  constructor(memory) {
    this.#memory = memory instanceof WebAssembly.Memory ? memory : null;
  }

  /** The bytes as they are now: memory moves when it grows. */
  #bytes() {
    const buffer = this.#memory?.buffer;
    return buffer instanceof ArrayBuffer ? new Uint8Array(buffer) : null;
  }

  isGood(pointer, length) {
    const bytes = this.#bytes();
    return bytes !== null && pointer + length <= bytes.length;
  }

  hasRoomForHandle(pointer) {
    return this.isGood(pointer, HANDLE_SIZE);
  }

  /** A copy of a good range. */
  read(pointer, length) {
    return this.#bytes().slice(pointer, pointer + length);
  }

  write(pointer, bytes) {
    this.#bytes().set(bytes, pointer);
  }
}
