/* Only compiled: what converts to the C++ SDK's types, and what must not. */
#include "bext_tracer.hpp"

#include <array>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

using bext::Attribute, bext::Handle, bext::Span, bext::Text, bext::Value;

static_assert(!std::is_copy_constructible_v<Span> && !std::is_copy_assignable_v<Span>);
static_assert(std::is_nothrow_move_constructible_v<Span> && std::is_nothrow_move_assignable_v<Span>);
static_assert(std::is_convertible_v<Span &, Handle> && !std::is_convertible_v<Handle, Span>);
static_assert(std::is_trivially_copyable_v<Handle> && std::is_trivially_copyable_v<Attribute>);
static_assert(!std::is_copy_constructible_v<bext::SpanBuilder> && !std::is_move_constructible_v<bext::SpanBuilder>);
static_assert(!std::is_convertible_v<bext_handle, Span> && std::is_convertible_v<Span &, bext::Link>);
static_assert(!std::is_convertible_v<Span, bext::Link> && !std::is_constructible_v<bext::Link, Handle, const Attribute (&)[1]>);

template <class T>
constexpr bool is_value = std::is_convertible_v<T, Value>;

static_assert(is_value<std::string> && is_value<const std::string_view &> && is_value<Text> && is_value<bext::Traceparent>);
static_assert(is_value<char *> && is_value<const char (&)[3]> && is_value<decltype(nullptr)>);
static_assert(is_value<std::vector<int64_t>> && is_value<std::array<bool, 2>> && is_value<std::vector<double> &>);
static_assert(is_value<std::vector<Text>> && is_value<const int64_t (&)[2]> && is_value<const Text (&)[2]>);
static_assert(is_value<bool> && is_value<short> && is_value<unsigned long> && is_value<uint64_t> && is_value<float>);

// A builder borrows, so it is used up in the expression in which it is made.
template <class B, class = void>
constexpr bool can_start = false;
template <class B>
constexpr bool can_start<B, std::void_t<decltype(std::declval<B>().start_time(1).start())>> = true;
static_assert(can_start<bext::SpanBuilder> && !can_start<bext::SpanBuilder &>);

// A pointer is no bool, a char no number, and an array has items of a type that the ABI has.
static_assert(!is_value<void *> && !is_value<const int *> && !is_value<int64_t *> && !is_value<char> && !is_value<Handle>);
static_assert(!is_value<std::vector<int>> && !is_value<const float (&)[2]> && !is_value<std::vector<std::string>> && !is_value<const char *const (&)[2]>);

static_assert(std::is_convertible_v<std::string, Text> && std::is_convertible_v<std::string_view, Text>);
static_assert(!std::is_convertible_v<std::vector<int64_t>, Text> && !std::is_convertible_v<int, Text>);
