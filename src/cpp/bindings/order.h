// The order in which examples are visited, as Python gives it.
#pragma once
#include <algorithm>
#include <string>
#include <vector>

#include "bindings/arrays.h"
#include "net/network.h"

namespace pyffnn::bindings {

// Examples to visit as Python gave them: numbers, or runs with the batches that they make up.
struct Order {
  std::vector<std::int64_t> start, length, offsets;
  Index examples = 0;

  net::Visit visit() const { return {start.data(), length.empty() ? nullptr : length.data(), static_cast<Index>(start.size())}; }
};

// Runs of all n examples of a stream, so that neighbours share what they look back on.
inline Order runs_of(Index begin, Index end, Index longest) {
  Order o;
  for (Index i = begin; i < end; i += longest) {
    o.start.push_back(i);
    o.length.push_back(std::min(longest, end - i));
  }
  o.examples = end - begin;
  return o;
}

inline std::vector<std::int64_t> int64s(py::handle x, const char* name) {
  const py::array a = as_int64(x, name);
  check_rank(a, 1, name);
  return {in<std::int64_t>(a), in<std::int64_t>(a) + a.shape(0)};
}

// None: all; an array of example numbers; of a stream (starts, lengths, offsets).
inline Order order_of(py::handle order, Index n, bool stream, Index longest) {
  Order o;
  if (order.is_none()) {
    if (stream) return runs_of(0, n, longest);
    o.start.resize(static_cast<std::size_t>(n));
    for (Index i = 0; i < n; ++i) o.start[static_cast<std::size_t>(i)] = i;
    o.examples = n;
    return o;
  }
  if (!PyTuple_Check(order.ptr())) {
    o.start = int64s(order, "order");
    check_range(o.start.data(), static_cast<Index>(o.start.size()), 0, n, "order");
    o.examples = static_cast<Index>(o.start.size());
    return o;
  }
  const auto parts = py::reinterpret_borrow<py::tuple>(order);
  if (!stream) throw py::value_error("order must be an array of example numbers unless the examples are a stream, got a tuple");
  if (parts.size() != 3) throw py::value_error("order must be (starts, lengths, offsets), got " + std::to_string(parts.size()) + " items");
  o.start = int64s(parts[0], "starts");
  o.length = int64s(parts[1], "lengths");
  o.offsets = int64s(parts[2], "offsets");
  if (o.length.size() != o.start.size())
    value_error("lengths", "must be as many as starts (" + std::to_string(o.start.size()) + "), got " + std::to_string(o.length.size()));
  for (std::size_t i = 0; i < o.start.size(); ++i) {
    if (o.length[i] < 1) value_error("lengths", "must be at least 1, got " + std::to_string(o.length[i]));
    if (o.start[i] < 0 || o.start[i] > n || o.length[i] > n - o.start[i])
      value_error("starts", "must leave room in " + std::to_string(n) + " examples, got a run of " + std::to_string(o.length[i]) + " at " +
                                std::to_string(o.start[i]));
    o.examples += o.length[i];
  }
  const auto count = static_cast<std::int64_t>(o.start.size());
  for (std::size_t i = 0; i < o.offsets.size(); ++i)
    if (o.offsets[i] < (i > 0 ? o.offsets[i - 1] : 0) || o.offsets[i] > count)
      value_error("offsets", "must rise from 0 to the number of runs (" + std::to_string(count) + "), got " + std::to_string(o.offsets[i]));
  if (o.offsets.empty()) value_error("offsets", "must have at least one element, got none");
  return o;
}

}  // namespace pyffnn::bindings
