#include "net/network.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <shared_mutex>
#include <stdexcept>

#include "net/call.h"

namespace pyffnn::net {

// What a call of train() was given, and its memory.
template <class T>
struct Network<T>::Call {
  const Source<T>& source;
  const Targets& targets;
  const Batches& batches;
  const double* lr;
  Space& space;
  std::int64_t first_step;  // of the network before the call
};

template <class T>
Network<T>::Network(const Spec& spec, std::vector<std::int32_t> by_frequency)
    : graph_(spec, by_frequency), by_frequency_(std::move(by_frequency)), seed_(spec.seed) {}

template <class T>
void Network<T>::weights_change() {
  graph_.drop_kept();
}

template <class T>
void Network<T>::initialise(std::uint64_t seed, const std::int64_t* counts) {
  const std::unique_lock<SharedLock> lock(lock_);
  weights_change();
  seed_ = seed;
  step_ = 0;
  graph_.initialise(seed, counts);
}

template <class T>
void Network<T>::check(const Source<T>& source) const {
  const SourceKind wanted = graph_.input().reads();
  constexpr const char* names[] = {"dense examples", "sparse examples", "bags of ids", "sequences of ids", "a stream of ids"};
  if (source.kind() != wanted)
    throw std::invalid_argument(std::string("examples: the network reads ") + names[static_cast<int>(wanted)] + ", got " +
                                names[static_cast<int>(source.kind())]);
  const Spec& s = spec();
  // A fork may have only some of the rows, which are the inputs where those are sparse.
  const Index limit = !rows_here_.empty() ? total_rows_ : s.has_table() ? s.rows : s.n_inputs;
  if (s.has_table() ? source.width() > limit : source.width() != limit)
    throw std::invalid_argument("examples: the network has " + std::to_string(limit) + (s.has_table() ? " rows" : " inputs") +
                                ", the examples are for " + std::to_string(source.width()));
  if (s.input == InputKind::concat && source.length() != s.max_tokens)
    throw std::invalid_argument("examples: the network reads " + std::to_string(s.max_tokens) + " ids an example, got " +
                                std::to_string(source.length()));
}

template <class T>
void Network<T>::check(const Source<T>& source, const Targets& targets) const {
  check(source);
  if (targets.n != source.size())
    throw std::invalid_argument("targets: there are " + std::to_string(targets.n) + " for " + std::to_string(source.size()) + " examples");
  constexpr const char* kinds[] = {"classes", "label sets", "rows of probabilities", "values", "slopes"};
  if (!graph_.output().takes(targets.kind))
    throw std::invalid_argument(std::string("targets: the loss of this network does not take ") + kinds[static_cast<int>(targets.kind)]);
  if (targets.n_outputs != spec().n_outputs)
    throw std::invalid_argument("targets: they are for " + std::to_string(targets.n_outputs) + " outputs, the network has " +
                                std::to_string(spec().n_outputs));
}

template <class T>
Plan Network<T>::plan_of(const Source<T>& source, const Batches& batches, int members, bool noise, bool backward) const {
  Plan plan;
  plan.members = members;
  plan.noise = noise;
  plan.backward = backward;
  const bool stream = source.kind() == SourceKind::stream, dense = source.kind() == SourceKind::dense;
  for (Index b = 0; b < batches.count; ++b) {
    const Visit visit = batches.of(b);
    plan.m = std::max(plan.m, visit.examples());
    if (dense) continue;
    Index entries = 0;
    for (Index i = 0; i < visit.count; ++i) {
      entries += stream ? spec().reach() + visit.length_of(i) - 1 : source.max_entries(visit.start[i]);
      plan.longest = std::max(plan.longest, visit.length_of(i));
    }
    plan.entries = std::max(plan.entries, entries);
    plan.runs = std::max(plan.runs, visit.count);
  }
  plan.m = std::max<Index>(plan.m, 1);
  if (plan.entries >= std::int64_t{UINT32_MAX} || plan.m >= std::int64_t{INT32_MAX})
    throw std::invalid_argument("batch_size is too large: a batch has " + std::to_string(std::max(plan.entries, plan.m)) +
                                " ids or examples");
  return plan;
}

template <class T>
Pass<T> Network<T>::pass_of(Space& space, const threads::Crew& crew, const Visit& visit, std::int64_t step, bool noise,
                            bool training) const {
  const auto share = crew.share(visit.count);
  const Index begin = visit.examples(share.begin), m = visit.examples();
  return {spec(),
          space,
          crew,
          space.members[static_cast<std::size_t>(crew.member())],
          visit,
          share.begin,
          share.end,
          begin,
          begin + visit.part(share.begin, share.end).examples(),
          m,
          m,
          step,
          noise,
          training};
}

// Ids as they are called here: a fork may have only some rows of the table, and the spare row stands for missing ids, whatever the source
// calls those.
template <class T>
void Network<T>::translate(const Source<T>& source, std::vector<std::int32_t>& ids) const {
  const bool sequences = source.kind() == SourceKind::sequences;
  const auto padding = static_cast<std::int32_t>(source.width()), spare = static_cast<std::int32_t>(spec().rows);
  if (rows_here_.empty()) {
    if (sequences && padding != spare) std::replace(ids.begin(), ids.end(), padding, spare);
    return;
  }
  for (std::int32_t& id : ids) id = sequences && id == padding ? spare : static_cast<std::int32_t>(row_here(id));
}

// Throws std::out_of_range for a row that a fork has not.
template <class T>
Index Network<T>::row_here(std::int64_t id) const {
  if (rows_here_.empty()) return id;
  const auto at = std::lower_bound(rows_here_.begin(), rows_here_.end(), id);
  if (at == rows_here_.end() || *at != id) throw std::out_of_range("ids: row " + std::to_string(id) + " is not among those of this fork");
  return at - rows_here_.begin();
}

template <class T>
void Network<T>::load(const Pass<T>& pass, const Source<T>& source) const {
  const Index words = spec().window > 0 ? spec().window : spec().reach();
  source.load(pass.visit.part(pass.first, pass.last), words, pass.member.batch, pass.space.x.row(pass.begin), pass.space.x.ld);
  if (source.kind() == SourceKind::bags || source.kind() == SourceKind::sequences || source.kind() == SourceKind::sparse)
    translate(source, pass.member.batch.ids);
}

template <class T>
typename Network<T>::Step Network<T>::train_batch(const Call& call, Index b, const threads::Crew& crew) {
  Space& space = call.space;
  const Visit visit = call.batches.of(b);
  const Pass<T> pass = pass_of(space, crew, visit, call.first_step + b, true, true);
  const double total = call.targets.sum_of_weights(visit);
  load(pass, call.source);
  graph_.forward(pass, space);
  graph_.losses(pass, space, call.targets, total, true);
  graph_.backward(pass, space);
  crew.barrier();
  Step done{0, total, true};
  if (total > 0) {
    done.loss = graph_.output().mean_loss(space, pass.m, total);
    done.finite = std::isfinite(done.loss) && graph_.update(pass, space, call.lr[b], call.first_step + b + 1, b + 1 == call.batches.count);
  }
  return done;
}

template <class T>
Index Network<T>::train(const Source<T>& source, const Targets& targets, const Batches& batches, const double* lr, double* losses,
                        double* weights, bool& finite, Interrupt& interrupt) {
  const std::unique_lock<SharedLock> lock(lock_);
  check(source, targets);
  weights_change();
  Lease lease(*this);
  Space& space = *lease;
  finite = true;
  if (batches.count == 0) return 0;
  Plan plan = plan_of(source, batches, 1, true, true);
  const double work = 3 * graph_.work(plan.m, plan.entries);
  const Index entries_of_batch = batches.of(0).count;
  plan.members = static_cast<int>(
      std::min<Index>(threads::team_for(work, work * static_cast<double>(batches.count)), std::max<Index>(entries_of_batch, 1)));
  graph_.plan(space, plan);
  if (batches.count > 1) graph_.keep_tiles(space, plan.m, plan.members);
  const Call call{source, targets, batches, lr, space, step_};
  Poller poller(interrupt);
  Index done = 0;
  while (done < batches.count && finite) {
    const Index first = done;
    std::atomic<bool> look{false};
    threads::lead_team(plan.members, batches.count - first, pace_, [&](threads::Team& team, int member, int size, Index s) {
      const threads::Crew crew(team, member, size);
      const Index b = first + s;
      const Step step = train_batch(call, b, crew);
      if (crew.leads()) {
        finite = step.finite;
        if (step.finite) {
          losses[b] = step.loss;
          weights[b] = step.weight;
          ++done;
          ++step_;
        }
        // All members read it after the barrier.
        if (poller.due()) look.store(true, std::memory_order_relaxed);
      }
      crew.barrier();
      return step.finite && !look.load(std::memory_order_relaxed);
    });
    // What it throws leaves the network after a step.
    if (look.load()) poller.poll();
  }
  return done;
}

template <class T>
double Network<T>::gradients(const Source<T>& source, const Targets& targets, const Visit& visit, bool noise,
                             const std::map<std::string, T*>& grads) {
  const std::unique_lock<SharedLock> lock(lock_);
  check(source, targets);
  Lease lease(*this);
  Space& space = *lease;
  const std::int64_t cuts[2] = {0, visit.count};
  graph_.plan(space, plan_of(source, {visit, 0, cuts, 1}, 1, noise, true));
  const threads::Crew alone;
  const Pass<T> pass = pass_of(space, alone, visit, step_, noise, true);
  const double total = targets.sum_of_weights(visit);
  load(pass, source);
  graph_.forward(pass, space);
  graph_.losses(pass, space, targets, total, true);
  graph_.backward(pass, space);
  graph_.store(pass, space);
  for (const auto& p : params().all()) {
    const auto found = grads.find(p->name);
    if (found == grads.end() || !space.gradients.has(*p)) continue;
    for (Index r = 0; r < p->rows; ++r)
      std::memcpy(found->second + r * p->cols, space.gradients.of(*p) + r * p->ld, static_cast<std::size_t>(p->cols) * sizeof(T));
  }
  return total > 0 ? graph_.output().mean_loss(space, pass.m, total) : 0;
}

template <class T>
Index Network<T>::workspace_bytes() {
  const std::shared_lock<SharedLock> lock(lock_);
  std::unique_ptr<Space> space = spaces_.take();
  if (space == nullptr) return 0;
  const Index bytes = graph_.output().workspace_bytes(*space->output);
  spaces_.give_back(std::move(space));
  return bytes;
}

template class Network<float>;
template class Network<double>;

}  // namespace pyffnn::net
