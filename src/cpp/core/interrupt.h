// How long work on the caller's thread learns that it is to end.
#pragma once

namespace pyffnn {

// poll() is called several times a second from loops that may last longer, on the thread of the caller and while no lock is held that
// others need. It throws where the work is to end.
class Interrupt {
 public:
  virtual void poll() = 0;

 protected:
  ~Interrupt() = default;
};

}  // namespace pyffnn
