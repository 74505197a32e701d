#include "net/network.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstring>
#include <numeric>
#include <shared_mutex>
#include <stdexcept>

#include "net/sources/stream.h"

namespace pyffnn::net {
namespace {

using Clock = std::chrono::steady_clock;
// Between two looks whether the caller wants the work to end.
constexpr auto kBetweenPolls = std::chrono::milliseconds(150);

class Poller {
 public:
  explicit Poller(Interrupt& interrupt) : interrupt_(interrupt), next_(Clock::now() + kBetweenPolls) {}
  bool due() const { return Clock::now() >= next_; }
  void poll() {
    interrupt_.poll();
    next_ = Clock::now() + kBetweenPolls;
  }

 private:
  Interrupt& interrupt_;
  Clock::time_point next_;
};

}  // namespace

template <class T>
class Network<T>::Lease {
 public:
  explicit Lease(Network& network) : pool_(network.spaces_), space_(pool_.take()) {
    if (space_ == nullptr) space_ = network.graph_.make_space();
  }
  ~Lease() { pool_.give_back(std::move(space_)); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  Space& operator*() { return *space_; }

 private:
  SpacePool<Space>& pool_;
  std::unique_ptr<Space> space_;
};

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

// f(space, pass, number of the first example) for chunks of examples, brought forward without noise, on as many threads as are worth it.
template <class T>
template <class F>
void Network<T>::in_chunks(const Source<T>& source, const Visit& visit, Interrupt& interrupt, F&& f) {
  const Index chunk = graph_.output().chunk();
  if (visit.count == 0) return;
  if (visit.length == nullptr && visit.count <= chunk) {
    // A handful of examples, perhaps one: nothing to cut.
    const std::int64_t cuts[2] = {0, visit.count};
    Lease lease(*this);
    graph_.plan(*lease, plan_of(source, {visit, 0, cuts, 1}, 1, false, false));
    const threads::Crew alone;
    const Pass<T> pass = pass_of(*lease, alone, visit, 0, false, false);
    load(pass, source);
    graph_.forward(pass, *lease);
    return f(*lease, pass, 0);
  }
  // Chunks are cut at runs.
  std::vector<std::int64_t> cuts{0};
  std::vector<Index> first{0};
  Index in_chunk = 0, examples = 0;
  for (Index i = 0; i < visit.count; ++i) {
    if (in_chunk > 0 && in_chunk + visit.length_of(i) > chunk) {
      cuts.push_back(i);
      first.push_back(examples);
      in_chunk = 0;
    }
    in_chunk += visit.length_of(i);
    examples += visit.length_of(i);
  }
  cuts.push_back(visit.count);
  const Batches batches{visit, 0, cuts.data(), visit.count > 0 ? static_cast<Index>(cuts.size()) - 1 : 0};
  if (batches.count == 0) return;
  const Plan plan = plan_of(source, batches, 1, false, false);
  const Index whole = std::min(examples, chunk);
  const double work_of_chunk = graph_.work(plan.m, plan.entries);
  Poller poller(interrupt);
  // So many chunks at a time that signals are heard in between, all at once where there is little to do.
  const double all = work_of_chunk * static_cast<double>(batches.count);
  Index wave = all < 5e8 ? batches.count : std::max(1, threads::get_num_threads());
  for (Index done = 0; done < batches.count;) {
    const Index count = std::min(wave, batches.count - done);
    const auto start = Clock::now();
    threads::parallel_for(count, threads::threads_for(static_cast<double>(count) * work_of_chunk), [&](Index begin, Index end) {
      Lease lease(*this);
      Space& space = *lease;
      graph_.plan(space, plan);
      const threads::Crew alone;
      for (Index c = done + begin; c < done + end; ++c) {
        Pass<T> pass = pass_of(space, alone, batches.of(c), 0, false, false);
        pass.whole = whole;
        load(pass, source);
        graph_.forward(pass, space);
        f(space, pass, first[static_cast<std::size_t>(c)]);
      }
    });
    done += count;
    if (poller.due()) poller.poll();
    const double each = std::chrono::duration<double>(Clock::now() - start).count() / static_cast<double>(count);
    wave = std::max<Index>(threads::get_num_threads(), static_cast<Index>(0.1 / std::max(each, 1e-9)));
  }
}

template <class T>
Evaluation Network<T>::evaluate(const Source<T>& source, const Targets& targets, const Visit& visit, bool accuracy, Interrupt& interrupt) {
  const std::shared_lock<SharedLock> lock(lock_);
  check(source, targets);
  const Index n = spec().n_outputs;
  // A chunk has at least one example, and one alone knows its first.
  std::vector<Evaluation> by_first(static_cast<std::size_t>(visit.count));
  in_chunks(source, visit, interrupt, [&](Space& space, const Pass<T>& pass, Index) {
    Evaluation& e = by_first[static_cast<std::size_t>(pass.visit.start - visit.start)];
    e.weight = targets.sum_of_weights(pass.visit);
    graph_.losses(pass, space, targets, e.weight, false);
    e.loss = e.weight > 0 ? graph_.output().mean_loss(space, pass.m, e.weight) * e.weight : 0;
    if (accuracy) e.correct = correct(space, pass, targets, n);
  });
  Evaluation sum;
  for (const Evaluation& e : by_first) {
    sum.loss += e.loss;
    sum.weight += e.weight;
    sum.correct += e.correct;
  }
  return sum;
}

// Sum of the weights of the rightly classified examples of a chunk.
template <class T>
double Network<T>::correct(Space& space, const Pass<T>& pass, const Targets& targets, Index n) const {
  std::vector<T> p(static_cast<std::size_t>(pass.m * n));
  if (spec().loss == LossKind::squared || targets.kind == TargetKind::slopes) return 0;
  graph_.output().predict(pass, space.stack.y, p.data());
  std::vector<T> wanted(static_cast<std::size_t>(n));
  double sum = 0;
  pass.visit.each([&](Index example, Index i) {
    const T* const row = p.data() + i * n;
    double right = 0;
    if (targets.kind == TargetKind::classes) {
      right = std::max_element(row, row + n) - row == targets.class_of(example) ? 1 : 0;
    } else {
      targets.row(example, wanted.data());
      if (spec().loss != LossKind::sigmoid) {
        right = std::max_element(row, row + n) - row == std::max_element(wanted.begin(), wanted.end()) - wanted.begin() ? 1 : 0;
      } else {
        Index same = 0;
        for (Index j = 0; j < n; ++j) same += (row[j] > T(0.5)) == (wanted[static_cast<std::size_t>(j)] > T(0.5));
        right = static_cast<double>(same) / static_cast<double>(n);
      }
    }
    sum += targets.weight_of(example) * right;
  });
  return sum;
}

template <class T>
void Network<T>::predict(const Source<T>& source, const Visit& visit, T* out, Interrupt& interrupt) {
  const std::shared_lock<SharedLock> lock(lock_);
  check(source);
  const Index n = spec().n_outputs;
  in_chunks(source, visit, interrupt,
            [&](Space& space, const Pass<T>& pass, Index first) { graph_.output().predict(pass, space.stack.y, out + first * n); });
}

template <class T>
void Network<T>::values(const Source<T>& source, const Visit& visit, Stage stage, T* out, Interrupt& interrupt) {
  const std::shared_lock<SharedLock> lock(lock_);
  check(source);
  const Index n = width(stage);
  in_chunks(source, visit, interrupt, [&](Space& space, const Pass<T>& pass, Index first) {
    const View<T> at = graph_.at(stage, space);
    for (Index i = pass.begin; i < pass.end; ++i)
      std::memcpy(out + (first + i - pass.begin) * n, at.row(i), static_cast<std::size_t>(n) * sizeof(T));
  });
}

template <class T>
void Network<T>::top_k(const Source<T>& source, const Visit& visit, Index k, double threshold, std::int32_t* ids, T* p,
                       Interrupt& interrupt) {
  const std::shared_lock<SharedLock> lock(lock_);
  check(source);
  const Index n = spec().n_outputs, most = std::min(k, n);
  in_chunks(source, visit, interrupt, [&](Space& space, const Pass<T>& pass, Index first) {
    // Rows of all outputs, of a few examples at a time.
    const Index rows = std::clamp<Index>((Index{1} << 18) / n, 1, pass.m);
    std::vector<T> all(static_cast<std::size_t>(rows * n));
    std::vector<std::int32_t> order(static_cast<std::size_t>(n));
    for (Index at = 0; at < pass.m; at += rows) {
      Pass<T> part = pass;
      part.begin = at;
      part.end = std::min(pass.m, at + rows);
      graph_.output().predict(part, space.stack.y, all.data());
      for (Index i = 0; i < part.size(); ++i) {
        const T* const row = all.data() + i * n;
        std::iota(order.begin(), order.end(), 0);
        // NaN goes last: it is beside no number in any order.
        std::partial_sort(order.begin(), order.begin() + most, order.end(), [row](std::int32_t a, std::int32_t b) {
          const bool a_is = row[a] == row[a], b_is = row[b] == row[b];
          if (a_is != b_is) return a_is;
          return a_is && row[a] != row[b] ? row[a] > row[b] : a < b;
        });
        for (Index j = 0; j < k; ++j) {
          const Index to = (first + at + i) * k + j;
          const bool here = j < most && static_cast<double>(row[order[static_cast<std::size_t>(j)]]) >= threshold;
          ids[to] = here ? order[static_cast<std::size_t>(j)] : -1;
          p[to] = here ? row[order[static_cast<std::size_t>(j)]] : T(0);
        }
      }
    }
  });
}

template <class T>
void Network<T>::log_prob(const Source<T>& source, const Targets& targets, const Visit& visit, double* out, Interrupt& interrupt) {
  const std::shared_lock<SharedLock> lock(lock_);
  check(source, targets);
  if (targets.kind != TargetKind::classes || spec().loss != LossKind::softmax)
    throw std::invalid_argument("log_prob: it is of classes under a softmax");
  in_chunks(source, visit, interrupt, [&](Space& space, const Pass<T>& pass, Index first) {
    std::vector<std::int32_t> target(static_cast<std::size_t>(pass.m));
    pass.visit.each(
        [&](Index example, Index i) { target[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(targets.class_of(example)); });
    graph_.output().log_prob(pass, target.data(), space.stack.y, out + first);
  });
}

template <class T>
void Network<T>::distribution(const std::int32_t* ids, Index n, double* p) {
  const std::shared_lock<SharedLock> lock(lock_);
  if (spec().input != InputKind::windows) throw std::invalid_argument("distribution: the network reads no stream of ids");
  // Only the words in reach matter; one more stands for the unknown target.
  const Index seen = std::min(n, spec().reach());
  std::vector<std::int32_t> window(ids + (n - seen), ids + n);
  window.push_back(0);
  const StreamSource<T> source(window.data(), seen + 1, spec().rows);
  const std::int64_t start = seen;
  const Visit visit{&start, nullptr, 1};
  NoInterrupt nobody;
  in_chunks(source, visit, nobody, [&](Space& space, const Pass<T>& pass, Index) { graph_.output().distribution(pass, space.stack.y, p); });
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
