#include "net/sources/source.h"

#include <stdexcept>
#include <string>

namespace pyffnn::net {

void check_ids(const std::int32_t* ids, Index n, Index low, Index rows) {
  // Without a branch an id, for that is on the way of every batch.
  const auto limit = static_cast<std::uint32_t>(rows - low);
  bool bad = false;
  for (Index i = 0; i < n; ++i) bad |= static_cast<std::uint32_t>(ids[i] - static_cast<std::int32_t>(low)) >= limit;
  if (!bad) return;
  for (Index i = 0; i < n; ++i)
    if (ids[i] < low || ids[i] >= rows)
      throw std::out_of_range("ids: id " + std::to_string(ids[i]) + " is outside [" + std::to_string(low) + ", " + std::to_string(rows) +
                              "): the array was changed after its check");
}

}  // namespace pyffnn::net
