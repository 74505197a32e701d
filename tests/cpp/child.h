// A forked child of a test, where the system has forks: Windows has none, and what is said of them is left out there.
#pragma once
#include "check.h"

#if defined(_WIN32)

constexpr bool kForks = false;

template <class F>
void in_child(F&&) {}

#else

#include <sys/wait.h>
#include <unistd.h>

constexpr bool kForks = true;

// f() in a child, which is killed where it hangs. The child's memory is its own, so CHECKs there end in its status.
template <class F>
void in_child(F&& f) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);
    g_failures = 0;
    f();
    ::_exit(g_failures != 0);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  CHECK(status == 0);
}

#endif
