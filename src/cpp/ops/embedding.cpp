#include "ops/embedding.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <vector>

#include "core/dispatch.h"
#include "core/thread_pool.h"

namespace pyffnn::ops {
namespace {

void gather(const Kernels<float>& k, const float* t, Index ld, const std::int32_t* ids, Index c, Index d, float* o, Index ldo) {
  k.gather_i32(t, ld, ids, c, d, o, ldo);
}
void gather(const Kernels<float>& k, const float* t, Index ld, const std::int64_t* ids, Index c, Index d, float* o, Index ldo) {
  k.gather_i64(t, ld, ids, c, d, o, ldo);
}
void gather(const Kernels<double>& k, const double* t, Index ld, const std::int32_t* ids, Index c, Index d, double* o, Index ldo) {
  k.gather_i32(t, ld, ids, c, d, o, ldo);
}
void gather(const Kernels<double>& k, const double* t, Index ld, const std::int64_t* ids, Index c, Index d, double* o, Index ldo) {
  k.gather_i64(t, ld, ids, c, d, o, ldo);
}
template <class T>
void pool(const Kernels<T>& k, const T* t, Index ld, const std::int32_t* ids, const Index* offsets, const T* w, const T* scale, Index bags,
          Index d, T* o, Index ldo) {
  k.pool_i32(t, ld, ids, offsets, w, scale, bags, d, o, ldo);
}
template <class T>
void pool(const Kernels<T>& k, const T* t, Index ld, const std::int64_t* ids, const Index* offsets, const T* w, const T* scale, Index bags,
          Index d, T* o, Index ldo) {
  k.pool_i64(t, ld, ids, offsets, w, scale, bags, d, o, ldo);
}

template <class T>
T bag_scale(const T* weights, Index begin, Index end, bool mean) {
  if (begin == end) return T(0);
  if (!mean) return T(1);
  double sum = 0;
  if (weights == nullptr) {
    sum = static_cast<double>(end - begin);
  } else {
    for (Index i = begin; i < end; ++i) sum += static_cast<double>(weights[i]);
  }
  return sum == 0 ? T(0) : static_cast<T>(1.0 / sum);
}

}  // namespace

namespace {

// Ids that a compiler turns into vectors at any level that has them: of a number that is known, without a rest.
constexpr Index kIdBlock = 64;

// The sign is set if one of them is outside [0, top]: that of id | (top - id). Without a branch or a compare, so that the baseline's
// vectors suffice.
template <class U, class I>
U signs(const I* ids, Index count, U top) {
  U seen = 0;
  if (count == kIdBlock) {
    for (Index j = 0; j < kIdBlock; ++j) seen |= static_cast<U>(ids[j]) | (top - static_cast<U>(ids[j]));
    return seen;
  }
  for (Index j = 0; j < count; ++j) seen |= static_cast<U>(ids[j]) | (top - static_cast<U>(ids[j]));
  return seen;
}

}  // namespace

template <class I>
Index first_bad_id(const I* ids, Index count, Index rows) {
  using U = std::make_unsigned_t<I>;
  constexpr Index kMost = std::numeric_limits<I>::max();
  constexpr int kSign = 8 * sizeof(I) - 1;
  if (rows == 0) return count > 0 ? 0 : -1;
  const U top = static_cast<U>(std::min(rows - 1, kMost));
  for (Index i = 0; i < count; i += kIdBlock) {
    const Index n = std::min(kIdBlock, count - i);
    if (signs(ids + i, n, top) >> kSign == 0) continue;
    for (Index j = 0; j < n; ++j)
      if (ids[i + j] < 0 || static_cast<Index>(ids[i + j]) >= rows) return i + j;
  }
  return -1;
}

template <class From, class To>
void copy_ids(const From* from, Index count, To* __restrict to) {
  for (; count >= kIdBlock; count -= kIdBlock, from += kIdBlock, to += kIdBlock)
    for (Index j = 0; j < kIdBlock; ++j) to[j] = static_cast<To>(from[j]);
  for (Index j = 0; j < count; ++j) to[j] = static_cast<To>(from[j]);
}

template <class T, class I>
void embedding(const T* table, Index ld, const I* ids, Index count, Index d, T* out, Index ldo) {
  const auto& k = dispatch::kernels<T>();
  const int parts = threads::threads_for(static_cast<double>(count) * static_cast<double>(d * 2 + 16));
  threads::parallel_for(count, parts, [&](Index b, Index e) { gather(k, table, ld, ids + b, e - b, d, out + b * ldo, ldo); });
}

template <class T, class I>
void embedding_backward(const T* dy, const I* ids, Index count, Index rows, Index d, T* grad) {
  const auto& k = dispatch::kernels<T>();
  const int parts = threads::threads_for(static_cast<double>(count + rows) * static_cast<double>(d));
  threads::parallel_for(rows, parts, [&](Index b, Index e) {
    std::memset(grad + b * d, 0, static_cast<std::size_t>((e - b) * d) * sizeof(T));
    for (Index i = 0; i < count; ++i) {
      const Index id = static_cast<Index>(ids[i]);
      if (id >= b && id < e) k.axpy(T(1), dy + i * d, grad + id * d, d);
    }
  });
}

template <class T, class I>
void mean_pool(const T* table, Index ld, const I* ids, const Index* offsets, const T* weights, Index bags, Index d, T* out, Index ldo,
               bool mean) {
  const auto& k = dispatch::kernels<T>();
  const Index count = bags > 0 ? offsets[bags] - offsets[0] : 0;
  const int parts = threads::threads_for(static_cast<double>(count) * static_cast<double>(d * 2 + 16));
  threads::parallel_for(bags, parts, [&](Index b, Index e) {
    constexpr Index kBlock = 256;
    T scale[kBlock];
    for (Index at = b; at < e; at += kBlock) {
      const Index n = std::min(kBlock, e - at);
      for (Index j = 0; j < n; ++j) scale[j] = bag_scale(weights, offsets[at + j], offsets[at + j + 1], mean);
      pool(k, table, ld, ids, offsets + at, weights, scale, n, d, out + at * ldo, ldo);
    }
  });
}

template <class T, class I>
void mean_pool_backward(const T* dy, const I* ids, const Index* offsets, const T* weights, Index bags, Index rows, Index d, T* grad,
                        bool mean) {
  const auto& k = dispatch::kernels<T>();
  const Index count = bags > 0 ? offsets[bags] - offsets[0] : 0;
  std::vector<T> scale(static_cast<std::size_t>(bags));
  for (Index b = 0; b < bags; ++b) scale[static_cast<std::size_t>(b)] = bag_scale(weights, offsets[b], offsets[b + 1], mean);
  const int parts = threads::threads_for(static_cast<double>(count + rows) * static_cast<double>(d));
  threads::parallel_for(rows, parts, [&](Index rb, Index re) {
    std::memset(grad + rb * d, 0, static_cast<std::size_t>((re - rb) * d) * sizeof(T));
    for (Index bag = 0; bag < bags; ++bag) {
      const T s = scale[static_cast<std::size_t>(bag)];
      for (Index i = offsets[bag]; i < offsets[bag + 1]; ++i) {
        const Index id = static_cast<Index>(ids[i]);
        if (id >= rb && id < re) k.axpy(weights == nullptr ? s : s * weights[i], dy + bag * d, grad + id * d, d);
      }
    }
  });
}

template Index first_bad_id(const std::int32_t*, Index, Index);
template Index first_bad_id(const std::int64_t*, Index, Index);
template void copy_ids(const std::int32_t*, Index, std::int32_t*);
template void copy_ids(const std::int64_t*, Index, std::int32_t*);
template void copy_ids(const std::int64_t*, Index, std::int64_t*);
#define PYFFNN_INSTANTIATE(T, I)                                                                             \
  template void embedding(const T*, Index, const I*, Index, Index, T*, Index);                               \
  template void embedding_backward(const T*, const I*, Index, Index, Index, T*);                             \
  template void mean_pool(const T*, Index, const I*, const Index*, const T*, Index, Index, T*, Index, bool); \
  template void mean_pool_backward(const T*, const I*, const Index*, const T*, Index, Index, Index, T*, bool);
PYFFNN_INSTANTIATE(float, std::int32_t)
PYFFNN_INSTANTIATE(float, std::int64_t)
PYFFNN_INSTANTIATE(double, std::int32_t)
PYFFNN_INSTANTIATE(double, std::int64_t)
#undef PYFFNN_INSTANTIATE

}  // namespace pyffnn::ops
