#include "kernels/instantiate.h"
#include "simd/pack.h"
#include "simd/transpose.h"
#include "simd/vmath.h"

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

template <class T>
constexpr T kInf = T(__builtin_inf());

// kNan: NaN wins. Without, a NaN may be dropped: cheaper, and enough where the exponentials that follow give NaN again.
template <class T, bool kNan>
PYFFNN_INLINE T row_max_impl(const T* x, Index n) {
  // Four packs: the maximum has no rounding, so its order is free and only latency counts.
  Pack<T> m[4];
  for (auto& p : m) p = pack_set1<T>(-kInf<T>);
  Index i = 0;
  auto max_of = [](Vec<T> a, Vec<T> b) PYFFNN_LAMBDA_INLINE { return kNan ? max_nan<T>(a, b) : larger(a, b); };
  for (; i + 4 * kWide <= n; i += 4 * kWide) {
    PYFFNN_UNROLL for (int j = 0; j < 4; ++j) m[j] = pack_map<T>(max_of, m[j], pack_load(x + i + j * kWide));
  }
  for (; i + kWide <= n; i += kWide) m[0] = pack_map<T>(max_of, m[0], pack_load(x + i));
  if (i < n) m[1] = pack_map<T>(max_of, m[1], pack_load_tail(x + i, n - i, -kInf<T>));
  return pack_reduce<T>(pack_map<T>(max_of, pack_map<T>(max_of, m[0], m[1]), pack_map<T>(max_of, m[2], m[3])),
                        [](auto a, auto b) PYFFNN_LAMBDA_INLINE { return ((a > b) | (a != a)) ? a : b; });
}

// y = exp(x - ref), returns the sum; y null: the sum only.
template <class T, bool kStore>
PYFFNN_INLINE T exp_sum_impl(const T* x, T ref, T* y, Index n) {
  Pack<T> sum = pack_set1<T>(0);
  const Vec<T> r = set1(ref);
  auto add = [](Vec<T> a, Vec<T> b) PYFFNN_LAMBDA_INLINE { return a + b; };
  auto e = [r](Vec<T> v) PYFFNN_LAMBDA_INLINE { return vexp<T>(v - r); };
  Index i = 0;
  for (; i + 2 * kWide <= n; i += 2 * kWide) {
    const Pack<T> a = pack_map<T>(e, pack_load(x + i)), b = pack_map<T>(e, pack_load(x + i + kWide));
    sum = pack_map<T>(add, pack_map<T>(add, sum, a), b);
    if (kStore) {
      pack_store(y + i, a);
      pack_store(y + i + kWide, b);
    }
  }
  for (; i < n; i += kWide) {
    const Pack<T> a = pack_map<T>(e, i + kWide <= n ? pack_load(x + i) : pack_load_tail(x + i, n - i, -kInf<T>));
    sum = pack_map<T>(add, sum, a);
    if (kStore) {
      if (i + kWide <= n)
        pack_store(y + i, a);
      else
        pack_store_tail(y + i, a, n - i);
    }
  }
  return pack_sum(sum);
}

// y = f(x) elementwise over one row.
template <class T, class F>
PYFFNN_INLINE void map_row(const T* x, T* y, Index n, F f) {
  constexpr Index L = kLanes<T>;
  Index i = 0;
  for (; i + L <= n; i += L) store(y + i, f(load(x + i)));
  if (i < n) store_tail(y + i, f(load_tail(x + i, n - i)), n - i);
}

template <class T>
PYFFNN_INLINE T log_scalar(T x) {
  return vlog<T>(set1(x))[0];
}

template <class T>
PYFFNN_INLINE T dot_impl(const T* x, const T* y, Index n) {
  Pack<T> sum = pack_set1<T>(0);
  auto mul_add = [](Vec<T> s, Vec<T> a, Vec<T> b) PYFFNN_LAMBDA_INLINE { return fma(a, b, s); };
  Index i = 0;
  for (; i + kWide <= n; i += kWide) sum = pack_map<T>(mul_add, sum, pack_load(x + i), pack_load(y + i));
  if (i < n) sum = pack_map<T>(mul_add, sum, pack_load_tail(x + i, n - i, T(0)), pack_load_tail(y + i, n - i, T(0)));
  return pack_sum(sum);
}

// Short rows go through each pass some at a time, as many as stay in L1: the passes of one row alone would wait for each other.
constexpr Index kRowBlock = 16, kBlockBytes = 16384;
template <class T>
PYFFNN_INLINE Index rows_at_a_time(Index n) {
  const Index fit = kBlockBytes / static_cast<Index>(sizeof(T)) / (n > 0 ? n : 1);
  return fit < 1 ? 1 : fit < kRowBlock ? fit : kRowBlock;
}

// Rows of one pack at most, a vector's worth of them, turned round: vector j holds column j. A maximum or a sum of one row alone waits
// for its own lanes to be folded, and its exponentials take all 16 lanes, however few columns there are; here each is one operation a
// column for all rows. The sums have the pack's tree, so the bits are those of the rows taken one by one.
template <class T>
struct Turned {
  static constexpr Index kRows = kLanes<T>;
  Vec<T> column[kWide];
  Index rows, n;

  // Fewer rows, or a whole pack of columns in narrow vectors, are not worth the turning.
  static bool suits(Index rows, Index n) { return n >= 1 && n <= (kRows == kWide ? kWide : kWide - 1) && 4 * rows >= kRows; }

  Turned(const T* x, Index ldx, Index rows_, Index n_) : rows(rows_), n(n_) {
    Vec<T> part[kRows];
    for (Index j = 0; j < n; j += kRows) {
      const Index cols = n - j < kRows ? n - j : kRows;
      load_transposed(x + j, ldx, rows, cols, part);
      for (Index c = 0; c < cols; ++c) column[j + c] = part[c];
    }
  }
  template <class F>
  PYFFNN_INLINE void map(F f) {
    for (Index j = 0; j < n; ++j) column[j] = f(column[j]);
  }
  Vec<T> top() const {
    Vec<T> best = column[0];
    for (Index j = 1; j < n; ++j) best = larger(best, column[j]);
    return best;
  }
  Vec<T> sum() const {
    Vec<T> s[kWide];
    PYFFNN_UNROLL for (int j = 0; j < kWide; ++j) s[j] = j < n ? column[j] : zero<T>();
    PYFFNN_UNROLL for (int half = kWide / 2; half > 0; half /= 2) {
      PYFFNN_UNROLL for (int j = 0; j < half; ++j) s[j] = s[j] + s[j + half];
    }
    return s[0];
  }
  void store(T* y, Index ldy) const {
    alignas(64) T block[kRows * kRows];
    Vec<T> part[kRows];
    for (Index j = 0; j < n; j += kRows) {
      const Index cols = n - j < kRows ? n - j : kRows;
      for (Index c = 0; c < cols; ++c) PYFFNN_ISA::store(block + c * kRows, column[j + c]);
      load_transposed(block, kRows, cols, kRows, part);
      for (Index r = 0; r < rows; ++r) store_tail(y + r * ldy + j, part[r], cols);
    }
  }
};

template <class T>
void softmax_impl(const T* x, Index ldx, T* y, Index ldy, Index m, Index n) {
  for (Index rows = Turned<T>::kRows; Turned<T>::suits(m < rows ? m : rows, n); m -= rows, x += rows * ldx, y += rows * ldy) {
    rows = m < rows ? m : rows;
    Turned<T> t(x, ldx, rows, n);
    const Vec<T> top = t.top();
    t.map([top](Vec<T> v) PYFFNN_LAMBDA_INLINE { return vexp<T>(v - top); });
    const Vec<T> inv = set1(T(1)) / t.sum();
    t.map([inv](Vec<T> v) PYFFNN_LAMBDA_INLINE { return v * inv; });
    t.store(y, ldy);
  }
  const Index block = rows_at_a_time<T>(n);
  T ref[kRowBlock], sum[kRowBlock];
  for (Index i = 0; i < m; i += block, x += block * ldx, y += block * ldy) {
    const Index rows = m - i < block ? m - i : block;
    for (Index r = 0; r < rows; ++r) ref[r] = row_max_impl<T, false>(x + r * ldx, n);
    for (Index r = 0; r < rows; ++r) sum[r] = exp_sum_impl<T, true>(x + r * ldx, ref[r], y + r * ldy, n);
    for (Index r = 0; r < rows; ++r) {
      const Vec<T> inv = set1(T(1) / sum[r]);
      map_row(y + r * ldy, y + r * ldy, n, [inv](Vec<T> v) PYFFNN_LAMBDA_INLINE { return v * inv; });
    }
  }
}

template <class T>
void log_softmax_impl(const T* x, Index ldx, T* y, Index ldy, Index m, Index n) {
  for (Index rows = Turned<T>::kRows; Turned<T>::suits(m < rows ? m : rows, n); m -= rows, x += rows * ldx, y += rows * ldy) {
    rows = m < rows ? m : rows;
    Turned<T> t(x, ldx, rows, n), e = t;
    const Vec<T> top = t.top();
    e.map([top](Vec<T> v) PYFFNN_LAMBDA_INLINE { return vexp<T>(v - top); });
    const Vec<T> log_sum = vlog<T>(e.sum());
    t.map([top, log_sum](Vec<T> v) PYFFNN_LAMBDA_INLINE { return (v - top) - log_sum; });
    t.store(y, ldy);
  }
  const Index block = rows_at_a_time<T>(n);
  T ref[kRowBlock], sum[kRowBlock];
  for (Index i = 0; i < m; i += block, x += block * ldx, y += block * ldy) {
    const Index rows = m - i < block ? m - i : block;
    for (Index r = 0; r < rows; ++r) ref[r] = row_max_impl<T, false>(x + r * ldx, n);
    for (Index r = 0; r < rows; ++r) sum[r] = exp_sum_impl<T, false>(x + r * ldx, ref[r], static_cast<T*>(nullptr), n);
    for (Index r = 0; r < rows; ++r) {
      const Vec<T> top = set1(ref[r]), log_sum = set1(log_scalar(sum[r]));
      map_row(x + r * ldx, y + r * ldy, n, [top, log_sum](Vec<T> v) PYFFNN_LAMBDA_INLINE { return (v - top) - log_sum; });
    }
  }
}

template <class T>
void softmax_backward_impl(const T* dy, Index lddy, const T* y, Index ldy, T* dx, Index lddx, Index m, Index n) {
  constexpr Index L = kLanes<T>;
  for (Index i = 0; i < m; ++i, dy += lddy, y += ldy, dx += lddx) {
    const Vec<T> s = set1(dot_impl(dy, y, n));
    Index j = 0;
    for (; j + L <= n; j += L) store(dx + j, load(y + j) * (load(dy + j) - s));
    if (j < n) store_tail(dx + j, load_tail(y + j, n - j) * (load_tail(dy + j, n - j) - s), n - j);
  }
}

template <class T>
void softmax_xent_impl(const T* z, Index ldz, const std::int64_t* target, const T* weight, T* loss, T* dz, Index lddz, Index m, Index n) {
  for (Index rows = Turned<T>::kRows; Turned<T>::suits(m < rows ? m : rows, n); m -= rows, z += rows * ldz, target += rows, loss += rows) {
    rows = m < rows ? m : rows;
    alignas(64) T zt[kLanes<T>] = {};
    for (Index r = 0; r < rows; ++r) zt[r] = z[r * ldz + target[r]];
    Turned<T> t(z, ldz, rows, n);
    const Vec<T> top = t.top(), w = weight != nullptr ? load_tail(weight, rows) : set1(T(1));
    t.map([top](Vec<T> v) PYFFNN_LAMBDA_INLINE { return vexp<T>(v - top); });
    const Vec<T> sum = t.sum();
    store_tail(loss, w * (vlog<T>(sum) - (load_tail(zt, rows) - top)), rows);
    if (weight != nullptr) weight += rows;
    if (dz == nullptr) continue;
    const Vec<T> scale = w / sum;
    t.map([scale](Vec<T> v) PYFFNN_LAMBDA_INLINE { return v * scale; });
    t.store(dz, lddz);
    for (Index r = 0; r < rows; ++r) dz[r * lddz + target[r]] -= weight != nullptr ? w[r] : T(1);
    dz += rows * lddz;
  }
  const Index block = rows_at_a_time<T>(n);
  constexpr Index L = kLanes<T>;
  T ref[kRowBlock], zt[kRowBlock], sum[kRowBlock], log_sum[kRowBlock];
  for (Index i = 0; i < m; i += block, z += block * ldz, target += block, loss += block) {
    const Index rows = m - i < block ? m - i : block;
    for (Index r = 0; r < rows; ++r) {
      ref[r] = row_max_impl<T, false>(z + r * ldz, n);
      zt[r] = z[r * ldz + target[r]];
    }
    for (Index r = 0; r < rows; ++r)
      sum[r] = dz != nullptr ? exp_sum_impl<T, true>(z + r * ldz, ref[r], dz + r * lddz, n)
                             : exp_sum_impl<T, false>(z + r * ldz, ref[r], static_cast<T*>(nullptr), n);
    for (Index r = 0; r < rows; r += L) {
      const Index left = rows - r < L ? rows - r : L;
      store_tail(log_sum + r, vlog<T>(load_tail(sum + r, left)), left);
    }
    for (Index r = 0; r < rows; ++r) {
      const T w = weight != nullptr ? weight[i + r] : T(1);
      loss[r] = w * (log_sum[r] - (zt[r] - ref[r]));
      if (dz == nullptr) continue;
      T* const row = dz + r * lddz;
      const Vec<T> scale = set1(w / sum[r]);
      map_row(row, row, n, [scale](Vec<T> v) PYFFNN_LAMBDA_INLINE { return v * scale; });
      row[target[r]] -= w;
    }
    if (dz != nullptr) dz += block * lddz;
  }
}

template <class T>
void sigmoid_xent_impl(const T* z, Index ldz, const T* target, Index ldt, const T* weight, T* loss, T* dz, Index lddz, Index m, Index n) {
  for (Index i = 0; i < m; ++i, z += ldz, target += ldt, dz += dz != nullptr ? lddz : 0) {
    const T w = weight != nullptr ? weight[i] : T(1);
    Pack<T> sum = pack_set1<T>(0);
    for (Index j = 0; j < n; j += kWide) {
      const Index left = n - j;
      // -inf beyond the row: softplus(-inf) - 0 * ... would be NaN, so the fill is a number whose softplus is 0.
      const Pack<T> zj = pack_load_tail(z + j, left, T(-1e4)), tj = pack_load_tail(target + j, left, T(0));
      Pack<T> l, d;
      PYFFNN_UNROLL for (int p = 0; p < Pack<T>::kParts; ++p) {
        const Vec<T> v = zj.v[p], t = tj.v[p];
        // softplus(z) - t z = max(z, 0) - t z + log(1 + e^-|z|)
        const Vec<T> pos = v < zero<T>() ? zero<T>() : v;
        l.v[p] = pos - t * v + vlog<T>(set1<T>(1) + vexp<T>(-vabs<T>(v)));
        d.v[p] = set1(w) * (vsigmoid<T>(v) - t);
      }
      sum = pack_map<T>([](Vec<T> a, Vec<T> b) PYFFNN_LAMBDA_INLINE { return a + b; }, sum, l);
      if (dz != nullptr) pack_store_tail(dz + j, d, left < kWide ? left : Index{kWide});
    }
    loss[i] = w * pack_sum(sum);
  }
}

// One strip of columns: the sums stay in registers over the rows.
template <class T, bool kTail>
PYFFNN_INLINE void exp_strip(T* x, Index ldx, Index m, const T* bias, const T* ref, T* sum, Index left) {
  auto get = [left](const T* p) PYFFNN_LAMBDA_INLINE { return kTail ? load_tail(p, left) : load(p); };
  auto put = [left](T* p, Vec<T> v) PYFFNN_LAMBDA_INLINE {
    if (kTail)
      store_tail(p, v, left);
    else
      store(p, v);
  };
  const Vec<T> r = get(ref);
  Vec<T> total = zero<T>();
  for (Index i = 0; i < m; ++i, x += ldx) {
    const Vec<T> z = bias != nullptr ? get(x) + set1(bias[i]) : get(x);
    const Vec<T> e = vexp<T>(z - r);
    total = total + e;
    put(x, e);
  }
  put(sum, total);
}

template <class T>
void exp_columns_impl(T* x, Index ldx, Index m, Index n, const T* bias, const T* ref, T* sum) {
  constexpr Index L = kLanes<T>;
  Index j = 0;
  for (; j + L <= n; j += L) exp_strip<T, false>(x + j, ldx, m, bias, ref + j, sum + j, L);
  if (j < n) exp_strip<T, true>(x + j, ldx, m, bias, ref + j, sum + j, n - j);
}

template <class T>
void column_max_impl(const T* x, Index ldx, Index m, Index n, const T* bias, T* top) {
  constexpr Index L = kLanes<T>;
  for (Index j = 0; j < n; j += L) {
    const Index left = n - j;
    const bool tail = left < L;
    Vec<T> best = tail ? load_tail(top + j, left) : load(top + j);
    for (Index i = 0; i < m; ++i) {
      const T* p = x + i * ldx + j;
      const Vec<T> z = tail ? load_tail(p, left) : load(p);
      best = max_nan<T>(best, bias != nullptr ? z + set1(bias[i]) : z);
    }
    if (tail)
      store_tail(top + j, best, left);
    else
      store(top + j, best);
  }
}

template <class T>
void axpy_impl(T alpha, const T* x, T* y, Index n) {
  constexpr Index L = kLanes<T>;
  const Vec<T> a = set1(alpha);
  Index i = 0;
  for (; i + L <= n; i += L) store(y + i, fma(a, load(x + i), load(y + i)));
  if (i < n) store_tail(y + i, fma(a, load_tail(x + i, n - i), load_tail(y + i, n - i)), n - i);
}

}  // namespace

#define PYFFNN_DEFINE(T)                                                                                                                \
  void softmax(const T* x, Index ldx, T* y, Index ldy, Index m, Index n) { softmax_impl(x, ldx, y, ldy, m, n); }                        \
  void log_softmax(const T* x, Index ldx, T* y, Index ldy, Index m, Index n) { log_softmax_impl(x, ldx, y, ldy, m, n); }                \
  void softmax_backward(const T* dy, Index lddy, const T* y, Index ldy, T* dx, Index lddx, Index m, Index n) {                          \
    softmax_backward_impl(dy, lddy, y, ldy, dx, lddx, m, n);                                                                            \
  }                                                                                                                                     \
  void softmax_xent(const T* z, Index ldz, const std::int64_t* target, const T* weight, T* loss, T* dz, Index lddz, Index m, Index n) { \
    softmax_xent_impl(z, ldz, target, weight, loss, dz, lddz, m, n);                                                                    \
  }                                                                                                                                     \
  void sigmoid_xent(const T* z, Index ldz, const T* target, Index ldt, const T* weight, T* loss, T* dz, Index lddz, Index m, Index n) { \
    sigmoid_xent_impl(z, ldz, target, ldt, weight, loss, dz, lddz, m, n);                                                               \
  }                                                                                                                                     \
  T exp_sum(const T* x, T ref, T* y, Index n) { return exp_sum_impl<T, true>(x, ref, y, n); }                                           \
  void exp_columns(T* x, Index ldx, Index m, Index n, const T* bias, const T* ref, T* sum) {                                            \
    exp_columns_impl(x, ldx, m, n, bias, ref, sum);                                                                                     \
  }                                                                                                                                     \
  void column_max(const T* x, Index ldx, Index m, Index n, const T* bias, T* top) { column_max_impl(x, ldx, m, n, bias, top); }         \
  T row_max(const T* x, Index n) { return row_max_impl<T, true>(x, n); }                                                                \
  T dot(const T* x, const T* y, Index n) { return dot_impl(x, y, n); }                                                                  \
  void axpy(T alpha, const T* x, T* y, Index n) { axpy_impl(alpha, x, y, n); }                                                          \
  void scal(T alpha, T* y, Index n) {                                                                                                   \
    const Vec<T> a = set1(alpha);                                                                                                       \
    map_row(y, y, n, [a](Vec<T> v) PYFFNN_LAMBDA_INLINE { return v * a; });                                                             \
  }
PYFFNN_DEFINE(float)
PYFFNN_DEFINE(double)

}  // namespace PYFFNN_ISA
}  // namespace pyffnn
