#include "train/ffnn_workspace.h"

#include "core/thread_pool.h"

namespace pyffnn::train {

template <class T>
void Workspace<T>::plan(const Spec& spec, Index m, Index entries, bool backward) {
  const auto count = static_cast<std::size_t>(m);
  const auto n_layers = static_cast<std::size_t>(spec.layers());
  if (spec.input != InputKind::dense) {
    batch.ids.reserve(static_cast<std::size_t>(entries));
    batch.offsets.reserve(count + 1);
  }
  if (spec.input == InputKind::sparse) batch.values.reserve(static_cast<std::size_t>(entries));
  if (spec.has_table() || spec.input_dropout > 0) x.plan(m, spec.width());
  if (spec.input == InputKind::concat) x.ld = spec.width();  // the positions of an example lie end to end
  if (backward && spec.has_table()) {
    dx.plan(m, spec.width());
    if (spec.input == InputKind::concat) dx.ld = spec.width();
  }
  layers.resize(n_layers);
  Index widest = 1;
  for (Index l = 0; l < spec.layers(); ++l) {
    const Index n = spec.layer_outputs(l);
    Layer& layer = layers[static_cast<std::size_t>(l)];
    layer.y.plan(m, n);
    if (backward && l + 1 < spec.layers() && spec.dropout > 0) layer.dropped.plan(m, n);
    if (backward) layer.dz.plan(m, n);
    widest = std::max(widest, n);
  }
  scale.reserve_of<T>(m);
  weight.reserve_of<T>(m);
  loss.reserve_of<T>(m);
  classes.reserve_of<std::int64_t>(m);
  if (spec.loss == LossKind::sigmoid) values.reserve_of<T>(m * spec.n_outputs);
  bias_gradient.reserve_of<T>(widest);
  if (backward && spec.input != InputKind::dense)
    stepper.reserve(spec.has_table() ? spec.rows + 1 : spec.n_inputs, entries, threads::get_num_threads());
}

template struct Workspace<float>;
template struct Workspace<double>;

}  // namespace pyffnn::train
