// What the operating system gives, behind one header: Linux and macOS (platform_posix.cpp), Windows (platform_windows.cpp). No other file
// includes a header of a system or asks which one it is. Paths are UTF-8. Errors of files are std::system_error with the file's name.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/types.h"

namespace pyffnn::platform {

// --- Threads and processes ---

// CPUs that this process may run on, as far as the system tells; at least 1.
int usable_cpus();
// Lets another thread run.
void yield();
// Does not return: for a thread that may neither go on nor end.
[[noreturn]] void sleep_forever();
// Called around each fork of the process: before it, and after it in the parent and in the child; each may be null. Nothing forks on
// Windows.
void at_fork(void (*before)(), void (*parent)(), void (*child)());
// The number of this process, for names of its own.
std::int64_t process_id();

// --- Memory ---

// Memory at a multiple of `align`, a power of two that divides `bytes`; null where there is none. Given back by free_aligned.
void* allocate_aligned(std::size_t align, std::size_t bytes);
void free_aligned(void* data);
// Hints, which may do nothing: large pages are welcome here; what stands here is no longer needed, but the memory will be.
void want_large_pages(void* data, std::size_t bytes);
void forget_content(void* data, std::size_t bytes);

// Zeros from the system, which cost no memory until they are written to; null where there is no room.
void* map_zeros(std::size_t bytes);
// Gives back all but the first `keep` bytes, where the system can; returns how many it still holds.
std::size_t shrink_zeros(void* data, std::size_t bytes, std::size_t keep);
void unmap_zeros(void* data, std::size_t bytes);

// --- Files ---

struct Mapped {
  const char* data;  // null for an empty file
  std::size_t size;
};
// A file as memory, read-only; all processes that map it share its pages.
Mapped map_file(const std::string& path);
void unmap_file(Mapped file);

// A file, a pipe or a device to read from.
struct Input {
  int file;
  Index size;  // of a regular file; else 0
  bool waits;  // more may come later
};
Input open_input(const std::string& path);
void close_input(Input in);
// Up to `room` bytes, 0 at the end, or -1 where nothing has come within `milliseconds`, or a signal came.
Index read_input(const Input& in, char* to, Index room, int milliseconds, const std::string& path);

// A file to write to, made anew. `whole`: it takes the place of `path` once it is whole; else `path` itself is written to (a device, a
// pipe), and `name` is it.
struct Output {
  int file;
  bool whole;
  std::string name;
};
Output open_output(const std::string& path);
void write_output(const Output& out, const char* data, std::size_t bytes, const std::string& path);
void commit_output(Output out, const std::string& path);
void discard_output(const Output& out) noexcept;

// --- The processor ---

struct CacheSizes {
  std::int64_t l1d, l2, l3;  // bytes; 0: not known
};
CacheSizes cache_sizes();
// As the maker calls it; empty where the system does not tell.
std::string processor_name();
// Asks the system for the state of the AMX tiles; true when this process may use it. Cheap to repeat.
bool request_tiles();

}  // namespace pyffnn::platform
