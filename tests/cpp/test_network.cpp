// Predictions beside training, under the thread sanitizer: readers see the state before an absorbed fork or the one after it, never a
// mixture, whatever they ask, alone or while they hold the lock over several questions.
#include <atomic>
#include <cmath>
#include <mutex>
#include <numeric>
#include <shared_mutex>
#include <thread>
#include <vector>

#include "check.h"
#include "core/dispatch.h"
#include "net/network.h"
#include "net/sources/dense.h"
#include "net/sources/rows.h"
#include "net/sources/stream.h"

using namespace pyffnn;

namespace {

constexpr Index kExamples = 256, kBatch = 64, kOutputs = 24, kRounds = 6;

std::uint32_t g_state = 1;
std::uint32_t next() { return (g_state = g_state * 1664525u + 1013904223u) >> 8; }

// Examples, and targets for them, in memory of their own.
struct Data {
  std::vector<float> x;
  std::vector<std::int32_t> ids, classes;
  net::RowArrays rows;
  std::unique_ptr<net::Source<float>> source;
  net::Targets targets;
  std::vector<std::int64_t> order;

  net::Visit visit() const { return {order.data(), nullptr, static_cast<Index>(order.size())}; }
  net::Batches batches() const { return {visit(), kBatch, nullptr, (static_cast<Index>(order.size()) + kBatch - 1) / kBatch}; }
};

std::unique_ptr<Data> data_for(const net::Spec& spec, Index rows) {
  auto d = std::make_unique<Data>();
  const auto id = [&] { return static_cast<std::int32_t>(next() % static_cast<std::uint32_t>(rows)); };
  if (spec.input == net::InputKind::dense) {
    for (Index i = 0; i < kExamples * spec.n_inputs; ++i) d->x.push_back(static_cast<float>(next() % 1000) / 500 - 1);
    d->source = std::make_unique<net::DenseSource<float>>(d->x.data(), kExamples, spec.n_inputs);
  } else if (spec.input == net::InputKind::bags) {
    d->rows.offsets = {0};
    for (Index i = 0; i < kExamples; ++i) {
      for (std::uint32_t n = next() % 9; n > 0; --n) d->ids.push_back(id());
      d->rows.offsets.push_back(static_cast<std::int64_t>(d->ids.size()));
    }
    d->rows.ids = d->ids.data();
    d->source = std::make_unique<net::BagSource<float>>(d->rows, nullptr, rows);
  } else {
    for (Index i = 0; i < kExamples; ++i) d->ids.push_back(id());
    d->source = std::make_unique<net::StreamSource<float>>(d->ids.data(), kExamples, rows);
  }
  for (Index i = 0; i < kExamples; ++i)
    d->classes.push_back(static_cast<std::int32_t>(next() % static_cast<std::uint32_t>(spec.n_outputs)));
  d->targets.n = kExamples;
  d->targets.n_outputs = spec.n_outputs;
  d->targets.classes32 = d->classes.data();
  d->order.resize(kExamples);
  std::iota(d->order.begin(), d->order.end(), 0);
  return d;
}

std::vector<float> predict(net::Network<float>& network, const Data& d) {
  NoInterrupt nobody;
  std::vector<float> p(static_cast<std::size_t>(kExamples * network.spec().n_outputs));
  network.predict(*d.source, d.visit(), p.data(), nobody);
  return p;
}

void partial_fit(net::Network<float>& network, const Data& d, Index rows) {
  NoInterrupt nobody;
  const auto fork = network.fork(d.source.get(), rows, network.spec());
  const net::Batches batches = d.batches();
  const std::vector<double> lr(static_cast<std::size_t>(batches.count), 0.05);
  std::vector<double> losses(lr.size()), weights(lr.size());
  bool finite = false;
  const Index done = fork->train(*d.source, d.targets, batches, lr.data(), losses.data(), weights.data(), finite, nobody);
  CHECK(finite && done == batches.count);
  const std::unique_lock<SharedLock> lock(network.lock());
  network.absorb(*fork);
}

void predict_beside_partial_fit(const net::Spec& spec) {
  net::Network<float> network(spec, {});
  network.initialise(1, nullptr);
  const bool grows = spec.input == net::InputKind::bags;
  const auto asked = data_for(spec, spec.rows), learned = data_for(spec, spec.rows);
  std::vector<std::unique_ptr<Data>> lessons;
  if (grows)
    for (Index round = 0; round < kRounds; ++round) lessons.push_back(data_for(spec, spec.rows + round));
  std::atomic<bool> over{false};
  std::atomic<int> asking{0}, rounds_seen{0};
  std::vector<std::thread> readers;
  for (int r = 0; r < 3; ++r) {
    readers.emplace_back([&, r] {
      NoInterrupt nobody;
      while (!over) {
        if (r == 0) {
          const auto p = predict(network, *asked);
          for (const float v : p) CHECK(v >= 0 && v <= 1);
        } else if (r == 1) {
          const std::shared_lock<SharedLock> lock(network.lock());
          const auto p = predict(network, *asked);
          CHECK(p == predict(network, *asked));
          CHECK(network.kept_bytes() >= 0);
        } else {
          const auto e = network.evaluate(*asked->source, asked->targets, asked->visit(), true, nobody);
          CHECK(std::isfinite(e.loss) && e.weight == static_cast<double>(kExamples));
          std::vector<std::int32_t> ids(kExamples * 2);
          std::vector<float> best(kExamples * 2);
          network.top_k(*asked->source, asked->visit(), 2, 0.0, ids.data(), best.data(), nobody);
          CHECK(best[0] >= best[1]);
        }
        ++asking;
      }
    });
  }
  const auto before = predict(network, *asked);
  for (Index round = 0; round < kRounds; ++round) {
    partial_fit(network, grows ? *lessons[static_cast<std::size_t>(round)] : *learned, grows ? spec.rows + round : 0);
    // The readers come between.
    const int seen = asking;
    while (asking < seen + 3) std::this_thread::yield();
    ++rounds_seen;
  }
  over = true;
  for (std::thread& t : readers) t.join();
  CHECK(rounds_seen == kRounds && predict(network, *asked) != before);
}

// Two who learn take turns over the lock; what both have learned is there.
void writers_take_turns(const net::Spec& spec) {
  net::Network<float> network(spec, {});
  network.initialise(1, nullptr);
  const auto one = data_for(spec, spec.rows), two = data_for(spec, spec.rows);
  std::mutex turn;
  const std::int64_t steps = one->batches().count;
  std::vector<std::thread> writers;
  for (const Data* d : {one.get(), two.get()}) {
    writers.emplace_back([&, d] {
      for (int i = 0; i < 3; ++i) {
        const std::lock_guard<std::mutex> mine(turn);
        partial_fit(network, *d, 0);
      }
    });
  }
  for (std::thread& t : writers) t.join();
  CHECK(network.step() == 6 * steps);
}

void the_lock_refuses_what_would_hang(const net::Spec& spec) {
  net::Network<float> network(spec, {});
  const auto refused = [&] {
    try {
      network.lock().lock();
    } catch (const std::logic_error&) {
      return true;
    }
    network.lock().unlock();
    return false;
  };
  {
    const std::shared_lock<SharedLock> reading(network.lock());
    const std::shared_lock<SharedLock> again(network.lock());
    CHECK(refused());
  }
  CHECK(!refused());
  {
    const std::unique_lock<SharedLock> writing(network.lock());
    const std::shared_lock<SharedLock> own(network.lock());
    CHECK(refused());
  }
  CHECK(!refused());
}

}  // namespace

int main() {
  net::Spec dense;
  dense.input = net::InputKind::dense;
  dense.n_inputs = 64;
  dense.hidden = {64};
  dense.n_outputs = kOutputs;
  dense.optimizer = Optim::adam;
  net::Spec bags = dense;
  bags.input = net::InputKind::bags;
  bags.n_inputs = 0;
  bags.rows = 4000;
  bags.dim = 32;
  bags.optimizer = Optim::adagrad;
  bags.embedding_by_row = true;
  net::Spec words = bags;
  words.input = net::InputKind::windows;
  words.rows = words.n_outputs = 300;
  words.context = 3;
  words.output = net::OutputKind::vocabulary;
  words.optimizer = Optim::adam;
  words.embedding_by_row = false;
  words.tied = true;
  words.clip = 1;
  words.dropout = words.output_dropout = 0.2;
  for (const net::Spec& spec : {dense, bags, words}) {
    spec.check();
    predict_beside_partial_fit(spec);
    writers_take_turns(spec);
    the_lock_refuses_what_would_hang(spec);
  }
  return g_failures != 0;
}
