// What a network says of examples without learning from them: losses, probabilities, values at a stage, the most probable outputs.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <numeric>
#include <shared_mutex>
#include <stdexcept>

#include "net/call.h"
#include "net/sources/stream.h"

namespace pyffnn::net {

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
    const auto start = Poller::Clock::now();
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
    const double each = std::chrono::duration<double>(Poller::Clock::now() - start).count() / static_cast<double>(count);
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

#define PYFFNN_ANSWERS(T)                                                                                        \
  template Evaluation Network<T>::evaluate(const Source<T>&, const Targets&, const Visit&, bool, Interrupt&);    \
  template void Network<T>::predict(const Source<T>&, const Visit&, T*, Interrupt&);                             \
  template void Network<T>::values(const Source<T>&, const Visit&, Stage, T*, Interrupt&);                       \
  template void Network<T>::top_k(const Source<T>&, const Visit&, Index, double, std::int32_t*, T*, Interrupt&); \
  template void Network<T>::log_prob(const Source<T>&, const Targets&, const Visit&, double*, Interrupt&);       \
  template void Network<T>::distribution(const std::int32_t*, Index, double*);
PYFFNN_ANSWERS(float)
PYFFNN_ANSWERS(double)
#undef PYFFNN_ANSWERS

}  // namespace pyffnn::net
