// What every C function asks of its arguments: sizes, row distances, pointers, memory that does not overlap.
#pragma once
#include <cinttypes>
#include <initializer_list>

#include "capi/status.h"
#include "ops/embedding.h"

namespace pyffnn::capi {

// Elements beyond this have addresses that no pointer holds.
constexpr Index kMost = Index{1} << 58;

inline void check_size(const char* name, Index n) {
  if (__builtin_expect(n < 0 || n > kMost, 0))
    refuse(PYFFNN_BAD_ARGUMENT, "%s must be at least 0 and below 2^58, got %" PRId64, name, static_cast<std::int64_t>(n));
}

inline void check_pointer(const char* name, const void* p, Index n) {
  if (__builtin_expect(p == nullptr && n > 0, 0)) refuse(PYFFNN_BAD_ARGUMENT, "%s must not be NULL", name);
}

// Memory of an argument, for the comparison of outputs with inputs.
struct Span {
  const char* name;
  const char* begin;
  const char* end;
};

template <class T>
Span flat(const char* name, const T* p, Index n) {
  check_pointer(name, p, n);
  return {name, reinterpret_cast<const char*>(p),
          reinterpret_cast<const char*>(p) + (p == nullptr ? 0 : n * static_cast<Index>(sizeof(T)))};
}

// rows x cols at p, rows of ld.
template <class T>
Span matrix(const char* name, const T* p, Index rows, Index cols, Index ld) {
  if (__builtin_expect(ld < cols || ld > kMost, 0))
    refuse(PYFFNN_BAD_ARGUMENT, "the row distance of %s must be at least its %" PRId64 " columns, got %" PRId64, name,
           static_cast<std::int64_t>(cols), static_cast<std::int64_t>(ld));
  Index last = 0;
  if (rows == 0 || cols == 0) return flat(name, p, Index{0});
  if (__builtin_expect(__builtin_mul_overflow(rows - 1, ld, &last) || last > kMost, 0))
    refuse(PYFFNN_BAD_ARGUMENT, "%s does not fit into memory: %" PRId64 " rows of %" PRId64, name, static_cast<std::int64_t>(rows),
           static_cast<std::int64_t>(ld));
  return flat(name, p, last + cols);
}

inline bool overlap(const Span& a, const Span& b) { return a.begin < b.end && b.begin < a.end; }

inline void check_apart(const Span& out, std::initializer_list<Span> inputs) {
  for (const Span& in : inputs)
    if (__builtin_expect(overlap(out, in), 0)) refuse(PYFFNN_BAD_ARGUMENT, "%s must not overlap %s", out.name, in.name);
}
// `out` may be the very same memory as `in`.
inline void check_same_or_apart(const Span& out, const Span& in, bool same_rows = true) {
  if (__builtin_expect(overlap(out, in) && !(out.begin == in.begin && same_rows), 0))
    refuse(PYFFNN_BAD_ARGUMENT, "%s must be %s or not overlap it", out.name, in.name);
}

inline Act act_of(std::int32_t code) {
  if (__builtin_expect(code < 0 || code >= kActs, 0))
    refuse(PYFFNN_BAD_ARGUMENT, "activation must be between 0 and %d, got %d", kActs - 1, static_cast<int>(code));
  return static_cast<Act>(code);
}

inline void check_ids(const char* name, const std::int64_t* ids, Index count, Index rows) {
  const Index bad = ops::first_bad_id(ids, count, rows);
  if (__builtin_expect(bad >= 0, 0))
    refuse(PYFFNN_BAD_ID, "%s[%" PRId64 "] = %" PRId64 " is outside [0, %" PRId64 ")", name, static_cast<std::int64_t>(bad), ids[bad],
           static_cast<std::int64_t>(rows));
}

template <class T>
void check_weights(const char* name, const T* w, Index n) {
  if (w == nullptr) return;
  for (Index i = 0; i < n; ++i)
    if (!(w[i] >= T(0)) || w[i] - w[i] != T(0))
      refuse(PYFFNN_BAD_ARGUMENT, "%s must be finite and not negative, got %g at %" PRId64, name, static_cast<double>(w[i]),
             static_cast<std::int64_t>(i));
}

}  // namespace pyffnn::capi
