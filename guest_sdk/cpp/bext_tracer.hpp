/*
 * bext_tracer.hpp - tracing for WebAssembly plugins in C++17: the bext tracer ABI, version 1 (abi/ABI.md).
 *
 * A layer of inline functions over the C header, which it includes from its own folder or from ../c. Freestanding: no
 * standard library, no allocation, no exceptions, no RTTI. Exactly one source file defines BEXT_TRACER_IMPLEMENTATION
 * before it includes this header; any number of others include it plainly.
 *
 *     #define BEXT_TRACER_IMPLEMENTATION
 *     #include "bext_tracer.hpp"
 *
 *     bext::Span request = bext::start_under_current("GET /", bext::SpanKind::server);
 *     request.set("http.route", "/");
 *                                            // the span ends with its scope
 *
 * Rules that hold for everything here:
 * - Nothing fails, throws or traps. What cannot be recorded is left out, and dropped() counts it.
 * - On an INVALID handle (a span that was not sampled) nothing is called and nothing counted.
 * - Text is a `const char *` that ends with NUL (null reads as ""), or anything with data() and size(), such as a
 *   std::string_view. Ill-formed UTF-8 is replaced by U+FFFD.
 * - Whatever the order of the calls, the bytes are the ABI's canonical encoding.
 * - Text, items, attributes, links and handles are borrowed, never copied: they must be there until the call returns
 *   that they are for. What stands in the same expression as that call always is.
 *
 * Configuration: the macros of bext_tracer.h.
 */
#ifndef BEXT_TRACER_HPP
#define BEXT_TRACER_HPP

#if __has_include("bext_tracer.h")
#include "bext_tracer.h"
#else
#include "../c/bext_tracer.h"
#endif

// However few bytes are asked for: once inlined, these objects fall apart into the numbers that the C header takes.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((always_inline)), apply_to = function)
#endif

namespace bext {

/// The role of a span.
enum class SpanKind : uint8_t { internal, server, client, producer, consumer };

/// The outcome of a span. `ok` is final, `unset` never overwrites; only an error has a message.
enum class StatusCode : uint8_t { unset, ok, error };

namespace detail {

template <class T>
const T &ref() noexcept; // stands for a value in decltype, is never called

constexpr enum bext_span_kind c_kind(SpanKind kind) noexcept { return static_cast<enum bext_span_kind>(kind); }

// A pointer that is no text would convert to bool.
template <class T>
struct is_no_text {};
template <class T>
struct is_no_text<T *> { using type = void; };
template <>
struct is_no_text<char *> {};
template <>
struct is_no_text<const char *> {};

} // namespace detail

class Traceparent;

/* --- Text and values -------------------------------------------------------------------------------------------- */

/// Borrowed text.
class Text {
public:
  Text() noexcept : Text(nullptr, 0) {}
  Text(const char *text, size_t length) noexcept : value_(bext_str_n(text, length)) {}
  Text(const char *text) noexcept : value_(bext_str(text)) {}

  /// Anything with data() and size() whose data are chars.
  template <class S, class = decltype(Text(detail::ref<S>().data(), detail::ref<S>().size()))>
  Text(const S &text) noexcept : Text(text.data(), text.size()) {}

  const char *c_text() const noexcept { return static_cast<const char *>(value_.payload.address); }
  /// In bytes; of a text that ends with NUL what the C header takes for it.
  uint32_t c_length() const noexcept { return value_.count; }
  const bext_value &c_value() const noexcept { return value_; }

private:
  bext_value value_;
};
static_assert(sizeof(Text) == sizeof(bext_value), "an array of the one is an array of the other");

namespace detail {

inline bext_value array_of(const bool *items, size_t count) noexcept { return bext_bool_array(items, count); }
inline bext_value array_of(const int64_t *items, size_t count) noexcept { return bext_i64_array(items, count); }
inline bext_value array_of(const double *items, size_t count) noexcept { return bext_f64_array(items, count); }
inline bext_value array_of(const Text *items, size_t count) noexcept {
  return bext_str_array(reinterpret_cast<const bext_value *>(items), count);
}

inline bext_value value_of(const char *text, size_t length) noexcept { return bext_str_n(text, length); }
template <class T>
auto value_of(const T *items, size_t count) noexcept -> decltype(array_of(items, count)) {
  return array_of(items, count);
}

} // namespace detail

/// The value of an attribute: text, bool, a signed 64-bit integer, double, or an array of one of these.
class Value {
public:
  Value(const char *text) noexcept : value_(bext_str(text)) {}
  Value(const Text &text) noexcept : value_(text.c_value()) {}
  Value(const Traceparent &text) noexcept;
  Value(bool value) noexcept : value_(bext_bool(value)) {}
  Value(int value) noexcept : value_(bext_i64(value)) {}
  Value(long value) noexcept : value_(bext_i64(value)) {}
  Value(long long value) noexcept : value_(bext_i64(value)) {}
  Value(unsigned value) noexcept : value_(bext_i64(value)) {}
  Value(unsigned long value) noexcept : Value(static_cast<unsigned long long>(value)) {}
  /// Above 2^63-1 it is 2^63-1: attributes are signed.
  Value(unsigned long long value) noexcept
      : value_(bext_i64(value > INT64_MAX ? INT64_MAX : static_cast<int64_t>(value))) {}
  Value(double value) noexcept : value_(bext_f64(value)) {}
  Value(char) = delete; // text or number? Say "x", or int('x')
  template <class P, class = typename detail::is_no_text<P>::type>
  Value(P) = delete; // a pointer is no bool

  /// Items in an array: int64_t, double, bool or Text.
  template <class T, size_t N, class = decltype(detail::array_of(detail::ref<const T *>(), N))>
  Value(const T (&items)[N]) noexcept : value_(detail::array_of(items, N)) {}

  /// Anything with data() and size(): text where the data are chars, else an array of int64_t, double, bool or Text.
  template <class C, class = decltype(detail::value_of(detail::ref<C>().data(), detail::ref<C>().size()))>
  Value(const C &items) noexcept : value_(detail::value_of(items.data(), items.size())) {}

  /// A value that the C header made.
  Value(const bext_value &value) noexcept : value_(value) {}

  const bext_value &c_value() const noexcept { return value_; }

private:
  bext_value value_;
};

/// Arrays whose type the braces do not tell: `i64_array({503, 504})`.
template <size_t N>
Value i64_array(const int64_t (&items)[N]) noexcept { return items; }
template <size_t N>
Value f64_array(const double (&items)[N]) noexcept { return items; }
template <size_t N>
Value bool_array(const bool (&items)[N]) noexcept { return items; }
template <size_t N>
Value str_array(const Text (&items)[N]) noexcept { return items; }

/// An array without items, which has no type.
inline Value empty_array() noexcept { return bext_i64_array(nullptr, 0); }

/// A key and its value; in braces, `{"http.route", "/"}`.
class Attribute {
public:
  Attribute(const Text &key, const Value &value) noexcept : attribute_{key.c_value(), value.c_value()} {}

  const bext_attribute &c_attribute() const noexcept { return attribute_; }

private:
  bext_attribute attribute_;
};
static_assert(sizeof(Attribute) == sizeof(bext_attribute), "an array of the one is an array of the other");

namespace detail {

inline const bext_attribute *c_attributes(const Attribute *attributes) noexcept {
  return reinterpret_cast<const bext_attribute *>(attributes);
}

} // namespace detail

/* --- Handles ---------------------------------------------------------------------------------------------------- */

class OptionalHandle;

/// Names a span: a plain value, to copy, keep, compare and pass as a parent. A default one is INVALID, which stands for
/// a span that was not sampled.
class Handle {
public:
  Handle() noexcept : handle_(BEXT_HANDLE_INVALID) {}
  Handle(const bext_handle &handle) noexcept : handle_(handle) {}

  const bext_handle &c_handle() const noexcept { return handle_; }
  bool is_invalid() const noexcept { return bext_handle_is_invalid(&handle_); }

  /// Whether both name the same span, or both are INVALID.
  friend bool operator==(const Handle &a, const Handle &b) noexcept {
    return (a.is_invalid() && b.is_invalid()) ||
           (a.handle_.trace_id_hi == b.handle_.trace_id_hi && a.handle_.trace_id_lo == b.handle_.trace_id_lo &&
            a.handle_.span_id == b.handle_.span_id);
  }
  friend bool operator!=(const Handle &a, const Handle &b) noexcept { return !(a == b); }

  /// Set one attribute of the open span, or overwrite it. One that does not fit into the C header's scratch buffer is
  /// dropped. The host drops an empty key, and keys that start with `bext.`.
  void set(const Text &key, const Value &value) const noexcept {
    bext_set_n(&handle_, key.c_text(), key.c_length(), value.c_value());
  }

  /// Add an event on the host's clock. A long name is cut, an attribute that does not fit is dropped alone.
  void event(const Text &name) const noexcept { event_at(0, name); }
  template <size_t N>
  void event(const Text &name, const Attribute (&attributes)[N]) const noexcept { event_at(0, name, attributes); }

  /// Add an event at a time in nanoseconds since 1970; 0 is the host's clock. One above 2^63-1 is dropped.
  void event_at(uint64_t time_unix_nanos, const Text &name) const noexcept {
    event_at(time_unix_nanos, name, nullptr, 0);
  }
  template <size_t N>
  void event_at(uint64_t time_unix_nanos, const Text &name, const Attribute (&attributes)[N]) const noexcept {
    event_at(time_unix_nanos, name, attributes, N);
  }
  void event_at(uint64_t time_unix_nanos, const Text &name, const Attribute *attributes, size_t count) const noexcept {
    bext_event_with_n(&handle_, name.c_text(), name.c_length(), detail::c_attributes(attributes), count,
                      time_unix_nanos);
  }

  /// Set the status of the open span. The host keeps the message of an error only.
  void set_status(StatusCode code, const Text &message = {}) const noexcept {
    bext_set_status_n(&handle_, static_cast<enum bext_status_code>(code), message.c_text(), message.c_length());
  }
  void set_ok() const noexcept { set_status(StatusCode::ok); }
  void set_error(const Text &message) const noexcept { set_status(StatusCode::error, message); }

protected:
  // Started in its own place, so that no handle is copied.
  Handle(const Text &name, SpanKind kind, const bext_handle *parent) noexcept {
    bext_impl_start_now(&handle_, name.c_text(), name.c_length(), bext_impl_kind(detail::c_kind(kind)), parent);
  }
  explicit Handle(const bext_span_builder &builder) noexcept : handle_(bext_span_start(&builder)) {}

  bext_handle handle_;

private:
  friend class OptionalHandle;
  struct Unset {};
  explicit Handle(Unset) noexcept {} // the host writes it
};

/// A span of this guest's, which ends when it goes out of scope. It converts to its handle, for children and links.
///
/// Not for static storage: without a standard library nothing is destroyed there. Keep the handle of release() instead,
/// and make it a Span again where it is to end.
class [[nodiscard]] Span : public Handle {
public:
  /// No span: INVALID.
  Span() noexcept = default;
  /// Take charge of an open span.
  explicit Span(const Handle &handle) noexcept : Handle(handle) {}

  Span(Span &&other) noexcept : Handle(other.release()) {}
  Span &operator=(Span &&other) noexcept {
    if (this == &other) return *this;
    end();
    Handle::operator=(other.release());
    return *this;
  }
  Span(const Span &) = delete;
  Span &operator=(const Span &) = delete;
  ~Span() { bext_end(&handle_); }

  /// End the span now, on the host's clock; this object is INVALID then.
  void end() noexcept { end_at(0); }
  /// End it at a time in nanoseconds since 1970. The host takes 0 and times above 2^63-1 as its clock.
  void end_at(uint64_t time_unix_nanos) noexcept {
    bext_end_at(&handle_, time_unix_nanos);
    handle_.span_id = 0;
  }

  /// Leave the span open, and give its handle away.
  Handle release() noexcept {
    const Handle handle = *this;
    handle_.span_id = 0;
    return handle;
  }

private:
  friend class SpanBuilder;
  friend Span start(const Text &name, SpanKind kind, const Handle &parent) noexcept;
  friend Span start_root(const Text &name, SpanKind kind) noexcept;
  friend Span start_under_current(const Text &name, SpanKind kind) noexcept;
  Span(const Text &name, SpanKind kind, const bext_handle *parent) noexcept : Handle(name, kind, parent) {}
  explicit Span(const bext_span_builder &builder) noexcept : Handle(builder) {}
};

/// A handle, or none. Looking into none gives INVALID.
class OptionalHandle {
public:
  OptionalHandle() noexcept : is_there_(false) {}
  OptionalHandle(const Handle &handle) noexcept : handle_(handle), is_there_(true) {}
  explicit operator bool() const noexcept { return is_there_; }
  const Handle &operator*() const noexcept { return handle_; }
  const Handle *operator->() const noexcept { return &handle_; }

private:
  friend OptionalHandle current_span() noexcept;
  struct Current {};
  explicit OptionalHandle(Current) noexcept : handle_(Handle::Unset()), is_there_(bext_current_span(&handle_.handle_)) {
    if (!is_there_) handle_ = Handle();
  }

  Handle handle_;
  bool is_there_;
};

/// The host's span round the running call, INVALID where it was not sampled; none where there is none. You may add to
/// it, but only the host ends it.
inline OptionalHandle current_span() noexcept {
  return OptionalHandle(OptionalHandle::Current());
}

/* --- W3C traceparent -------------------------------------------------------------------------------------------- */

/// A parent in another process, as a traceparent tells it. A default one is none.
class RemoteParent {
public:
  RemoteParent() noexcept : RemoteParent(Handle(), BEXT_PARENT_FLAGS_DEFAULT) {}
  RemoteParent(const Handle &handle, uint8_t flags) noexcept : parent_{0, handle.c_handle(), flags} {}

  explicit operator bool() const noexcept { return !bext_handle_is_invalid(&parent_.span); }
  Handle handle() const noexcept { return parent_.span; }
  /// The trace-flags; bit 0 says that the parent was sampled.
  uint8_t flags() const noexcept { return static_cast<uint8_t>(parent_.flags); }
  const bext_traceparent &c_traceparent() const noexcept { return parent_; }

private:
  friend RemoteParent parse_traceparent(const Text &text) noexcept;
  explicit RemoteParent(const Text &text) noexcept {
    bext_traceparent_parse_n(text.c_text(), text.c_length(), &parent_);
  }

  bext_traceparent parent_;
};

/// Read a traceparent; none where the text is not a valid one. A version above 00 may carry more fields, which are
/// ignored.
inline RemoteParent parse_traceparent(const Text &text) noexcept { return RemoteParent(text); }

/// The text of a traceparent of version 00; empty for an INVALID handle.
class Traceparent {
public:
  explicit Traceparent(const Handle &span, bool sampled = true) noexcept {
    bext_traceparent_format(&span.c_handle(), sampled, text_);
  }
  const char *c_str() const noexcept { return text_; }
  const char *data() const noexcept { return text_; }
  size_t size() const noexcept { return *text_ == '\0' ? 0 : sizeof text_ - 1; }

private:
  char text_[BEXT_TRACEPARENT_SIZE];
};

inline Value::Value(const Traceparent &text) noexcept : Value(text.c_str()) {}

/* --- Spans, the short way: one call ----------------------------------------------------------------------------- */

/// Start a span below `parent`, on the host's clock. INVALID where it is not sampled, and without asking the host where
/// `parent` is INVALID. A long name is cut, an attribute that does not fit is dropped alone.
inline Span start(const Text &name, SpanKind kind, const Handle &parent) noexcept {
  return Span(name, kind, &parent.c_handle());
}
template <size_t N>
Span start(const Text &name, SpanKind kind, const Handle &parent, const Attribute (&attributes)[N]) noexcept;

/// The same without a parent: the span starts a new trace.
inline Span start_root(const Text &name, SpanKind kind = SpanKind::internal) noexcept {
  return Span(name, kind, nullptr);
}
template <size_t N>
Span start_root(const Text &name, SpanKind kind, const Attribute (&attributes)[N]) noexcept;

/// The same below the host's span round this call, or without a parent where there is none.
inline Span start_under_current(const Text &name, SpanKind kind = SpanKind::internal) noexcept {
  return Span(name, kind, BEXT_IMPL_CURRENT);
}
template <size_t N>
Span start_under_current(const Text &name, SpanKind kind, const Attribute (&attributes)[N]) noexcept;

/* --- Spans, piece by piece -------------------------------------------------------------------------------------- */

/// A link to another span; in braces, `{other}` or `{other, {{"retries", 2}}}`. It borrows the handle, which has to have a
/// name of its own.
class Link {
public:
  Link(const Handle &other) noexcept : Link(other, nullptr, 0) {}
  template <size_t N>
  Link(const Handle &other, const Attribute (&attributes)[N]) noexcept : Link(other, attributes, N) {}
  Link(const Handle &other, const Attribute *attributes, size_t count) noexcept
      : link_(bext_link_to(&other.c_handle(), detail::c_attributes(attributes), count)) {}

  Link(Handle &&) = delete;
  template <size_t N>
  Link(Handle &&, const Attribute (&)[N]) = delete;
  Link(Handle &&, const Attribute *, size_t) = delete;

  const bext_link &c_link() const noexcept { return link_; }

private:
  bext_link link_;
};
static_assert(sizeof(Link) == sizeof(bext_link), "an array of the one is an array of the other");

/// A span that is to be started: all of it in one expression, which ends with start().
///
///     auto span = bext::SpanBuilder("consume", kind).parent(producer).attributes({{"retries", 2}}).start();
///
/// Of two calls for the same thing the last one counts. What does not fit is dropped alone, and the span still starts;
/// a long name is cut.
class [[nodiscard]] SpanBuilder {
public:
  explicit SpanBuilder(const Text &name, SpanKind kind = SpanKind::internal) noexcept {
    bext_span_init_n(&builder_, name.c_text(), name.c_length(), detail::c_kind(kind));
  }
  SpanBuilder(const SpanBuilder &) = delete;
  SpanBuilder &operator=(const SpanBuilder &) = delete;

  /// Set the parent. Without one the span is a root; below an INVALID parent it is INVALID.
  SpanBuilder &&parent(const Handle &parent) && noexcept {
    bext_span_parent(&builder_, &parent.c_handle());
    return self();
  }

  /// The same where there is one: `parent(bext::current_span())`.
  SpanBuilder &&parent(const OptionalHandle &parent) && noexcept {
    bext_span_parent(&builder_, parent ? &parent->c_handle() : nullptr);
    return self();
  }

  /// Set a parent in another process, with its W3C tracestate; of none the span is a root. The host's policy decides
  /// what becomes of it.
  SpanBuilder &&remote_parent(const RemoteParent &parent, const Text &trace_state = {}) && noexcept {
    bext_span_remote_parent_n(&builder_, &parent.c_traceparent(), trace_state.c_text(), trace_state.c_length());
    return self();
  }

  /// Set the attributes; of two with the same key the host takes the last value.
  template <size_t N>
  SpanBuilder &&attributes(const Attribute (&attributes)[N]) && noexcept { return self().attributes(attributes, N); }
  SpanBuilder &&attributes(const Attribute *attributes, size_t count) && noexcept {
    bext_span_attributes(&builder_, detail::c_attributes(attributes), count);
    return self();
  }

  /// Set the links; one to an INVALID handle is skipped.
  template <size_t N>
  SpanBuilder &&links(const Link (&links)[N]) && noexcept { return self().links(links, N); }
  SpanBuilder &&links(const Link *links, size_t count) && noexcept {
    bext_span_links(&builder_, reinterpret_cast<const bext_link *>(links), count);
    return self();
  }

  /// Set the start time in nanoseconds since 1970; 0 is the host's clock. One above 2^63-1 is dropped.
  SpanBuilder &&start_time(uint64_t start_time_unix_nanos) && noexcept {
    bext_span_start_time(&builder_, start_time_unix_nanos);
    return self();
  }

  /// Start the span.
  Span start() && noexcept { return Span(builder_); }

private:
  SpanBuilder &&self() noexcept { return static_cast<SpanBuilder &&>(*this); }

  bext_span_builder builder_;
};

template <size_t N>
Span start(const Text &name, SpanKind kind, const Handle &parent, const Attribute (&attributes)[N]) noexcept {
  return SpanBuilder(name, kind).parent(parent).attributes(attributes).start();
}
template <size_t N>
Span start_root(const Text &name, SpanKind kind, const Attribute (&attributes)[N]) noexcept {
  return SpanBuilder(name, kind).attributes(attributes).start();
}
template <size_t N>
Span start_under_current(const Text &name, SpanKind kind, const Attribute (&attributes)[N]) noexcept {
  return SpanBuilder(name, kind).parent(current_span()).attributes(attributes).start();
}

/// How many pieces this SDK dropped or cut since the instance started; stays at 2^32-1. What the host drops, the host
/// counts.
inline uint32_t dropped() noexcept { return bext_dropped(); }

} // namespace bext

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif // BEXT_TRACER_HPP
