#include "train/lm_windows.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>

#include "core/dispatch.h"
#include "core/thread_pool.h"
#include "ops/products/dense.h"
#include "train/lm_params.h"

namespace pyffnn::train::lm {
namespace {

std::size_t bytes_of(Index count, std::size_t size) { return static_cast<std::size_t>(count) * size; }

}  // namespace

// toeplitz_ is [K][longest][window + longest - 1]: entry (k, r, c) is the weight of span row c in the mean of example r, a_{k, r + window -
// c}.
template <class T>
void Windows<T>::build_toeplitz(const T* distant, Index ld) {
  const Index window = config_.distant_window, width = window + longest_ - 1;
  ld_toeplitz_ = padded<T>(width);
  const Index count = config_.distant_kernels * longest_ * ld_toeplitz_;
  T* t = toeplitz_.reserve_of<T>(count);
  std::memset(t, 0, bytes_of(count, sizeof(T)));
  for (Index k = 0; k < config_.distant_kernels; ++k) {
    const T* a = distant + k * ld;
    for (Index r = 0; r < longest_; ++r) {
      T* row = t + (k * longest_ + r) * ld_toeplitz_ + r;
      for (Index j = window; j >= 1; --j) row[window - j] = a[j - 1];
    }
  }
}

template <class T>
void Windows<T>::forward(const std::int32_t* stream, Index n, const Segment* segments, Index count, const T* table, Index ld,
                         const T* distant, Index ld_distant, bool train, std::int64_t step, T* x, Index ldx, std::int32_t* target) {
  const Config& c = config_;
  const auto& kernels = dispatch::kernels<T>();
  places_.resize(static_cast<std::size_t>(count));
  m_ = longest_ = 0;
  Index rows = 0;
  for (Index s = 0; s < count; ++s) {
    places_[static_cast<std::size_t>(s)] = {rows, m_, segments[s].length};
    rows += span_length(segments[s].length);
    m_ += segments[s].length;
    longest_ = std::max(longest_, segments[s].length);
  }
  ids_.resize(static_cast<std::size_t>(rows));
  const bool drop_words = train && c.drop_word > 0;
  const std::uint64_t key = draw_key(c.seed, step, Draw::word);
  const std::uint64_t threshold = static_cast<std::uint64_t>(c.drop_word * 4294967296.0);
  auto checked = [&](Index position) {
    const std::int32_t id = stream[position];
    if (id < 0 || id >= c.vocab)
      throw std::out_of_range("ids: id " + std::to_string(id) + " at position " + std::to_string(position) +
                              " is outside the vocabulary 0 .. " + std::to_string(c.vocab - 1));
    return id;
  };
  for (Index s = 0; s < count; ++s) {
    const Place& place = places_[static_cast<std::size_t>(s)];
    if (segments[s].start < 0 || segments[s].start + place.length > n)
      throw std::invalid_argument("starts: a segment of " + std::to_string(place.length) + " tokens at " +
                                  std::to_string(segments[s].start) + " leaves the stream of " + std::to_string(n));
    const Index first = segments[s].start - c.reach(), length = span_length(place.length);
    for (Index q = 0; q < length; ++q) {
      std::int32_t id = first + q < 0 ? -1 : checked(first + q);
      const auto at = static_cast<std::uint64_t>(place.span + q);
      if (drop_words && (mix64(key + at * 0x9e3779b97f4a7c15u) >> 32) < threshold) id = -1;
      ids_[static_cast<std::size_t>(place.span + q)] = id;
    }
    for (Index r = 0; r < place.length; ++r) target[place.row + r] = checked(segments[s].start + r);
  }

  ld_span_ = padded<T>(c.dim);
  T* const span = span_.reserve_of<T>(std::max<Index>(rows, 1) * ld_span_);
  const bool distant_on = c.distant_kernels > 0;
  if (distant_on) build_toeplitz(distant, ld_distant);
  const T* const toeplitz = static_cast<const T*>(toeplitz_.data());
  const std::uint64_t drop_key = draw_key(c.seed, step, Draw::embedding);
  const double work = static_cast<double>(m_) * static_cast<double>(c.input_size()) * (distant_on ? 64.0 : 2.0);
  threads::parallel_for(count, threads::threads_for(work), [&](Index begin, Index end) {
    for (Index s = begin; s < end; ++s) {
      const Place& place = places_[static_cast<std::size_t>(s)];
      const Index length = span_length(place.length);
      T* const own = span + place.span * ld_span_;
      for (Index q = 0; q < length; ++q) {
        const std::int32_t id = ids_[static_cast<std::size_t>(place.span + q)];
        if (id >= 0)
          std::memcpy(own + q * ld_span_, table + id * ld, bytes_of(c.dim, sizeof(T)));
        else
          std::memset(own + q * ld_span_, 0, bytes_of(c.dim, sizeof(T)));
      }
      const Index lead = c.reach() - c.context;
      for (Index r = 0; r < place.length; ++r) {
        T* row = x + (place.row + r) * ldx;
        for (Index i = 0; i < c.context; ++i) std::memcpy(row + i * c.dim, own + (lead + r + i) * ld_span_, bytes_of(c.dim, sizeof(T)));
      }
      const Index width = c.distant_window + place.length - 1;
      for (Index k = 0; k < c.distant_kernels; ++k)
        ops::gemm<T>(place.length, c.dim, width, {toeplitz + k * longest_ * ld_toeplitz_, ld_toeplitz_, 1}, {own, ld_span_, 1},
                     x + place.row * ldx + (c.context + k) * c.dim, ldx);
      if (train && c.drop_embedding > 0) {
        for (Index r = place.row; r < place.row + place.length; ++r)
          kernels.dropout(x + r * ldx, x + r * ldx, c.input_size(), static_cast<T>(c.drop_embedding), drop_key,
                          static_cast<std::uint64_t>(r * c.input_size()));
      }
    }
  });
}

template <class T>
void Windows<T>::backward(T* dx, Index lddx, bool train, std::int64_t step, SparseRows<T>& rows, T* d_distant, Index ldg) {
  const Config& c = config_;
  const auto& kernels = dispatch::kernels<T>();
  const Index count = static_cast<Index>(places_.size()), total = static_cast<Index>(ids_.size());
  T* const d_span = d_span_.reserve_of<T>(std::max<Index>(total, 1) * ld_span_);
  const T* const span = static_cast<const T*>(span_.data());
  const T* const toeplitz = static_cast<const T*>(toeplitz_.data());
  const bool distant_on = c.distant_kernels > 0;
  // E_span^T of each segment in column panels, once for all kernels
  const Index nr = kernels.tile.nr, widest = c.distant_window + longest_ - 1;
  const Index packed_size = (widest + nr - 1) / nr * nr * c.dim;
  T* const packed = distant_on ? packed_.reserve_of<T>(count * packed_size) : nullptr;
  const std::uint64_t drop_key = draw_key(c.seed, step, Draw::embedding);
  const Index lead = c.reach() - c.context;
  const double work = static_cast<double>(m_) * static_cast<double>(c.input_size()) * (distant_on ? 64.0 : 2.0);
  threads::parallel_for(count, threads::threads_for(work), [&](Index begin, Index end) {
    for (Index s = begin; s < end; ++s) {
      const Place& place = places_[static_cast<std::size_t>(s)];
      T* const own = d_span + place.span * ld_span_;
      std::memset(own, 0, bytes_of(span_length(place.length) * ld_span_, sizeof(T)));
      if (train && c.drop_embedding > 0) {
        for (Index r = place.row; r < place.row + place.length; ++r)
          kernels.dropout(dx + r * lddx, dx + r * lddx, c.input_size(), static_cast<T>(c.drop_embedding), drop_key,
                          static_cast<std::uint64_t>(r * c.input_size()));
      }
      const Index width = c.distant_window + place.length - 1;
      for (Index k = 0; k < c.distant_kernels; ++k)
        ops::gemm<T>(width, c.dim, place.length, {toeplitz + k * longest_ * ld_toeplitz_, 1, ld_toeplitz_},
                     {dx + place.row * lddx + (c.context + k) * c.dim, lddx, 1}, own, ld_span_, {}, true);
      for (Index r = 0; r < place.length; ++r)
        for (Index i = 0; i < c.context; ++i)
          kernels.axpy(T(1), dx + (place.row + r) * lddx + i * c.dim, own + (lead + r + i) * ld_span_, c.dim);
      if (distant_on) kernels.pack_b(span + place.span * ld_span_, 1, ld_span_, c.dim, width, packed + s * packed_size);
    }
  });
  if (distant_on) {
    T* const d_toeplitz = d_toeplitz_.reserve_of<T>(c.distant_kernels * longest_ * ld_toeplitz_);
    std::memset(d_toeplitz, 0, bytes_of(c.distant_kernels * longest_ * ld_toeplitz_, sizeof(T)));
    threads::parallel_for(c.distant_kernels, threads::threads_for(work), [&](Index begin, Index end) {
      for (Index k = begin; k < end; ++k) {
        T* const own = d_toeplitz + k * longest_ * ld_toeplitz_;
        for (Index s = 0; s < count; ++s) {
          const Place& place = places_[static_cast<std::size_t>(s)];
          GemmArgs<T> g{};
          g.m = place.length;
          g.n = c.distant_window + place.length - 1;
          g.k = c.dim;
          g.a = dx + place.row * lddx + (c.context + k) * c.dim;
          g.a_panel = kernels.tile.mr * lddx;
          g.a_rs = lddx;
          g.a_cs = 1;
          g.b = packed + s * packed_size;
          g.b_panel = c.dim * nr;
          g.b_rs = nr;
          g.load_c = true;
          g.c = own;
          g.ldc = ld_toeplitz_;
          kernels.gemm(g);
        }
        for (Index j = 1; j <= c.distant_window; ++j) {
          T sum = 0;
          for (Index r = 0; r < longest_; ++r) sum += own[r * ld_toeplitz_ + r + c.distant_window - j];
          d_distant[k * ldg + j - 1] = sum;
        }
      }
    });
  }
  sum_rows(rows);
}

// Rows of one id are added in the order of the spans, by one thread.
template <class T>
void Windows<T>::sum_rows(SparseRows<T>& rows) {
  const auto& kernels = dispatch::kernels<T>();
  std::vector<std::uint64_t> order;
  order.reserve(ids_.size());
  for (std::size_t i = 0; i < ids_.size(); ++i)
    if (ids_[i] >= 0) order.push_back(static_cast<std::uint64_t>(ids_[i]) << 32 | i);
  std::sort(order.begin(), order.end());
  std::vector<std::size_t> first;
  rows.ids.clear();
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto id = static_cast<std::int32_t>(order[i] >> 32);
    if (rows.ids.empty() || rows.ids.back() != id) {
      rows.ids.push_back(id);
      first.push_back(i);
    }
  }
  first.push_back(order.size());
  const Index count = static_cast<Index>(rows.ids.size());
  rows.ld = ld_span_;
  rows.rows = sums_.reserve_of<T>(std::max<Index>(count, 1) * ld_span_);
  const T* const d_span = static_cast<const T*>(d_span_.data());
  const double work = static_cast<double>(order.size()) * static_cast<double>(config_.dim) * 4;
  threads::parallel_for(count, threads::threads_for(work), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      T* const out = rows.rows + i * ld_span_;
      const std::size_t from = first[static_cast<std::size_t>(i)], to = first[static_cast<std::size_t>(i) + 1];
      std::memcpy(out, d_span + static_cast<Index>(order[from] & 0xffffffffu) * ld_span_, bytes_of(config_.dim, sizeof(T)));
      for (std::size_t j = from + 1; j < to; ++j)
        kernels.axpy(T(1), d_span + static_cast<Index>(order[j] & 0xffffffffu) * ld_span_, out, config_.dim);
    }
  });
}

template class Windows<float>;
template class Windows<double>;

}  // namespace pyffnn::train::lm
