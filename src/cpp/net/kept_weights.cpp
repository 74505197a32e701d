#include "net/kept_weights.h"

#include <new>

namespace pyffnn::net {

template <class T>
typename KeptWeights<T>::Copy KeptWeights<T>::current(Index m, Index n, Index k, ops::ConstMat<T> w, Precision precision,
                                                      const Version& version) {
  if (sizeof(T) != sizeof(float)) precision = Precision::float32;
  if (precision == Precision::float32 && !ops::strips_pay<T>(m, n, k)) return nullptr;
  const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
  if (!lock) return nullptr;
  Slot& slot = precision == Precision::float32 ? strips_ : tiles_;
  const std::uint64_t now = version.now();
  const KernelTable* const table = &dispatch::active();
  if (now == Version::kLent || slot.version != now || slot.table != table || slot.precision != precision) {
    slot = {nullptr, now, table, precision};
    return nullptr;
  }
  if (slot.copy == nullptr) {
    try {
      slot.copy = std::make_shared<const ops::PackedMatrix<T>>(k, n, w, precision);
    } catch (const std::bad_alloc&) {
      return nullptr;  // the product does without
    }
  }
  return slot.copy;
}

template <class T>
void KeptWeights<T>::drop() {
  const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
  if (lock) strips_ = tiles_ = {};
}

template <class T>
Index KeptWeights<T>::bytes() {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto of = [](const Slot& slot) { return slot.copy != nullptr ? slot.copy->bytes() : 0; };
  return of(strips_) + of(tiles_);
}

template class KeptWeights<float>;
template class KeptWeights<double>;

}  // namespace pyffnn::net
