#if !defined(_WIN32)
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <system_error>
#include <thread>

#include "core/platform.h"

#if defined(__linux__)
#include <sys/syscall.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace pyffnn::platform {
namespace {

[[noreturn]] void fail(const std::string& path) { throw std::system_error(errno, std::generic_category(), path); }

#if defined(__APPLE__)
std::int64_t sysctl_number(const char* name) {
  std::int64_t value = 0;
  std::size_t size = sizeof value;
  return ::sysctlbyname(name, &value, &size, nullptr, 0) == 0 ? value : 0;
}
#endif

}  // namespace

int usable_cpus() {
#if defined(__linux__)
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) == 0) {
    const int n = CPU_COUNT(&set);
    if (n > 0) return n;
  }
#endif
  const unsigned n = std::thread::hardware_concurrency();
  return n > 0 ? static_cast<int>(n) : 1;
}

void yield() { ::sched_yield(); }

void sleep_forever() {
  for (;;) ::pause();
}

void at_fork(void (*before)(), void (*parent)(), void (*child)()) { ::pthread_atfork(before, parent, child); }

std::int64_t process_id() { return ::getpid(); }

void* allocate_aligned(std::size_t align, std::size_t bytes) { return std::aligned_alloc(align, bytes); }
void free_aligned(void* data) { std::free(data); }

void want_large_pages([[maybe_unused]] void* data, [[maybe_unused]] std::size_t bytes) {
#if defined(MADV_HUGEPAGE)
  ::madvise(data, bytes, MADV_HUGEPAGE);
#endif
}

void forget_content([[maybe_unused]] void* data, [[maybe_unused]] std::size_t bytes) {
#if defined(MADV_FREE)
  ::madvise(data, bytes, MADV_FREE);
#endif
}

void* map_zeros(std::size_t bytes) {
  void* const data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
  return data == MAP_FAILED ? nullptr : data;
}

std::size_t shrink_zeros([[maybe_unused]] void* data, std::size_t bytes, [[maybe_unused]] std::size_t keep) {
#if defined(__linux__)
  return ::mremap(data, bytes, keep, 0) == MAP_FAILED ? bytes : keep;
#else
  return bytes;
#endif
}

void unmap_zeros(void* data, std::size_t bytes) { ::munmap(data, bytes); }

Mapped map_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) fail(path);
  struct stat info{};
  if (::fstat(file, &info) != 0) {
    ::close(file);
    fail(path);
  }
  if (S_ISDIR(info.st_mode)) {
    ::close(file);
    errno = EISDIR;
    fail(path);
  }
  const auto size = static_cast<std::size_t>(info.st_size);
  void* const data = size > 0 ? ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file, 0) : nullptr;
  ::close(file);
  if (data == MAP_FAILED) fail(path);
  return {static_cast<const char*>(data), size};
}

void unmap_file(Mapped file) {
  if (file.data != nullptr) ::munmap(const_cast<char*>(file.data), file.size);
}

Input open_input(const std::string& path) {
  // A named pipe without a writer: wait for one, but not deaf.
  struct stat info{};
  const bool is_pipe = ::stat(path.c_str(), &info) == 0 && S_ISFIFO(info.st_mode);
  Input in{::open(path.c_str(), O_RDONLY | O_CLOEXEC | (is_pipe ? O_NONBLOCK : 0)), 0, false};
  if (in.file < 0) fail(path);
  if (::fstat(in.file, &info) != 0) return in;
  if (S_ISREG(info.st_mode))
    in.size = static_cast<Index>(info.st_size);
  else
    in.waits = !S_ISDIR(info.st_mode);
  return in;
}

void close_input(Input in) { ::close(in.file); }

Index read_input(const Input& in, char* to, Index room, int milliseconds, const std::string& path) {
  if (in.waits) {
    struct pollfd wanted{in.file, POLLIN, 0};
    const int ready = ::poll(&wanted, 1, milliseconds);
    if (ready == 0 || (ready < 0 && errno == EINTR)) return -1;
  }
  const ssize_t got = ::read(in.file, to, static_cast<std::size_t>(room));
  if (got >= 0) return static_cast<Index>(got);
  if (errno != EINTR && errno != EAGAIN) fail(path);
  return -1;
}

Output open_output(const std::string& path) {
  struct stat info{};
  Output out{-1, ::stat(path.c_str(), &info) != 0 || S_ISREG(info.st_mode), path};
  if (out.whole) out.name += ".partial-" + std::to_string(process_id());
  out.file = ::open(out.name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (out.file < 0) fail(path);
  return out;
}

void write_output(const Output& out, const char* data, std::size_t bytes, const std::string& path) {
  while (bytes > 0) {
    const ssize_t written = ::write(out.file, data, bytes);
    if (written < 0) {
      if (errno == EINTR) continue;
      fail(path);
    }
    data += written;
    bytes -= static_cast<std::size_t>(written);
  }
}

void commit_output(Output out, const std::string& path) {
  if (::close(out.file) != 0 || (out.whole && std::rename(out.name.c_str(), path.c_str()) != 0)) {
    const int error = errno;
    if (out.whole) ::unlink(out.name.c_str());
    errno = error;
    fail(path);
  }
}

void discard_output(const Output& out) noexcept {
  ::close(out.file);
  if (out.whole) ::unlink(out.name.c_str());
}

CacheSizes cache_sizes() {
#if defined(_SC_LEVEL1_DCACHE_SIZE)
  const auto size = [](int name) { return static_cast<std::int64_t>(::sysconf(name)); };
  return {size(_SC_LEVEL1_DCACHE_SIZE), size(_SC_LEVEL2_CACHE_SIZE), size(_SC_LEVEL3_CACHE_SIZE)};
#elif defined(__APPLE__)
  return {sysctl_number("hw.l1dcachesize"), sysctl_number("hw.l2cachesize"), sysctl_number("hw.l3cachesize")};
#else
  return {0, 0, 0};
#endif
}

std::string processor_name() {
#if defined(__APPLE__)
  char name[256] = "";
  std::size_t size = sizeof name - 1;
  return ::sysctlbyname("machdep.cpu.brand_string", name, &size, nullptr, 0) == 0 ? name : "";
#else
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("model name", 0) == 0) {
      const auto colon = line.find(':');
      if (colon != std::string::npos && colon + 2 < line.size()) return line.substr(colon + 2);
    }
  }
  return "";
#endif
}

bool request_tiles() {
#if defined(__x86_64__) && defined(__linux__)
  constexpr int kArchReqXcompPerm = 0x1023, kTileData = 18;
  return ::syscall(SYS_arch_prctl, kArchReqXcompPerm, kTileData) == 0;
#else
  return false;
#endif
}

}  // namespace pyffnn::platform
#endif
