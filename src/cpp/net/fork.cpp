// Copies of a network to train aside, and the way back.
#include <algorithm>
#include <cstring>
#include <mutex>
#include <numeric>
#include <shared_mutex>
#include <stdexcept>
#include <string>

#include "net/network.h"
#include "ops/distinct_ids.h"

namespace pyffnn::net {
namespace {

// Rows of `from` to rows of `to`, with their states, which are laid out the same.
template <class T>
void copy_row(const Param<T>& from, Index from_row, const Param<T>& to, Index to_row) {
  const auto copy = [&](const Array<T>& a, const Array<T>& b) {
    if (a.exists()) std::memcpy(b.p() + to_row * b.ld, a.p() + from_row * a.ld, static_cast<std::size_t>(a.ld) * sizeof(T));
  };
  copy(from.value, to.value);
  copy(from.state1, to.state1);
  copy(from.state2, to.state2);
  copy(from.weights, to.weights);
}

template <class T>
void copy_all(const Param<T>& from, const Param<T>& to, Index rows) {
  const auto copy = [&](const Array<T>& a, const Array<T>& b) {
    if (a.exists()) std::memcpy(b.p(), a.p(), static_cast<std::size_t>(rows * a.ld) * sizeof(T));
  };
  copy(from.value, to.value);
  copy(from.state1, to.state1);
  copy(from.state2, to.state2);
  copy(from.weights, to.weights);
}

// The rows that examples touch, rising; none where they are many beside the table, of which then all may be copied.
template <class T>
std::vector<std::int32_t> rows_touched(const Source<T>& source, Index rows) {
  constexpr Index kAtOnce = 256;
  ops::DistinctIds distinct;
  std::vector<std::int32_t> touched;
  std::vector<std::int64_t> examples(kAtOnce);
  Batch<T> batch;
  for (Index at = 0; at < source.size(); at += kAtOnce) {
    const Index n = std::min(kAtOnce, source.size() - at);
    std::iota(examples.begin(), examples.begin() + n, at);
    source.load({examples.data(), nullptr, n}, 0, batch, nullptr, 0);
    touched.insert(touched.end(), batch.ids.begin(), batch.ids.end());
    touched.resize(static_cast<std::size_t>(distinct.find(touched.data(), static_cast<Index>(touched.size()), touched.data())));
    if (static_cast<Index>(touched.size()) * 8 > rows) return {};
  }
  std::sort(touched.begin(), touched.end());
  // Sequences say by the number of no row that an id is missing.
  while (!touched.empty() && touched.back() >= source.width()) touched.pop_back();
  // Examples of nothing are no reason to copy everything.
  if (touched.empty()) touched.push_back(0);
  return touched;
}

}  // namespace

template <class T>
std::unique_ptr<Network<T>> Network<T>::fork(const Source<T>* source, Index rows, Spec next) {
  const std::shared_lock<SharedLock> lock(lock_);
  if (!rows_here_.empty()) throw std::invalid_argument("fork: a fork of some rows has no forks of its own");
  const bool table = has_table() && !spec().tied && spec().input != InputKind::windows;
  // Of sparse features the rows of the table are the inputs.
  const bool sparse = spec().input == InputKind::sparse;
  const Index old = table ? graph_.input().table()->rows : 0, total = std::max(rows, old);
  if (rows != 0 && (!table || sparse))
    throw std::invalid_argument("rows must be 0 for a network without a table that grows, got " + std::to_string(rows));
  std::vector<std::int32_t> here;
  if (table && source != nullptr && source->kind() == graph_.input().reads()) {
    here = rows_touched(*source, total);
    if (!here.empty()) {
      // New rows are the fork's business even where its examples do not meet them.
      here.erase(std::lower_bound(here.begin(), here.end(), static_cast<std::int32_t>(old)), here.end());
      for (Index r = old; r < total; ++r) here.push_back(static_cast<std::int32_t>(r));
      if (static_cast<Index>(here.size()) >= total) here.clear();
    }
  }
  const Index count = here.empty() ? total : static_cast<Index>(here.size());
  if (table) (sparse ? next.n_inputs : next.rows) = count;
  auto fork = std::make_unique<Network>(next, by_frequency_);
  fork->seed_ = seed_;
  fork->step_ = step_;
  for (std::size_t i = 0; i < params().all().size(); ++i) {
    const Param<T>&from = *params().all()[i], &to = *fork->params().all()[i];
    if (!table || &from != graph_.input().table()) {
      copy_all(from, to, from.rows);
      continue;
    }
    if (here.empty()) {
      copy_all(from, to, old);
      fork->graph_.fill(to, old, seed_);
      continue;
    }
    Index known = 0;
    for (; known < count && here[static_cast<std::size_t>(known)] < old; ++known)
      copy_row(from, here[static_cast<std::size_t>(known)], to, known);
    fork->graph_.fill(to, known, seed_, here);
  }
  fork->rows_here_ = std::move(here);
  fork->total_rows_ = total;
  return fork;
}

// Whether all of its parameters go into this network's, of which `table` may have more rows or, where it grows, fewer.
template <class T>
bool Network<T>::is_fork(const Network& fork, const Param<T>* table, bool grows) const {
  if (fork.params().all().size() != params().all().size() || fork.spec().spread_power != spec().spread_power) return false;
  const auto same = [](const Array<T>& a, const Array<T>& b) { return a.ld == b.ld && a.exists() == b.exists(); };
  for (std::size_t i = 0; i < params().all().size(); ++i) {
    const Param<T>&from = *fork.params().all()[i], &to = *params().all()[i];
    if (from.name != to.name || from.cols != to.cols || from.by_row != to.by_row || !same(from.value, to.value) ||
        !same(from.state1, to.state1) || !same(from.state2, to.state2) || !same(from.weights, to.weights))
      return false;
    const Index rows = &to == table && !fork.rows_here_.empty() ? fork.total_rows_ : from.rows;
    if (&to == table && grows ? rows < to.rows : rows != to.rows) return false;
  }
  return true;
}

template <class T>
void Network<T>::absorb(const Network& fork) {
  Param<T>* const table = graph_.input().table();
  const bool by_rows = table != nullptr && table->role == Role::table;
  const bool grows = spec().input == InputKind::bags || spec().input == InputKind::concat;
  if (!is_fork(fork, by_rows ? table : nullptr, grows)) throw std::invalid_argument("absorb: this is no fork of the network");
  // No fork of the process comes from here on. Memory first: what can fail has failed before anything else changes.
  const Commit commit;
  if (grows && fork.total_rows() > table->rows) {
    params().grow_rows(*table, fork.total_rows());
    graph_.spec().rows = fork.total_rows();
  }
  weights_change();
  for (std::size_t i = 0; i < params().all().size(); ++i) {
    const Param<T>&from = *fork.params().all()[i], &to = *params().all()[i];
    if (!by_rows || &to != table || fork.rows_here_.empty()) {
      copy_all(from, to, from.rows);
      continue;
    }
    for (std::size_t r = 0; r < fork.rows_here_.size(); ++r) copy_row(from, static_cast<Index>(r), to, fork.rows_here_[r]);
  }
  step_ = fork.step_;
}

template <class T>
void Network<T>::set_rows(const std::int64_t* ids, Index n, const T* values) {
  const std::unique_lock<SharedLock> lock(lock_);
  const Param<T>& table = *graph_.input().table();
  weights_change();
  for (Index i = 0; i < n; ++i)
    std::memcpy(table.w() + row_here(ids[i]) * table.ld, values + i * table.cols, static_cast<std::size_t>(table.cols) * sizeof(T));
}

template <class T>
void Network<T>::set_row_rates(const std::int64_t* ids, Index n, T rate) {
  const std::unique_lock<SharedLock> lock(lock_);
  const Param<T>& table = *graph_.input().table();
  if (!table.by_row || !table.state2.exists()) throw std::invalid_argument("row_rates: the network has none");
  for (Index i = 0; i < n; ++i) table.s2()[row_here(ids[i])] = rate;
}

template <class T>
void Network<T>::set_row_weights(const std::int64_t* ids, Index n, const T* values) {
  const std::unique_lock<SharedLock> lock(lock_);
  const Param<T>& table = *graph_.input().table();
  if (!table.weights.exists()) throw std::invalid_argument("row_weights: the network has none");
  weights_change();
  for (Index i = 0; i < n; ++i) table.weights.p()[row_here(ids[i])] = values[i];
}

template std::unique_ptr<Network<float>> Network<float>::fork(const Source<float>*, Index, Spec);
template std::unique_ptr<Network<double>> Network<double>::fork(const Source<double>*, Index, Spec);
template void Network<float>::absorb(const Network&);
template void Network<double>::absorb(const Network&);
template void Network<float>::set_rows(const std::int64_t*, Index, const float*);
template void Network<double>::set_rows(const std::int64_t*, Index, const double*);
template void Network<float>::set_row_rates(const std::int64_t*, Index, float);
template void Network<double>::set_row_rates(const std::int64_t*, Index, double);
template void Network<float>::set_row_weights(const std::int64_t*, Index, const float*);
template void Network<double>::set_row_weights(const std::int64_t*, Index, const double*);

}  // namespace pyffnn::net
