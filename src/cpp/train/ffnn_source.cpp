#include "train/ffnn_source.h"

#include <algorithm>
#include <cstring>

namespace pyffnn::train {

template <class T>
void DenseSource<T>::load(const std::int64_t* examples, Index m, Batch<T>&, T* x, Index ldx) const {
  for (Index i = 0; i < m; ++i) std::memcpy(x + i * ldx, x_ + examples[i] * width_, static_cast<std::size_t>(width_) * sizeof(T));
}

template <class T>
void RowSource<T>::load(const std::int64_t* examples, Index m, Batch<T>& batch, T*, Index) const {
  Index total = 0;
  batch.offsets.resize(static_cast<std::size_t>(m + 1));
  batch.offsets[0] = 0;
  for (Index i = 0; i < m; ++i) batch.offsets[static_cast<std::size_t>(i + 1)] = total += max_entries(examples[i]);
  batch.ids.resize(static_cast<std::size_t>(total));
  if (values_ != nullptr) batch.values.resize(static_cast<std::size_t>(total));
  for (Index i = 0; i < m; ++i) {
    const Index begin = offsets_[examples[i]], n = offsets_[examples[i] + 1] - begin, at = batch.offsets[static_cast<std::size_t>(i)];
    std::int32_t* const out = batch.ids.data() + at;
    if (length_ == 0) {
      std::copy_n(ids_ + begin, n, out);
      if (values_ != nullptr) std::copy_n(values_ + begin, n, batch.values.data() + at);
      continue;
    }
    const Index kept = std::min(n, length_);
    for (Index j = 0; j < kept; ++j) out[j] = ids_[begin + j] < 0 ? padding_ : ids_[begin + j];
    std::fill(out + kept, out + length_, padding_);
  }
}

template class DenseSource<float>;
template class DenseSource<double>;
template class RowSource<float>;
template class RowSource<double>;

}  // namespace pyffnn::train
