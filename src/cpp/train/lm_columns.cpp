#include "train/lm_columns.h"

#include <algorithm>

#include "core/dispatch.h"

namespace pyffnn::train::lm {

template <class T>
void ColumnDropout<T>::draw(Index m, Index width, Index columns, double rate, std::uint64_t key) {
  m_ = m;
  width_ = width;
  const Index blocks = (m + KeptColumns::kBlock - 1) / KeptColumns::kBlock;
  mask_.assign(static_cast<std::size_t>(blocks * width), T(1));
  dispatch::kernels<T>().dropout(mask_.data(), mask_.data(), blocks * width, static_cast<T>(rate), key, 0);
  kept_.index.clear();
  kept_.first.assign(1, 0);
  for (Index b = 0; b < blocks; ++b) {
    for (Index j = 0; j < columns; ++j)
      if (j >= width || mask_[static_cast<std::size_t>(b * width + j)] != T(0)) kept_.index.push_back(static_cast<std::int32_t>(j));
    kept_.first.push_back(static_cast<Index>(kept_.index.size()));
  }
}

template <class T>
void ColumnDropout<T>::apply(T* x, Index ldx) const {
  for (Index i = 0; i < m_; ++i) {
    const T* const mask = mask_.data() + i / KeptColumns::kBlock * width_;
    for (Index j = 0; j < width_; ++j) x[i * ldx + j] *= mask[j];
  }
}

template class ColumnDropout<float>;
template class ColumnDropout<double>;

}  // namespace pyffnn::train::lm
