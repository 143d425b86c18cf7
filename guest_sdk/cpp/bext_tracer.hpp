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
 *
 * Configuration, the same in every file: BEXT_TRACER_STACK_BUFFER, the bytes of stack behind start and event where
 * these take more than a `const char *` (default 1024, at least 256). For the rest see bext_tracer.h.
 */
#ifndef BEXT_TRACER_HPP
#define BEXT_TRACER_HPP

#if __has_include("bext_tracer.h")
#include "bext_tracer.h"
#else
#include "../c/bext_tracer.h"
#endif

#ifndef BEXT_TRACER_STACK_BUFFER
#define BEXT_TRACER_STACK_BUFFER 1024
#endif

namespace bext {

static_assert(BEXT_TRACER_STACK_BUFFER >= 256, "BEXT_TRACER_STACK_BUFFER must be at least 256");

/// The role of a span.
enum class SpanKind : uint8_t { internal, server, client, producer, consumer };

/// The outcome of a span. `ok` is final, `unset` never overwrites; only an error has a message.
enum class StatusCode : uint8_t { unset, ok, error };

namespace detail {

template <class T>
const T &ref() noexcept; // stands for a value in decltype, is never called

inline bext_value array_of(const bool *items, size_t count) noexcept { return bext_bool_array(items, count); }
inline bext_value array_of(const int64_t *items, size_t count) noexcept { return bext_i64_array(items, count); }
inline bext_value array_of(const double *items, size_t count) noexcept { return bext_f64_array(items, count); }
inline bext_value array_of(const char *const *items, size_t count) noexcept { return bext_str_array(items, count); }

inline bext_value value_of(const char *text, size_t length) noexcept { return bext_str_n(text, length); }
template <class T>
auto value_of(const T *items, size_t count) noexcept -> decltype(array_of(items, count)) {
  return array_of(items, count);
}

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

// What is called from many places, with much behind it.
#define BEXT_IMPL_ONE_COPY __attribute__((noinline)) inline
BEXT_IMPL_ONE_COPY void add_attributes(bext_span_builder *builder, const bext_attribute *item, size_t count) noexcept {
  for (; count != 0; count--, item++) bext_span_attr_n(builder, item->key, item->key_length, item->value);
}
BEXT_IMPL_ONE_COPY void add_attributes(bext_event_builder *builder, const bext_attribute *item, size_t count) noexcept {
  for (; count != 0; count--, item++) bext_event_attr_n(builder, item->key, item->key_length, item->value);
}

// What a builder's buffer is in: a base, so that it is there before the builder writes to it.
template <size_t N>
struct Buffer { uint8_t bytes[N]; };

} // namespace detail

// However few bytes are asked for: once inlined, these objects fall apart into the numbers that the C header takes.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((always_inline)), apply_to = function)
#endif

/* --- Text and values -------------------------------------------------------------------------------------------- */

/// Borrowed text, as a parameter.
class Text {
public:
  constexpr Text() noexcept = default;
  constexpr Text(const char *text, size_t length) noexcept : text_(text), length_(length) {}
  constexpr Text(const char *text) noexcept : Text(text, BEXT_IMPL_NUL) {}

  /// Anything with data() and size() whose data are chars.
  template <class S, class = decltype(Text(detail::ref<S>().data(), detail::ref<S>().size()))>
  constexpr Text(const S &text) noexcept : Text(text.data(), text.size()) {}

  constexpr const char *c_text() const noexcept { return text_; }
  /// In bytes; of a text that ends with NUL what the C header takes for it.
  constexpr size_t c_length() const noexcept { return length_; }

private:
  const char *text_ = nullptr;
  size_t length_ = 0;
};

/// The value of an attribute: text, bool, a signed 64-bit integer, double, or an array of one of these. It borrows text
/// and items, which must outlive its use.
class Value {
public:
  Value(const char *text) noexcept : value_(bext_str(text)) {}
  Value(const Text &text) noexcept : value_(bext_str_n(text.c_text(), text.c_length())) {}
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

  /// Items in an array: int64_t, double, bool or const char *.
  template <class T, size_t N, class = decltype(detail::array_of(detail::ref<const T *>(), N))>
  Value(const T (&items)[N]) noexcept : value_(detail::array_of(items, N)) {}

  /// Anything with data() and size(): text where the data are chars, else an array of int64_t, double, bool or
  /// const char *.
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
Value str_array(const char *const (&items)[N]) noexcept { return items; }

/// Texts that do not end with NUL.
inline Value str_array(const char *const *items, const size_t *lengths, size_t count) noexcept {
  return bext_str_array_n(items, lengths, count);
}

/// An array without items, which has no type.
inline Value empty_array() noexcept { return bext_i64_array(nullptr, 0); }

/// A key and its value; in braces, `{"http.route", "/"}`.
class Attribute {
public:
  Attribute(const Text &key, const Value &value) noexcept
      : attribute_(bext_attr_n(key.c_text(), key.c_length(), value.c_value())) {}

  const bext_attribute &c_attribute() const noexcept { return attribute_; }

private:
  bext_attribute attribute_;
};
static_assert(sizeof(Attribute) == sizeof(bext_attribute), "an array of the one is an array of the other");

/* --- Handles ---------------------------------------------------------------------------------------------------- */

/// Names a span: a plain value, to copy, keep, compare and pass as a parent. A default one is INVALID, which stands for
/// a span that was not sampled.
class Handle {
public:
  Handle() noexcept : handle_(BEXT_HANDLE_INVALID) {}
  Handle(const bext_handle &handle) noexcept : handle_(handle) {}

  const bext_handle &c_handle() const noexcept { return handle_; }
  bool is_invalid() const noexcept { return bext_handle_is_invalid(handle_); }
  friend bool operator==(const Handle &a, const Handle &b) noexcept {
    return a.handle_.trace_id_hi == b.handle_.trace_id_hi && a.handle_.trace_id_lo == b.handle_.trace_id_lo &&
           a.handle_.span_id == b.handle_.span_id;
  }
  friend bool operator!=(const Handle &a, const Handle &b) noexcept { return !(a == b); }

  /// Set one attribute of the open span, or overwrite it. One that does not fit into the C header's scratch buffer is
  /// dropped. The host drops an empty key, and keys that start with `bext.`.
  void set(const Text &key, const Value &value) const noexcept {
    bext_set_n(handle_, key.c_text(), key.c_length(), value.c_value());
  }

  /// Add an event on the host's clock.
  void event(const char *name) const noexcept;
  void event(const Text &name) const noexcept;
  template <size_t N>
  void event(const Text &name, const Attribute (&attributes)[N]) const noexcept;

  /// Add an event at a time in nanoseconds since 1970.
  void event_at(uint64_t time_unix_nanos, const Text &name) const noexcept;
  template <size_t N>
  void event_at(uint64_t time_unix_nanos, const Text &name, const Attribute (&attributes)[N]) const noexcept;

  /// Set the status of the open span. The host keeps the message of an error only.
  void set_status(StatusCode code, const Text &message = {}) const noexcept {
    bext_set_status_n(handle_, static_cast<enum bext_status_code>(code), message.c_text(), message.c_length());
  }
  void set_ok() const noexcept { set_status(StatusCode::ok); }
  void set_error(const Text &message) const noexcept { set_status(StatusCode::error, message); }

private:
  bext_handle handle_;
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
  explicit Span(Handle handle) noexcept : Handle(handle) {}

  Span(Span &&other) noexcept : Handle(other.release()) {}
  Span &operator=(Span &&other) noexcept {
    if (this == &other) return *this;
    end();
    Handle::operator=(other.release());
    return *this;
  }
  Span(const Span &) = delete;
  Span &operator=(const Span &) = delete;
  ~Span() { end(); }

  /// End the span now, on the host's clock; this object is INVALID then.
  void end() noexcept { bext_end(release().c_handle()); }
  /// End it at a time in nanoseconds since 1970. The host takes 0 and times above 2^63-1 as its clock.
  void end_at(uint64_t time_unix_nanos) noexcept { bext_end_at(release().c_handle(), time_unix_nanos); }

  /// Leave the span open, and give its handle away.
  Handle release() noexcept {
    const Handle handle = *this;
    Handle::operator=(Handle());
    return handle;
  }
};

/// A handle, or none. Looking into none gives INVALID.
class OptionalHandle {
public:
  OptionalHandle() noexcept = default;
  OptionalHandle(Handle handle) noexcept : handle_(handle), is_there_(true) {}
  explicit operator bool() const noexcept { return is_there_; }
  const Handle &operator*() const noexcept { return handle_; }
  const Handle *operator->() const noexcept { return &handle_; }

private:
  Handle handle_;
  bool is_there_ = false;
};

/// The host's span round the running call, INVALID where it was not sampled; none where there is none. You may add to
/// it, but only the host ends it.
inline OptionalHandle current_span() noexcept {
  bext_handle handle;
  return bext_current_span(&handle) ? OptionalHandle(handle) : OptionalHandle();
}

/* --- W3C traceparent -------------------------------------------------------------------------------------------- */

/// A parent in another process: its handle and its trace-flags. Without a handle it is none.
struct RemoteParent {
  Handle handle;
  uint8_t flags = BEXT_PARENT_FLAGS_DEFAULT;
  explicit operator bool() const noexcept { return !handle.is_invalid(); }
};

/// Read a traceparent; none where the text is not a valid one. A version above 00 may carry more fields, which are
/// ignored.
inline RemoteParent parse_traceparent(const Text &text) noexcept {
  bext_handle handle;
  uint8_t flags;
  if (!bext_traceparent_parse_n(text.c_text(), text.c_length(), &handle, &flags)) return {};
  return {handle, flags};
}

/// The text of a traceparent of version 00; empty for an INVALID handle.
class Traceparent {
public:
  explicit Traceparent(const Handle &span, bool sampled = true) noexcept {
    size_ = bext_traceparent_format(span.c_handle(), sampled, text_) ? BEXT_TRACEPARENT_SIZE - 1 : 0;
  }
  const char *c_str() const noexcept { return text_; }
  const char *data() const noexcept { return text_; }
  size_t size() const noexcept { return size_; }

private:
  char text_[BEXT_TRACEPARENT_SIZE];
  size_t size_;
};

/* --- Spans and events, piece by piece --------------------------------------------------------------------------- */

/// A span that is to be started, in a buffer of yours that must live as long. What does not fit is dropped alone; a
/// name is cut, and leaves 128 bytes of a buffer of 256 or more, so set parent and start time first and they fit.
class SpanStart {
public:
  SpanStart(void *buffer, size_t capacity, const Text &name, SpanKind kind = SpanKind::internal) noexcept {
    bext_span_init_n(&builder_, buffer, capacity, name.c_text(), name.c_length(), detail::c_kind(kind));
  }
  SpanStart(const SpanStart &) = delete;
  SpanStart &operator=(const SpanStart &) = delete;

  /// Set the parent; of several calls, also to remote_parent, the last one counts. Without one the span is a root;
  /// below an INVALID parent it is INVALID.
  SpanStart &parent(const Handle &parent) noexcept {
    bext_span_parent(&builder_, parent.c_handle());
    return *this;
  }

  /// The host's span round the running call as the parent, or none where there is none.
  SpanStart &parent_current() noexcept {
    if (const OptionalHandle current = current_span()) parent(*current);
    return *this;
  }

  /// Set a parent in another process, with its W3C tracestate; none is none. The host's policy decides what becomes of
  /// it.
  SpanStart &remote_parent(const RemoteParent &parent, const Text &trace_state = {}) noexcept {
    bext_span_remote_parent_n(&builder_, parent.handle.c_handle(), parent.flags, trace_state.c_text(),
                              trace_state.c_length());
    return *this;
  }

  /// Add an attribute; of two with the same key the last value counts.
  SpanStart &attr(const Text &key, const Value &value) noexcept {
    bext_span_attr_n(&builder_, key.c_text(), key.c_length(), value.c_value());
    return *this;
  }
  template <size_t N>
  SpanStart &attrs(const Attribute (&attributes)[N]) noexcept {
    detail::add_attributes(&builder_, &attributes->c_attribute(), N);
    return *this;
  }

  /// Add a link; one to an INVALID handle is skipped.
  SpanStart &link(const Handle &other) noexcept {
    bext_span_link(&builder_, other.c_handle(), nullptr, 0);
    return *this;
  }
  template <size_t N>
  SpanStart &link(const Handle &other, const Attribute (&attributes)[N]) noexcept {
    bext_span_link(&builder_, other.c_handle(), &attributes->c_attribute(), N);
    return *this;
  }

  /// Set the start time in nanoseconds since 1970; 0 is the host's clock. One above 2^63-1 is dropped.
  SpanStart &start_time(uint64_t start_time_unix_nanos) noexcept {
    bext_span_start_time(&builder_, start_time_unix_nanos);
    return *this;
  }

  /// Start the span. This object stays as it was, and may start another.
  Span start() noexcept { return Span(bext_span_start(&builder_)); }

private:
  bext_span_builder builder_;
};

/// An event that is to be added, in a buffer of yours; all that SpanStart says of buffers holds.
class Event {
public:
  Event(void *buffer, size_t capacity, const Text &name) noexcept {
    bext_event_init_n(&builder_, buffer, capacity, name.c_text(), name.c_length());
  }
  Event(const Event &) = delete;
  Event &operator=(const Event &) = delete;

  /// Add an attribute; of two with the same key the last value counts.
  Event &attr(const Text &key, const Value &value) noexcept {
    bext_event_attr_n(&builder_, key.c_text(), key.c_length(), value.c_value());
    return *this;
  }
  template <size_t N>
  Event &attrs(const Attribute (&attributes)[N]) noexcept {
    detail::add_attributes(&builder_, &attributes->c_attribute(), N);
    return *this;
  }

  /// Set the time in nanoseconds since 1970; 0 is the host's clock. One above 2^63-1 is dropped.
  Event &time(uint64_t time_unix_nanos) noexcept {
    bext_event_time(&builder_, time_unix_nanos);
    return *this;
  }

  /// Add it to a span. This object stays as it was, and may be added again.
  void add_to(const Handle &span) noexcept { bext_event_add(span.c_handle(), &builder_); }

private:
  bext_event_builder builder_;
};

/// SpanStart with a buffer of N bytes of its own.
template <size_t N = BEXT_TRACER_STACK_BUFFER>
class SpanBuilder : private detail::Buffer<N>, public SpanStart {
public:
  explicit SpanBuilder(const Text &name, SpanKind kind = SpanKind::internal) noexcept
      : SpanStart(detail::Buffer<N>::bytes, N, name, kind) {}
};

/// Event with a buffer of N bytes of its own.
template <size_t N = BEXT_TRACER_STACK_BUFFER>
class EventBuilder : private detail::Buffer<N>, public Event {
public:
  explicit EventBuilder(const Text &name) noexcept : Event(detail::Buffer<N>::bytes, N, name) {}
};

/* --- Spans, the short way: one call ----------------------------------------------------------------------------- */

#if defined(__clang__)
#pragma clang attribute pop
#endif

namespace detail {

// A null parent is none.
BEXT_IMPL_ONE_COPY bext_handle start(const Text &name, SpanKind kind, const Handle *parent,
                                     const bext_attribute *attributes, size_t count) noexcept {
  uint8_t buffer[BEXT_TRACER_STACK_BUFFER];
  bext_span_builder builder;
  bext_span_init_n(&builder, buffer, sizeof buffer, name.c_text(), name.c_length(), c_kind(kind));
  if (parent != nullptr) bext_span_parent(&builder, parent->c_handle());
  add_attributes(&builder, attributes, count);
  return bext_span_start(&builder);
}

inline bext_handle start_under_current(const Text &name, SpanKind kind, const bext_attribute *attributes,
                                       size_t count) noexcept {
  const OptionalHandle current = current_span();
  return start(name, kind, current ? &*current : nullptr, attributes, count);
}

BEXT_IMPL_ONE_COPY void add_event(const Handle &span, uint64_t time, const Text &name, const bext_attribute *attributes,
                                  size_t count) noexcept {
  uint8_t buffer[BEXT_TRACER_STACK_BUFFER];
  bext_event_builder builder;
  if (span.is_invalid()) return;
  bext_event_init_n(&builder, buffer, sizeof buffer, name.c_text(), name.c_length());
  bext_event_time(&builder, time);
  add_attributes(&builder, attributes, count);
  bext_event_add(span.c_handle(), &builder);
}

} // namespace detail

#if defined(__clang__)
#pragma clang attribute push(__attribute__((always_inline)), apply_to = function)
#endif

/// Start a span below `parent`, on the host's clock. INVALID where it is not sampled, and without asking the host where
/// `parent` is INVALID.
inline Span start(const char *name, SpanKind kind, const Handle &parent) noexcept {
  return Span(bext_start(name, detail::c_kind(kind), parent.c_handle()));
}
inline Span start(const Text &name, SpanKind kind, const Handle &parent) noexcept {
  return Span(detail::start(name, kind, &parent, nullptr, 0));
}
template <size_t N>
Span start(const Text &name, SpanKind kind, const Handle &parent, const Attribute (&attributes)[N]) noexcept {
  return Span(detail::start(name, kind, &parent, &attributes->c_attribute(), N));
}

/// The same without a parent: the span starts a new trace.
inline Span start_root(const char *name, SpanKind kind = SpanKind::internal) noexcept {
  return Span(bext_start_root(name, detail::c_kind(kind)));
}
inline Span start_root(const Text &name, SpanKind kind = SpanKind::internal) noexcept {
  return Span(detail::start(name, kind, nullptr, nullptr, 0));
}
template <size_t N>
Span start_root(const Text &name, SpanKind kind, const Attribute (&attributes)[N]) noexcept {
  return Span(detail::start(name, kind, nullptr, &attributes->c_attribute(), N));
}

/// The same below the host's span round this call, or without a parent where there is none.
inline Span start_under_current(const char *name, SpanKind kind = SpanKind::internal) noexcept {
  return Span(bext_start_under_current(name, detail::c_kind(kind)));
}
inline Span start_under_current(const Text &name, SpanKind kind = SpanKind::internal) noexcept {
  return Span(detail::start_under_current(name, kind, nullptr, 0));
}
template <size_t N>
Span start_under_current(const Text &name, SpanKind kind, const Attribute (&attributes)[N]) noexcept {
  return Span(detail::start_under_current(name, kind, &attributes->c_attribute(), N));
}

inline void Handle::event(const char *name) const noexcept { bext_event(handle_, name); }
inline void Handle::event(const Text &name) const noexcept { detail::add_event(*this, 0, name, nullptr, 0); }
inline void Handle::event_at(uint64_t time_unix_nanos, const Text &name) const noexcept {
  detail::add_event(*this, time_unix_nanos, name, nullptr, 0);
}
template <size_t N>
void Handle::event(const Text &name, const Attribute (&attributes)[N]) const noexcept {
  detail::add_event(*this, 0, name, &attributes->c_attribute(), N);
}
template <size_t N>
void Handle::event_at(uint64_t time_unix_nanos, const Text &name, const Attribute (&attributes)[N]) const noexcept {
  detail::add_event(*this, time_unix_nanos, name, &attributes->c_attribute(), N);
}

/// How many pieces this SDK dropped or cut since the instance started; stays at 2^32-1. What the host drops, the host
/// counts.
inline uint32_t dropped() noexcept { return bext_dropped(); }

#if defined(__clang__)
#pragma clang attribute pop
#endif
#undef BEXT_IMPL_ONE_COPY

} // namespace bext

#endif // BEXT_TRACER_HPP
