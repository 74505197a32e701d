#include "net/params.h"

#include <algorithm>
#include <cstring>

#include "core/math.h"
#include "core/thread_pool.h"

namespace pyffnn::net {
namespace {

void clear(void* p, Index bytes) {
  threads::parallel_for(
      bytes, threads::threads_for(static_cast<double>(bytes) / 4),
      [p](Index b, Index e) { std::memset(static_cast<char*>(p) + b, 0, static_cast<std::size_t>(e - b)); }, 4096);
}

template <class T>
Index row_distance(Role role, Index cols) {
  switch (role) {
    case Role::words:
      return padded_lines<T>(cols);
    case Role::table:
      return padded_row(cols);
    default:
      return cols;
  }
}

}  // namespace

template <class T>
void Array<T>::reserve(Index rows) {
  if (memory != nullptr && rows <= capacity) return;
  auto next = std::make_shared<Buffer>();
  const Index item = static_cast<Index>(sizeof(T)), bytes = std::max<Index>(rows * ld, 1) * item;
  T* const to = static_cast<T*>(next->reserve(bytes));
  const Index held = memory == nullptr ? 0 : capacity * ld * item;
  if (held > 0) std::memcpy(to, memory->data(), static_cast<std::size_t>(held));
  clear(reinterpret_cast<char*>(to) + held, bytes - held);
  memory = std::move(next);
  capacity = rows;
}

template <class T>
Param<T>* ParamSet<T>::add(std::string name, Index rows, Index cols, Role role, bool by_row, bool row_rates) {
  auto p = std::make_unique<Param<T>>();
  p->name = std::move(name);
  p->role = role;
  p->index = all_.size();
  p->rows = rows;
  p->cols = cols;
  p->ld = row_distance<T>(role, cols);
  p->by_row = by_row;
  p->value.ld = p->ld;
  p->state1.ld = by_row ? 1 : optimizer_ == Optim::sgd ? 0 : p->ld;
  p->state2.ld = by_row ? (row_rates ? 1 : 0) : optimizer_ == Optim::adam ? p->ld : 0;
  all_.push_back(std::move(p));
  return all_.back().get();
}

template <class T>
Param<T>* ParamSet<T>::find(const std::string& name) const {
  for (const auto& p : all_)
    if (p->name == name) return p.get();
  return nullptr;
}

template <class T>
void ParamSet<T>::allocate() {
  for (const auto& p : all_) {
    p->value.reserve(p->memory_rows());
    for (Array<T>* s : {&p->state1, &p->state2, &p->weights})
      if (s->ld > 0) s->reserve(p->memory_rows());
    if (p->weights.exists()) std::fill_n(p->weights.p(), p->rows, T(1));
    if (p->by_row && p->state2.exists()) std::fill_n(p->s2(), p->rows, T(1));
  }
}

template <class T>
void ParamSet<T>::grow_rows(Param<T>& p, Index rows) const {
  if (rows <= p.rows) return;
  const Index spare = p.memory_rows() - p.rows, wanted = rows + spare;
  const Index room = wanted > p.value.capacity ? std::max(wanted, p.value.capacity + p.value.capacity / 2) : p.value.capacity;
  for (Array<T>* a : {&p.value, &p.state1, &p.state2, &p.weights})
    if (a->exists()) a->reserve(room);
  if (p.weights.exists()) std::fill_n(p.weights.p() + p.rows, rows - p.rows, T(1));
  if (p.by_row && p.state2.exists()) std::fill_n(p.s2() + p.rows, rows - p.rows, T(1));
  p.rows = rows;
}

template struct Array<float>;
template struct Array<double>;
template class ParamSet<float>;
template class ParamSet<double>;

}  // namespace pyffnn::net
