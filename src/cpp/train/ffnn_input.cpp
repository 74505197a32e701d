// The input stage of a network: from a loaded batch to what the first dense layer reads.
#include "core/dispatch.h"
#include "core/thread_pool.h"
#include "ops/embedding.h"
#include "train/ffnn.h"
#include "train/ffnn_random.h"

namespace pyffnn::train {
namespace {

std::uint64_t threshold_of(double rate) { return static_cast<std::uint64_t>(rate * 4294967296.0); }

std::uint64_t counter_of(Index example, Index position) {
  return static_cast<std::uint64_t>(example) << 32 | static_cast<std::uint64_t>(position);
}

}  // namespace

// Ids that are dropped leave their bag, or become padding where positions count.
template <class T>
void Network<T>::drop_words(Space& w, Index m) const {
  const Spec& s = spec();
  const std::uint64_t key = random_key(s.seed, static_cast<std::uint64_t>(step_), kWordStream), threshold = threshold_of(s.word_dropout);
  std::int32_t* const ids = w.batch.ids.data();
  std::int64_t* const offsets = w.batch.offsets.data();
  Index at = 0, begin = 0;
  for (Index b = 0; b < m; ++b) {
    const Index end = offsets[b + 1];
    for (Index i = begin; i < end; ++i) {
      const bool keep = random_bits(key, counter_of(b, i - begin)) >= threshold;
      if (s.input == InputKind::concat) {
        if (!keep) ids[i] = static_cast<std::int32_t>(s.rows);
      } else {
        ids[at] = ids[i];
        at += keep;
      }
    }
    begin = end;
    if (s.input != InputKind::concat) offsets[b + 1] = at;
  }
}

// Inverted dropout (Srivastava et al. 2014): kept units are scaled by 1 / (1 - rate). The same call gives the same mask.
template <class T>
void Network<T>::drop(const Rows<T>& from, const Rows<T>& to, Index m, Index n, double rate, std::uint64_t stream) const {
  const auto& kernels = dispatch::kernels<T>();
  const std::uint64_t key = random_key(spec().seed, static_cast<std::uint64_t>(step_), stream);
  for (Index i = 0; i < m; ++i)
    kernels.dropout(from.p + i * from.ld, to.p + i * to.ld, n, static_cast<T>(rate), key, static_cast<std::uint64_t>(i * n));
}

template <class T>
void Network<T>::pool(const Space& w, const Matrix<T>& table, const T* values, const T* scale, Index m, const Rows<T>& out) const {
  const auto& kernels = dispatch::kernels<T>();
  const std::int64_t* const offsets = w.batch.offsets.data();
  const double work = static_cast<double>(offsets[m]) * static_cast<double>(table.cols * 2 + 16);
  threads::parallel_for(m, threads::threads_for(work), [&](Index begin, Index end) {
    kernels.pool_bags({table.p(), table.ld, table.cols, w.batch.ids.data(), offsets + begin, values,
                       scale == nullptr ? nullptr : scale + begin, end - begin, out.p + begin * out.ld, out.ld});
  });
}

template <class T>
typename Network<T>::Input Network<T>::input(Space& w, Index m, bool training) {
  const Spec& s = spec();
  Batch<T>& batch = w.batch;
  if (training && s.word_dropout > 0) drop_words(w, m);
  const std::int64_t* const offsets = batch.offsets.data();
  switch (s.input) {
    case InputKind::dense: {
      if (!training || s.input_dropout == 0) return {batch.x, batch.ldx};
      const auto& kernels = dispatch::kernels<T>();
      const std::uint64_t key = random_key(s.seed, static_cast<std::uint64_t>(step_), kInputStream);
      for (Index i = 0; i < m; ++i)
        kernels.dropout(batch.x + i * batch.ldx, w.x.p + i * w.x.ld, s.n_inputs, static_cast<T>(s.input_dropout), key,
                        static_cast<std::uint64_t>(i * s.n_inputs));
      return {w.x.p, w.x.ld};
    }
    case InputKind::sparse: {
      if (training && s.input_dropout > 0) {
        const auto& kernels = dispatch::kernels<T>();
        const std::uint64_t key = random_key(s.seed, static_cast<std::uint64_t>(step_), kInputStream);
        for (Index i = 0; i < m; ++i) {
          T* const values = batch.values.data() + offsets[i];
          kernels.dropout(values, values, offsets[i + 1] - offsets[i], static_cast<T>(s.input_dropout), key, counter_of(i, 0));
        }
      }
      return {nullptr, 0};
    }
    case InputKind::mean: {
      T* const scale = static_cast<T*>(w.scale.data());
      for (Index i = 0; i < m; ++i) {
        const Index n = offsets[i + 1] - offsets[i];
        scale[i] = n > 0 ? static_cast<T>(1.0 / static_cast<double>(n)) : T(0);
      }
      pool(w, parameters_.table().value, nullptr, scale, m, w.x);
      break;
    }
    case InputKind::concat:
      ops::embedding<T>(parameters_.table().value.p(), parameters_.table().value.ld, batch.ids.data(), m * s.max_tokens, s.dim, w.x.p,
                        s.dim);
      break;
  }
  if (training && s.dropout > 0) drop(w.x, w.x, m, s.width(), s.dropout, kLayerStream);
  return {w.x.p, w.x.ld};
}

// The members that stand in this file; the rest are in ffnn.cpp.
#define PYFFNN_INSTANTIATE(T)                                                                                      \
  template void Network<T>::drop_words(Space&, Index) const;                                                       \
  template void Network<T>::drop(const Rows<T>&, const Rows<T>&, Index, Index, double, std::uint64_t) const;       \
  template void Network<T>::pool(const Space&, const Matrix<T>&, const T*, const T*, Index, const Rows<T>&) const; \
  template typename Network<T>::Input Network<T>::input(Space&, Index, bool);
PYFFNN_INSTANTIATE(float)
PYFFNN_INSTANTIATE(double)
#undef PYFFNN_INSTANTIATE

}  // namespace pyffnn::train
