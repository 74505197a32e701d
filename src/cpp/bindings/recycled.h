// Large results from kept blocks (core/blocks.h): most of the time of a cheap operation on many numbers is the kernel's clearing of the
// fresh pages of its result.
#pragma once
#include <Python.h>

namespace pyffnn::bindings {

// Results from this size on. Below it malloc finds room that was touched before, and nothing was gained.
constexpr double kRecycled = 8 << 20;

// While one lives, the arrays that this thread makes have their memory from kept blocks, if they are to be of so many `bytes` that it pays.
// They are arrays like any other and own their memory: NumPy gives it back when the last view is gone, in whatever thread, tracemalloc
// counts it, and `resize` works. To be held around the making of one array alone. With the GIL.
class FromBlocks {
 public:
  explicit FromBlocks(double bytes) {
    if (bytes >= kRecycled) begin(bytes);
  }
  ~FromBlocks() {
    if (before_ != nullptr) end();
  }
  FromBlocks(const FromBlocks&) = delete;
  FromBlocks& operator=(const FromBlocks&) = delete;

 private:
  void begin(double bytes);
  void end();

  PyObject* before_ = nullptr;  // what gave memory before
};

// Once, when the module is made.
void find_memory_handlers();

}  // namespace pyffnn::bindings
