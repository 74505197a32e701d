// The few lines of a test framework that these tests need: CHECK counts failures, main returns them.
#pragma once
#include <cstdio>
#include <cstdlib>

inline int g_failures = 0;

#define CHECK(condition)                                                   \
  do {                                                                     \
    if (!(condition)) {                                                    \
      std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      if (++g_failures > 20) std::exit(1);                                 \
    }                                                                      \
  } while (0)
