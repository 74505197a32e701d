#include "kernels/instantiate.h"
#include "simd/pack.h"
#include "simd/vmath.h"

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

// Rows of the bag itself, which the bag before has asked for, come from the second-level cache.
constexpr Index kAhead = 8;
constexpr Index kLine = 64;
// Of vectors of 256 bits sixteen registers hold seven packs, and a weight beside them: rows of a hundred numbers are read in one piece.
template <class T>
constexpr int kMostPacks = Pack<T>::kParts <= 2 ? 7 : 4;

template <class T>
PYFFNN_INLINE void fetch(const T* row, Index bytes) {
  const char* const at = reinterpret_cast<const char*>(row);
  PYFFNN_UNROLL for (Index i = 0; i < bytes; i += kLine) __builtin_prefetch(at + i, 0, 3);
}

// Columns [col, col + NP packs).
template <class T, int NP>
void sum_block(const BagRows<T>& a, Index col, T* out) {
  constexpr Index kBytes = NP * kWide * static_cast<Index>(sizeof(T));
  const T* const table = a.table + col;
  const Index all = a.weighted + a.plain;
  Pack<T> sum[NP];
  PYFFNN_UNROLL for (int k = 0; k < NP; ++k) sum[k] = pack_set1<T>(0);
  for (Index i = 0; i < all; ++i) {
    if (i + kAhead < all) fetch(table + static_cast<Index>(a.rows[i + kAhead]) * a.ld, kBytes);
    const T* const row = table + static_cast<Index>(a.rows[i]) * a.ld;
    if (i < a.weighted) {
      const Vec<T> w = set1(a.weights[i]);
      PYFFNN_UNROLL for (int k = 0; k < NP; ++k) {
        const Pack<T> x = pack_load(row + k * kWide);
        PYFFNN_UNROLL for (int p = 0; p < Pack<T>::kParts; ++p) sum[k].v[p] = fma(w, x.v[p], sum[k].v[p]);
      }
    } else {
      PYFFNN_UNROLL for (int k = 0; k < NP; ++k) {
        const Pack<T> x = pack_load(row + k * kWide);
        PYFFNN_UNROLL for (int p = 0; p < Pack<T>::kParts; ++p) sum[k].v[p] = sum[k].v[p] + x.v[p];
      }
    }
  }
  PYFFNN_UNROLL for (int k = 0; k < NP; ++k) pack_store(out + col + k * kWide, sum[k]);
}

// What comes next is on its way while these rows are written.
template <class T>
PYFFNN_INLINE void fetch_coming(const BagRows<T>& a, Index i) {
  if (i >= a.num_coming) return;
  const char* const row = reinterpret_cast<const char*>(a.table + static_cast<Index>(a.coming[i]) * a.ld);
  const Index bytes = a.d * static_cast<Index>(sizeof(T));
  for (Index at = 0; at < bytes; at += kLine) prefetch_l2(row + at);
}

template <class T, int NP>
void add_block(const BagRows<T>& a, Index col, const T* g) {
  T* const table = a.table + col;
  const Index all = a.weighted + a.plain;
  Pack<T> by[NP];
  PYFFNN_UNROLL for (int k = 0; k < NP; ++k) by[k] = pack_load(g + col + k * kWide);
  const bool fetching = col == 0;
  for (Index i = 0; i < a.weighted; ++i) {
    if (fetching) fetch_coming(a, i);
    T* const row = table + static_cast<Index>(a.rows[i]) * a.ld;
    const Vec<T> w = set1(a.weights[i]);
    PYFFNN_UNROLL for (int k = 0; k < NP; ++k) {
      Pack<T> x = pack_load(row + k * kWide);
      PYFFNN_UNROLL for (int p = 0; p < Pack<T>::kParts; ++p) x.v[p] = fma(w, by[k].v[p], x.v[p]);
      pack_store(row + k * kWide, x);
    }
  }
  for (Index i = a.weighted; i < all; ++i) {
    if (fetching) fetch_coming(a, i);
    T* const row = table + static_cast<Index>(a.rows[i]) * a.ld;
    PYFFNN_UNROLL for (int k = 0; k < NP; ++k) {
      Pack<T> x = pack_load(row + k * kWide);
      PYFFNN_UNROLL for (int p = 0; p < Pack<T>::kParts; ++p) x.v[p] = x.v[p] + by[k].v[p];
      pack_store(row + k * kWide, x);
    }
  }
}

template <class T, int NP>
void sum_rest(const BagRows<T>& a, Index col, T* out) {
  if (a.d - col > (NP - 1) * kWide) return sum_block<T, NP>(a, col, out);
  if constexpr (NP > 1) sum_rest<T, NP - 1>(a, col, out);
}

template <class T>
void bag_sum_impl(const BagRows<T>& a, T* out) {
  Index col = 0;
  for (; a.d - col > kMostPacks<T> * kWide; col += kMostPacks<T> * kWide) sum_block<T, kMostPacks<T>>(a, col, out);
  sum_rest<T, kMostPacks<T>>(a, col, out);
}

template <class T, int NP>
void add_rest(const BagRows<T>& a, Index col, const T* g) {
  if (a.d - col > (NP - 1) * kWide) return add_block<T, NP>(a, col, g);
  if constexpr (NP > 1) add_rest<T, NP - 1>(a, col, g);
}

template <class T>
void bag_add_impl(const BagRows<T>& a, const T* g) {
  Index col = 0;
  for (; a.d - col > kMostPacks<T> * kWide; col += kMostPacks<T> * kWide) add_block<T, kMostPacks<T>>(a, col, g);
  add_rest<T, kMostPacks<T>>(a, col, g);
}

template <class T>
T softmax_step_impl(const SoftmaxStep<T>& a) {
  T z[kWide];
  for (T& value : z) value = -T(__builtin_inf());
  for (Index c = 0; c < a.classes; ++c) {
    const T* const w = a.w + c * a.ld;
    Pack<T> sum = pack_set1<T>(0);
    for (Index j = 0; j < a.d; j += kWide) {
      const Pack<T> x = pack_load(a.x + j), y = pack_load(w + j);
      PYFFNN_UNROLL for (int p = 0; p < Pack<T>::kParts; ++p) sum.v[p] = fma(x.v[p], y.v[p], sum.v[p]);
    }
    z[c] = pack_sum(sum);
  }
  T most = z[0];
  for (Index c = 1; c < a.classes; ++c) most = z[c] > most ? z[c] : most;
  Pack<T> e = pack_load(z);
  const Vec<T> ref = set1(most);
  PYFFNN_UNROLL for (int p = 0; p < Pack<T>::kParts; ++p) e.v[p] = vexp<T>(e.v[p] - ref);
  const T inv = T(1) / pack_sum(e);
  PYFFNN_UNROLL for (int p = 0; p < Pack<T>::kParts; ++p) e.v[p] = e.v[p] * set1(inv);
  T prob[kWide];
  pack_store(prob, e);
  T alpha[kWide];
  for (Index c = 0; c < a.classes; ++c) alpha[c] = a.lr * ((c == a.target ? T(1) : T(0)) - prob[c]);
  for (Index j = 0; j < a.d; j += kWide) {
    const Pack<T> x = pack_load(a.x + j);
    Pack<T> sum = pack_set1<T>(0);
    for (Index c = 0; c < a.classes; ++c) {
      Pack<T> w = pack_load(a.w + c * a.ld + j);
      const Vec<T> by = set1(alpha[c]);
      PYFFNN_UNROLL for (int p = 0; p < Pack<T>::kParts; ++p) {
        sum.v[p] = fma(by, w.v[p], sum.v[p]);
        w.v[p] = fma(by, x.v[p], w.v[p]);
      }
      pack_store(a.w + c * a.ld + j, w);
    }
    pack_store(a.gradient + j, sum);
  }
  return prob[a.target];
}

}  // namespace

#define PYFFNN_DEFINE(T)                                                    \
  void bag_sum(const BagRows<T>& bag, T* out) { bag_sum_impl(bag, out); }   \
  void bag_add(const BagRows<T>& bag, const T* g) { bag_add_impl(bag, g); } \
  T softmax_step(const SoftmaxStep<T>& args) { return softmax_step_impl(args); }
PYFFNN_DEFINE(float)
PYFFNN_DEFINE(double)

}  // namespace PYFFNN_ISA
}  // namespace pyffnn
