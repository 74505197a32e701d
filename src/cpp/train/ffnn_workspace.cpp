#include "train/ffnn_workspace.h"

namespace pyffnn::train {

template <class T>
void Workspace<T>::plan(const Spec& spec, Index m, Index entries, int size, bool backward) {
  const auto count = static_cast<std::size_t>(m);
  if (members.size() < static_cast<std::size_t>(size)) members.resize(static_cast<std::size_t>(size));
  Index widest = 1;
  for (Index l = 0; l < spec.layers(); ++l) widest = std::max(widest, spec.layer_outputs(l));
  for (Member<T>& member : members) {
    if (spec.input != InputKind::dense) {
      member.batch.ids.reserve(static_cast<std::size_t>(entries) + 1);
      member.batch.offsets.reserve(count + 1);
    }
    if (spec.input == InputKind::sparse) member.batch.values.reserve(static_cast<std::size_t>(entries));
    member.scale.template reserve_of<T>(m);
    member.classes.template reserve_of<std::int64_t>(m);
    if (spec.loss == LossKind::sigmoid) member.values.template reserve_of<T>(m * spec.n_outputs);
    member.bias_gradient.template reserve_of<T>(widest);
  }
  if (spec.input != InputKind::sparse) x.plan(m, spec.width());
  if (backward && spec.has_table()) dx.plan(m, spec.width());
  // The positions of a concatenation lie end to end.
  if (spec.input == InputKind::concat) x.ld = dx.ld = spec.width();
  layers.resize(static_cast<std::size_t>(spec.layers()));
  for (Index l = 0; l < spec.layers(); ++l) {
    const Index n = spec.layer_outputs(l);
    Layer& layer = layers[static_cast<std::size_t>(l)];
    layer.weights.forget();
    layer.y.plan(m, n);
    if (!backward) continue;
    if (l + 1 < spec.layers() && spec.dropout > 0) layer.dropped.plan(m, n);
    layer.dz.plan(m, n);
  }
  weight.reserve_of<T>(m);
  loss.reserve_of<T>(m);
  if (!backward) return;
  segments.resize(static_cast<std::size_t>(size) * static_cast<std::size_t>(size));
  if (spec.input == InputKind::sparse) stepper.reserve(spec.n_inputs, entries, spec.layer_outputs(0), size);
  if (spec.has_table()) stepper.reserve(spec.rows + 1, entries, spec.dim, size);
}

template struct Workspace<float>;
template struct Workspace<double>;

}  // namespace pyffnn::train
