// How long work in the core asks whether it may go on.
#pragma once

namespace pyffnn {

// Long loops call poll() on the thread that the call came in on, never from the pool, about every tenth of a millisecond or more seldom.
// It throws to end the work, so what a loop has half done must be safe to drop.
class Interrupt {
 public:
  virtual void poll() = 0;

 protected:
  ~Interrupt() = default;
};

// Nobody interrupts.
class NoInterrupt final : public Interrupt {
 public:
  void poll() override {}
};

// Calls poll() once for so many small steps: for loops whose steps are shorter than the question.
class SlowPoll {
 public:
  explicit SlowPoll(Interrupt& interrupt, long every) : interrupt_(interrupt), every_(every), left_(every) {}
  void step(long steps = 1) {
    left_ -= steps;
    if (__builtin_expect(left_ > 0, 1)) return;
    left_ = every_;
    interrupt_.poll();
  }

 private:
  Interrupt& interrupt_;
  long every_, left_;
};

}  // namespace pyffnn
