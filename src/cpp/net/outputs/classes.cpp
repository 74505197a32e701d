#include "net/outputs/classes.h"

#include <algorithm>
#include <cmath>

#include "core/dispatch.h"
#include "ops/losses.h"

namespace pyffnn::net {

template <class T>
bool ClassesOutput<T>::takes(TargetKind kind) const {
  if (kind == TargetKind::slopes) return true;
  switch (loss_) {
    case LossKind::softmax:
    case LossKind::ordinal:
      return kind == TargetKind::classes || kind == TargetKind::rows;
    case LossKind::sigmoid:
      return kind == TargetKind::sets || kind == TargetKind::rows;
    default:
      return kind == TargetKind::values || kind == TargetKind::rows;
  }
}

template <class T>
void ClassesOutput<T>::plan(Space<T>& space, const Plan& plan) const {
  auto& rooms = static_cast<Rooms&>(*space.output).of_member;
  if (rooms.size() < static_cast<std::size_t>(plan.members)) rooms.resize(static_cast<std::size_t>(plan.members));
}

template <class T>
void ClassesOutput<T>::forward(const Pass<T>& pass, const Targets& targets, View<T> h, const KeptColumns*, double total, View<T> dh) const {
  const auto& kernels = dispatch::kernels<T>();
  const Index m = pass.size();
  const auto count = static_cast<std::size_t>(m);
  const double scale = total > 0 ? 1 / total : 0;
  Room& room = static_cast<Rooms&>(*pass.space.output).of_member[static_cast<std::size_t>(pass.crew.member())];
  room.weight.resize(count);
  room.loss.resize(count);
  const Visit visit = pass.visit.part(pass.first, pass.last);
  visit.each(
      [&](Index example, Index i) { room.weight[static_cast<std::size_t>(i)] = static_cast<T>(targets.weight_of(example) * scale); });
  const T* const z = h.row(pass.begin);
  T* const dz = dh.exists() ? dh.row(pass.begin) : nullptr;
  if (targets.kind == TargetKind::classes) {
    room.classes.resize(count);
    visit.each([&](Index example, Index i) { room.classes[static_cast<std::size_t>(i)] = targets.class_of(example); });
    kernels.softmax_xent(z, h.ld, room.classes.data(), room.weight.data(), room.loss.data(), dz, dh.ld, m, n_);
  } else {
    room.values.resize(count * static_cast<std::size_t>(n_));
    visit.each([&](Index example, Index i) { targets.row(example, room.values.data() + i * n_); });
    if (targets.kind == TargetKind::slopes)
      ops::linear_loss<T>(z, h.ld, room.values.data(), n_, room.weight.data(), room.loss.data(), dz, dh.ld, m, n_);
    else if (over_classes_)
      ops::soft_xent<T>(z, h.ld, room.values.data(), n_, room.weight.data(), room.loss.data(), dz, dh.ld, m, n_);
    else if (loss_ == LossKind::squared)
      ops::squared_loss<T>(z, h.ld, room.values.data(), n_, room.weight.data(), room.loss.data(), dz, dh.ld, m, n_);
    else if (!targets.output_weight.empty())
      ops::weighted_sigmoid_xent<T>(z, h.ld, room.values.data(), n_, room.weight.data(), targets.output_weight.data(), room.loss.data(), dz,
                                    dh.ld, m, n_);
    else
      kernels.sigmoid_xent(z, h.ld, room.values.data(), n_, room.weight.data(), room.loss.data(), dz, dh.ld, m, n_);
  }
  for (Index i = 0; i < m; ++i)
    pass.space.loss[static_cast<std::size_t>(pass.begin + i)] = static_cast<double>(room.loss[static_cast<std::size_t>(i)]);
}

// The losses are shares of the mean already.
template <class T>
double ClassesOutput<T>::mean_loss(const Space<T>& space, Index m, double) const {
  double sum = 0;
  for (Index i = 0; i < m; ++i) sum += space.loss[static_cast<std::size_t>(i)];
  return sum;
}

template <class T>
void ClassesOutput<T>::log_prob(const Pass<T>& pass, const std::int32_t* target, View<T> h, double* out) const {
  std::vector<T> row(static_cast<std::size_t>(n_));
  for (Index i = pass.begin; i < pass.end; ++i) {
    dispatch::kernels<T>().log_softmax(h.row(i), h.ld, row.data(), n_, 1, n_);
    out[i] = static_cast<double>(row[static_cast<std::size_t>(target[i])]);
  }
}

template <class T>
void ClassesOutput<T>::predict(const Pass<T>& pass, View<T> h, T* out) const {
  const auto& kernels = dispatch::kernels<T>();
  if (over_classes_) return kernels.softmax(h.row(pass.begin), h.ld, out, n_, pass.size(), n_);
  const Act act = loss_ == LossKind::sigmoid ? Act::sigmoid : Act::identity;
  for (Index i = 0; i < pass.size(); ++i) kernels.act_forward(act, h.row(pass.begin + i), out + i * n_, n_);
}

template <class T>
void ClassesOutput<T>::distribution(const Pass<T>& pass, View<T> h, double* p) const {
  std::vector<T> row(static_cast<std::size_t>(n_));
  dispatch::kernels<T>().softmax(h.row(pass.begin), h.ld, row.data(), n_, 1, n_);
  std::copy(row.begin(), row.end(), p);
}

template class ClassesOutput<float>;
template class ClassesOutput<double>;

}  // namespace pyffnn::net
