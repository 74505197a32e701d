// The input stage of a network: from a loaded batch to what the first dense layer reads.
#include <cmath>

#include "core/dispatch.h"
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
void Network<T>::drop_words(const Slice& s) const {
  const bool concat = spec().input == InputKind::concat;
  const std::uint64_t key = random_key(spec().seed, static_cast<std::uint64_t>(s.step), kWordStream);
  const std::uint64_t threshold = threshold_of(spec().word_dropout);
  std::int32_t* const ids = s.member.batch.ids.data();
  std::int64_t* const offsets = s.member.batch.offsets.data();
  Index at = 0, begin = 0;
  for (Index b = 0; b < s.size(); ++b) {
    const Index end = offsets[b + 1];
    for (Index i = begin; i < end; ++i) {
      const bool keep = random_bits(key, counter_of(s.begin + b, i - begin)) >= threshold;
      if (concat) {
        if (!keep) ids[i] = static_cast<std::int32_t>(spec().rows);
      } else {
        ids[at] = ids[i];
        at += keep;
      }
    }
    begin = end;
    if (!concat) offsets[b + 1] = at;
  }
}

// Inverted dropout (Srivastava et al. 2014): kept units are scaled by 1 / (1 - rate). The same call gives the same mask.
template <class T>
void Network<T>::drop(const Rows<T>& from, const Rows<T>& to, const Slice& s, Index n, double rate, std::uint64_t stream) const {
  const auto& kernels = dispatch::kernels<T>();
  const std::uint64_t key = random_key(spec().seed, static_cast<std::uint64_t>(s.step), stream);
  for (Index i = s.begin; i < s.end; ++i)
    kernels.dropout(from.p + i * from.ld, to.p + i * to.ld, n, static_cast<T>(rate), key, static_cast<std::uint64_t>(i * n));
}

template <class T>
void Network<T>::pool(const Slice& s, const Matrix<T>& table, const T* values, const T* scale, const Rows<T>& out) const {
  const Batch<T>& batch = s.member.batch;
  dispatch::kernels<T>().pool_bags(
      {table.p(), table.ld, table.cols, batch.ids.data(), batch.offsets.data(), values, scale, s.size(), out.p + s.begin * out.ld, out.ld});
}

template <class T>
void Network<T>::input(Space& w, const Slice& s) {
  const Spec& spec = parameters_.spec();
  Batch<T>& batch = s.member.batch;
  if (s.training && spec.word_dropout > 0) drop_words(s);
  switch (spec.input) {
    case InputKind::dense:
      if (s.training && spec.input_dropout > 0) drop(w.x, w.x, s, spec.n_inputs, spec.input_dropout, kInputStream);
      return;
    case InputKind::sparse:
      if (s.training && spec.input_dropout > 0) {
        const std::uint64_t key = random_key(spec.seed, static_cast<std::uint64_t>(s.step), kInputStream);
        const std::int64_t* const offsets = batch.offsets.data();
        for (Index i = 0; i < s.size(); ++i) {
          T* const values = batch.values.data() + offsets[i];
          dispatch::kernels<T>().dropout(values, values, offsets[i + 1] - offsets[i], static_cast<T>(spec.input_dropout), key,
                                         counter_of(s.begin + i, 0));
        }
      }
      return;
    case InputKind::mean: {
      T* const scale = static_cast<T*>(s.member.scale.data());
      const std::int64_t* const offsets = batch.offsets.data();
      for (Index i = 0; i < s.size(); ++i) {
        const auto n = static_cast<double>(offsets[i + 1] - offsets[i]);
        const double divisor = spec.pool == Pool::mean ? n : spec.pool == Pool::sqrtn ? std::sqrt(n) : 1;
        scale[i] = n > 0 ? static_cast<T>(1.0 / divisor) : T(0);
      }
      pool(s, parameters_.table().value, nullptr, scale, w.x);
      break;
    }
    case InputKind::concat:
      ops::embedding<T>(parameters_.table().value.p(), parameters_.table().value.ld, batch.ids.data(), s.size() * spec.max_tokens, spec.dim,
                        w.x.p + s.begin * w.x.ld, spec.dim);
      break;
  }
  if (s.training && spec.dropout > 0) drop(w.x, w.x, s, spec.width(), spec.dropout, kLayerStream);
}

#define PYFFNN_INSTANTIATE(T)                                                                                       \
  template void Network<T>::input(Space&, const Slice&);                                                            \
  template void Network<T>::drop(const Rows<T>&, const Rows<T>&, const Slice&, Index, double, std::uint64_t) const; \
  template void Network<T>::pool(const Slice&, const Matrix<T>&, const T*, const T*, const Rows<T>&) const;
PYFFNN_INSTANTIATE(float)
PYFFNN_INSTANTIATE(double)
#undef PYFFNN_INSTANTIATE

}  // namespace pyffnn::train
