#include "net/graph.h"

#include <cmath>
#include <stdexcept>

#include "core/dispatch.h"
#include "core/random.h"
#include "net/inputs/windows.h"
#include "ops/products/tile_weights.h"

namespace pyffnn::net {
namespace {

// What threads_for() counts as flops: an id is a cache miss or two beside its arithmetic.
constexpr double kEntryCost = 100, kElementCost = 8;

}  // namespace

template <class T>
Graph<T>::Graph(const Spec& spec, const std::vector<std::int32_t>& by_frequency) : spec_(spec), params_(spec) {
  spec_.check();
  input_ = make_input<T>(spec_, params_);
  stack_ = Stack<T>(make_layers<T>(spec_, params_));
  output_ = make_output<T>(spec_, params_, by_frequency);
  if (spec_.tied) static_cast<WindowInput<T>&>(*input_).tie(output_->table());
  for (std::size_t i = 0; i < stack_.layers().size(); ++i) {
    const Layer<T>* const layer = stack_.layers()[i].get();
    if (const auto* c = dynamic_cast<const ColumnDropout<T>*>(layer); c != nullptr) columns_ = c, columns_at_ = i;
    if (const auto* d = dynamic_cast<const Direct<T>*>(layer); d != nullptr) direct_ = d, direct_at_ = i;
  }
  params_.allocate();
}

template <class T>
void Graph<T>::fill(const Param<T>& p, Index first, std::uint64_t seed, const std::vector<std::int32_t>& numbers) const {
  const Index rows = p.rows - first;
  if (p.scale == 0) {
    for (Index r = first; r < p.rows; ++r) std::fill_n(p.w() + r * p.ld, p.cols, p.start);
    return;
  }
  const std::uint64_t key = random::key(seed, 0, p.stream);
  const auto& kernels = dispatch::kernels<T>();
  const int parts = threads::threads_for(static_cast<double>(rows) * static_cast<double>(p.cols) * 4);
  threads::parallel_for(rows, parts, [&](Index begin, Index end) {
    for (Index r = first + begin; r < first + end; ++r) {
      const Index number = numbers.empty() ? r : numbers[static_cast<std::size_t>(r)];
      kernels.uniform(p.w() + r * p.ld, p.cols, static_cast<T>(p.scale), key, static_cast<std::uint64_t>(number * p.cols));
    }
  });
}

template <class T>
void Graph<T>::initialise(std::uint64_t seed, const std::int64_t* counts) {
  for (const auto& p : params_.all()) {
    fill(*p, 0, seed);
    if (p->state1.exists()) std::fill_n(p->s1(), p->memory_rows() * p->state1.ld, T(0));
    if (p->state2.exists() && !p->by_row) std::fill_n(p->s2(), p->memory_rows() * p->state2.ld, T(0));
  }
  input_->initialise();
  if (counts == nullptr) return;
  std::vector<double> seen(static_cast<std::size_t>(spec_.n_outputs));
  for (std::size_t i = 0; i < seen.size(); ++i) seen[i] = static_cast<double>(counts[i]) + 1;  // none is impossible
  output_->initialise(seen);
}

template <class T>
std::unique_ptr<GraphSpace<T>> Graph<T>::make_space() const {
  auto s = std::make_unique<GraphSpace<T>>();
  s->input = input_->make_state();
  s->output = output_->make_state();
  s->stack = stack_.make_states();
  return s;
}

template <class T>
void Graph<T>::plan(GraphSpace<T>& space, const Plan& plan) const {
  if (space.members.size() < static_cast<std::size_t>(plan.members)) space.members.resize(static_cast<std::size_t>(plan.members));
  if (space.loss.size() < static_cast<std::size_t>(plan.m)) space.loss.resize(static_cast<std::size_t>(plan.m));
  input_->plan(space, plan);
  stack_.plan(space.stack, space.x, space.dx, plan);
  output_->plan(space, plan);
  // The output's gradient needs a place even where nothing below wants it.
  if (plan.backward && !space.stack.dy.exists()) space.stack.dy = space.spare_rows.fit(plan.m, spec_.output_size());
  if (!plan.backward || spec_.clip == 0) return;
  std::vector<char> wanted;
  for (const auto& p : params_.all())
    wanted.push_back((p.get() != input_->table() || !steps_rows()) && !output_->lazy(*p) && !input_->lazy(*p) ? 1 : 0);
  if (spec_.freeze_embeddings && input_->table() != nullptr) wanted[input_->table()->index] = 0;
  space.gradients.plan(params_, wanted);
}

template <class T>
void Graph<T>::keep_tiles(GraphSpace<T>& space, Index m, int members) const {
  // Where gradients are stored first, the steps come past the layers and would leave the copies behind.
  if (spec_.clip > 0) return;
  Index bytes = 0;
  for (const auto& layer : stack_.layers()) bytes += layer->tile_bytes(m);
  if (bytes == 0 || !ops::TileWeights::pay(bytes, members)) return;
  for (const std::size_t i : space.stack.active) stack_.layers()[i]->keep_tiles(*space.stack.of[i], m);
}

template <class T>
double Graph<T>::work(Index m, Index entries) const {
  double each = output_->work();
  for (const auto& p : params_.all())
    if (p->role == Role::weights) each += 2.0 * static_cast<double>(p->rows) * static_cast<double>(p->cols);
  const Index d = input_->table() != nullptr ? input_->table()->cols : 0;
  return static_cast<double>(m) * each + static_cast<double>(entries) * (kEntryCost + kElementCost * static_cast<double>(d));
}

template <class T>
View<T> Graph<T>::forward(const Pass<T>& pass, GraphSpace<T>& space) const {
  input_->forward(pass);
  stack_.forward(pass, space.stack);
  return space.stack.y;
}

template <class T>
Index Graph<T>::width(Stage stage) const {
  if (stage == Stage::input) return spec_.width();
  if (stage == Stage::output) {
    if (spec_.of_words()) throw std::invalid_argument("stage must be 'input' or 'hidden' for an output over a vocabulary, got 'output'");
    return spec_.n_outputs;
  }
  if (spec_.input == InputKind::sparse && spec_.hidden.empty())
    throw std::invalid_argument("stage must be 'input' or 'output' for sparse examples without hidden layers, got 'hidden'");
  return spec_.output_size();
}

template <class T>
View<T> Graph<T>::at(Stage stage, const GraphSpace<T>& space) const {
  if (stage == Stage::input) return space.x;
  if (stage == Stage::output || spec_.of_words()) return space.stack.y;
  // Of all classes at once one of the last layers is the output's product.
  const auto& active = space.stack.active;
  return space.stack.of[active[active.size() - 1 - spec_.layers_of_logits()]]->x;
}

template <class T>
const KeptColumns* Graph<T>::kept_columns(const Pass<T>& pass, const GraphSpace<T>& space) const {
  return columns_ != nullptr && columns_->active(pass.noise) ? &columns_->kept(pass, *space.stack.of[columns_at_]) : nullptr;
}

template <class T>
void Graph<T>::losses(const Pass<T>& pass, GraphSpace<T>& space, const Targets& targets, double total, bool gradient) const {
  output_->forward(pass, targets, space.stack.y, kept_columns(pass, space), total, gradient ? space.stack.dy : View<T>{});
}

template <class T>
void Graph<T>::backward(const Pass<T>& pass, GraphSpace<T>& space) const {
  const Incoming<T> below = input_->incoming(space);
  if (space.stack.dy.exists())
    apply_incoming(pass, stack_.incoming(space.stack, below), space.stack.dy, spec_.of_words() ? spec_.output_size() : spec_.n_outputs);
  stack_.backward(pass, space.stack, space.dx, below);
  if (!space.dx.exists()) return;
  if (direct_ != nullptr) direct_->add_direct(pass, *space.stack.of[direct_at_], space.dx);
  input_->backward(pass);
}

template <class T>
void Graph<T>::update_dense(const Pass<T>& pass, GraphSpace<T>& space, const Sink<T>& sink) const {
  input_->update(pass, sink);
  stack_.update(pass, space.stack, sink);
  output_->update(pass, space.stack.y, sink, tied(space));
}

template <class T>
bool Graph<T>::update(const Pass<T>& pass, GraphSpace<T>& space, double lr, std::int64_t step, bool last) const {
  if (spec_.clip > 0) return clipped_update(pass, space, lr, step);
  Sink<T> sink;
  sink.rules = rules_of<T>(spec_, lr, step);
  sink.last = last;
  if (spec_.tied) {
    input_->sum_rows(pass);
    pass.crew.barrier();
    if (pass.crew.leads()) input_->list_touched(pass);
    pass.crew.barrier();
  } else if (steps_rows(step)) {
    input_->step_rows(pass, sink.rules);
  }
  update_dense(pass, space, sink);
  if (spec_.output == OutputKind::sampled) {
    pass.crew.barrier();
    output_->lazy_update(pass, sink);
  }
  return true;
}

// Gradients are stored, or summed row by row; when all are there their norm says how long the step may be.
template <class T>
bool Graph<T>::clipped_update(const Pass<T>& pass, GraphSpace<T>& space, double lr, std::int64_t step) const {
  const threads::Crew& crew = pass.crew;
  Sink<T> sink;
  sink.store = &space.gradients;
  const bool moves = steps_rows(step);
  if (spec_.tied || moves) {
    input_->sum_rows(pass);
    crew.barrier();
    if (crew.leads()) input_->list_touched(pass);
    crew.barrier();
  }
  update_dense(pass, space, sink);
  crew.barrier();
  if (crew.leads()) {
    output_->measure(space.gradients);
    double square = space.gradients.square_sum(params_);
    output_->add_lazy_squares(space, square);
    input_->add_lazy_squares(space, square);
    if (moves)
      for (const double s : space.touched.squares) square += s;
    space.norm = std::sqrt(square);
  }
  crew.barrier();
  if (!std::isfinite(space.norm)) return false;
  sink.rules = rules_of<T>(spec_, lr, step, space.norm > spec_.clip ? spec_.clip / space.norm : 1.0);
  sink.store = nullptr;
  for (const auto& p : params_.all()) {
    if (!space.gradients.has(*p)) continue;
    crew.each(
        p->rows, static_cast<double>(p->size()) * 8,
        [&](Index begin, Index end) { step_stored(sink.rules, *p, space.gradients.of(*p), begin, end); }, 1);
  }
  if (moves) input_->apply_rows(pass, sink.rules);
  output_->lazy_update(pass, sink);
  input_->lazy_update(pass, sink);
  return true;
}

template <class T>
void Graph<T>::store(const Pass<T>& pass, GraphSpace<T>& space) const {
  std::vector<char> wanted(params_.all().size(), 1);
  if (spec_.freeze_embeddings && input_->table() != nullptr) wanted[input_->table()->index] = 0;
  space.gradients.plan(params_, wanted);
  for (const auto& p : params_.all())
    if (space.gradients.has(*p)) space.gradients.clear(*p, 0, p->rows);
  Sink<T> sink;
  sink.store = &space.gradients;
  if (spec_.tied || steps_rows()) {
    input_->sum_rows(pass);
    input_->list_touched(pass);
  }
  update_dense(pass, space, sink);
  output_->lazy_update(pass, sink);
  input_->lazy_update(pass, sink);
  if (!steps_rows()) return;
  for (std::size_t i = 0; i < space.touched.ids.size(); ++i) sink.take(*input_->table(), space.touched.ids[i], 1, space.touched.sums[i], 0);
}

template <class T>
void Graph<T>::drop_kept() const {
  for (const auto& p : params_.all()) p->version->changed();
  for (const auto& layer : stack_.layers()) layer->drop_kept();
}

template <class T>
Index Graph<T>::kept_bytes() const {
  Index sum = 0;
  for (const auto& layer : stack_.layers()) sum += layer->kept_bytes();
  return sum;
}

template class Graph<float>;
template class Graph<double>;

}  // namespace pyffnn::net
