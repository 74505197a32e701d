#include "fasttext/descent.h"

#include <atomic>
#include <cmath>
#include <deque>
#include <thread>

#include "core/dispatch.h"
#include "core/spin.h"
#include "core/team.h"

namespace pyffnn::fasttext {
namespace {

// What a member of the team says to the other one: sums of its shard, of one bag and the next, and up to which bag they are there.
struct alignas(64) Told {
  std::atomic<Index> bags{0};
};

class Descent {
 public:
  Descent(const Bags& bags, const Dictionary& dictionary, const TrainSettings& settings, Rows& input, Rows& output, Interrupt& interrupt,
          const Watch& watch)
      : bags_(bags),
        dictionary_(dictionary),
        settings_(settings),
        input_(input),
        output_(output),
        interrupt_(interrupt),
        watch_(watch),
        kernels_(dispatch::kernels<float>()),
        tree_(dictionary.settings().loss == LossName::hs ? dictionary.target_counts() : std::vector<std::int64_t>{}),
        sums_(Index{2} * kShards * input.ld),
        key_(random::key(settings.seed, 0, 1)) {
    members_.emplace_back(*this, output_);
  }

  double run() {
    const Index steps = static_cast<Index>(settings_.epoch) * bags_.chunks();
    if (bags_.empty() && settings_.epoch > 0) throw std::invalid_argument("no line of the text has both a label and a word");
    if (worth_a_team()) {
      members_.emplace_back(*this, Rows(output_.rows, output_.dim));
      members_[1].follow(members_[0]);
      threads::Pace pace;
      threads::lead_team(kShards, steps, pace, [&](threads::Team& team, int member, int size, Index s) {
        step(team, member, size, s);
        return true;
      });
    } else {
      threads::Team alone(1);
      for (Index s = 0; s < steps; ++s) step(alone, 0, 1, s);
    }
    return members_[0].schedule.loss();
  }

 private:
  struct Member {
    Member(const Descent& of, Rows out)
        : output(std::move(out)),
          schedule(of.settings_, of.dictionary_),
          loss(Loss::make(of.dictionary_, of.tree_, {output.row(0), output.rows, output.dim, output.ld}, of.settings_.seed)),
          hidden(of.input_.ld),
          gradient(of.input_.ld) {}
    void follow(const Member& other) {
      std::memcpy(output.row(0), other.output.row(0), static_cast<std::size_t>(output.rows * output.ld) * sizeof(float));
      schedule = other.schedule;
      loss->follow(*other.loss);
    }
    Rows output;
    Schedule schedule;
    std::unique_ptr<Loss> loss;
    Numbers hidden, gradient;
  };
  // Where the rows, weights and labels of a bag begin.
  struct Cursor {
    const std::int32_t* rows;
    const float* weights;
    const std::int32_t* labels;
  };

  bool worth_a_team() const {
    if (threads::get_num_threads() < kShards) return false;
    double numbers = 0, bags = 0;
    for (Index i = 0; i < bags_.chunks(); ++i) {
      const Bags::Chunk chunk = bags_.chunk(i);
      for (const Bag* bag = chunk.begin; bag < chunk.end; ++bag) numbers += static_cast<double>(bag->rows() * input_.ld);
      bags += static_cast<double>(chunk.end - chunk.begin);
    }
    // To wait for one another costs about as much as to visit a thousand numbers.
    return numbers > 2000 * bags && numbers * settings_.epoch > threads::kColdGrain;
  }

  void step(threads::Team& team, int m, int size, Index s) {
    if (size > 1 && behind_) {
      if (m > 0) members_[1].follow(members_[0]);
      team.barrier();
      if (m == 0) behind_ = false;
    } else if (size == 1 && !behind_) {
      behind_ = true;
    }
    Member& member = members_[static_cast<std::size_t>(m)];
    if (s > 0 && s % bags_.chunks() == 0) count(member, m, bags_.tokens_left());
    const Bags::Chunk chunk = bags_.chunk(s % bags_.chunks());
    Cursor at{chunk.rows, chunk.weights, chunk.labels};
    for (const Bag* bag = chunk.begin; bag < chunk.end; ++bag) {
      count(member, m, bag->tokens);
      visit(team, member, m, size, *bag, bag + 1 < chunk.end ? bag + 1 : nullptr, at);
      at.rows += bag->rows();
      at.weights += bag->weights();
      at.labels += bag->labels;
    }
    // The leader may go on alone, with the rows of both.
    if (size > 1) team.barrier();
  }

  void count(Member& member, int m, Index tokens) {
    if (member.schedule.count(tokens) && m == 0) member.schedule.tell(interrupt_, watch_);
  }

  // The rows of one shard of a bag, all or those that it moves: `next` is the bag behind it.
  BagRows<float> shard_of(const Bag& bag, const Bag* next, const Cursor& at, int shard, bool moved) const {
    const Index own = bag.own == shard ? 1 : 0;
    const Bag::Shard& rows = bag.shards[shard];
    const Index before = shard > 0 ? bag.rows(0) : 0, weights_before = shard > 0 ? bag.weights(0) : 0, others = moved ? rows.others : 0;
    return {input_.numbers->data(),
            input_.ld,
            input_.dim,
            at.rows + before + others,
            at.weights + weights_before + others,
            rows.weighted + (moved ? 0 : rows.others + own),
            rows.plain + (moved ? own : 0),
            at.rows + bag.rows() + (next != nullptr && shard > 0 ? next->rows(0) : 0),
            next != nullptr ? next->rows(shard) : 0};
  }

  void visit(threads::Team& team, Member& member, int m, int size, const Bag& bag, const Bag* next, const Cursor& at) {
    const Index ld = input_.ld, number = member.schedule.steps() + 1;
    float* const sums = sums_.data() + (number & 1) * kShards * ld;
    const int first = size > 1 ? m : 0, last = size > 1 ? m + 1 : kShards;
    for (int s = first; s < last; ++s) kernels_.bag_sum(shard_of(bag, next, at, s, false), sums + s * ld);
    if (size > 1) {
      told_[m].bags.store(number, std::memory_order_release);
      wait(team, told_[1 - m], number);
    }
    const float scale = static_cast<float>(1.0 / static_cast<double>(bag.size));
    float *const hidden = member.hidden.data(), *const gradient = member.gradient.data();
    for (Index j = 0; j < ld; ++j) hidden[j] = (sums[j] + sums[ld + j]) * scale;
    const bool all = dictionary_.settings().loss == LossName::ova;
    member.schedule.learned(
        member.loss->step(hidden, at.labels, bag.labels, all ? -1 : chosen(number, bag.labels), member.schedule.rate(), gradient));
    for (Index j = 0; j < ld; ++j) gradient[j] *= scale;
    for (int s = first; s < last; ++s) kernels_.bag_add(shard_of(bag, next, at, s, true), gradient);
  }

  static void wait(const threads::Team& team, const Told& told, Index number) {
    constexpr int kPatience = 1024;
    for (int polls = 1; told.bags.load(std::memory_order_acquire) < number; ++polls) {
      threads::relax();
      if (polls % kPatience != 0) continue;
      if (team.broken()) throw threads::Team::Broken{};
      std::this_thread::yield();
    }
  }

  Index chosen(Index number, Index labels) const {
    if (labels == 1) return 0;
    const std::uint64_t bits = random::bits64(key_, static_cast<std::uint64_t>(number));
    return static_cast<Index>((static_cast<unsigned __int128>(bits) * static_cast<std::uint64_t>(labels)) >> 64);
  }

  const Bags& bags_;
  const Dictionary& dictionary_;
  const TrainSettings& settings_;
  Rows& input_;
  Rows& output_;
  Interrupt& interrupt_;
  const Watch& watch_;
  const Kernels<float>& kernels_;
  Tree tree_;
  Numbers sums_;  // [bags of odd and of even number, shards, ld]
  std::uint64_t key_;
  std::deque<Member> members_;
  Told told_[kShards];
  bool behind_ = false;  // the leader has gone on alone
};

}  // namespace

double descend(const Bags& bags, const Dictionary& dictionary, const TrainSettings& settings, Rows& input, Rows& output,
               Interrupt& interrupt, const Watch& watch) {
  const Kernels<float>& kernels = dispatch::kernels<float>();
  const auto row = [&](Index number) { return input.row(bags.places().of(static_cast<std::int32_t>(number))); };
  // What rare words began with is read from the constants of their bags,
  for (const FewRow& few : bags.few())
    if (few.row < dictionary.words())
      for (int j = 0; j < FewRow::kMost && few.bags[j] >= 0; ++j)
        kernels.axpy(1.0f, row(few.row), row(bags.constant(few.bags[j])), input.dim);
  const double loss = Descent(bags, dictionary, settings, input, output, interrupt, watch).run();
  if (!std::isfinite(loss)) throw Diverged();
  // and what the bags have moved is theirs in the end.
  for (const FewRow& few : bags.few())
    for (int j = 0; j < FewRow::kMost && few.bags[j] >= 0; ++j) kernels.axpy(1.0f, row(bags.own_row(few.bags[j])), row(few.row), input.dim);
  return loss;
}

}  // namespace pyffnn::fasttext
