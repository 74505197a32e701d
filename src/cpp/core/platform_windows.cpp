#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <fcntl.h>
#include <io.h>
#include <malloc.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <windows.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <thread>

#include "core/platform.h"

namespace pyffnn::platform {
namespace {

[[noreturn]] void fail(const std::string& path) { throw std::system_error(errno, std::generic_category(), path); }
[[noreturn]] void fail_last(const std::string& path) {
  const DWORD error = ::GetLastError();
  throw std::system_error(error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND ? ENOENT
                          : error == ERROR_ACCESS_DENIED                                 ? EACCES
                          : error == ERROR_NOT_ENOUGH_MEMORY                             ? ENOMEM
                          : error == ERROR_DISK_FULL                                     ? ENOSPC
                                                                                         : EIO,
                          std::generic_category(), path);
}

std::wstring wide(const std::string& path) {
  const int n = ::MultiByteToWideChar(CP_UTF8, 0, path.data(), static_cast<int>(path.size()), nullptr, 0);
  std::wstring out(static_cast<std::size_t>(n), L'\0');
  ::MultiByteToWideChar(CP_UTF8, 0, path.data(), static_cast<int>(path.size()), out.data(), n);
  return out;
}

// One call of the C library moves at most this much.
constexpr std::size_t kMost = std::size_t{1} << 30;

}  // namespace

int usable_cpus() {
  DWORD_PTR own = 0, all = 0;
  if (::GetProcessAffinityMask(::GetCurrentProcess(), &own, &all) != 0 && own != 0) {
    const int n = __builtin_popcountll(own);
    // A mask covers one group of 64: with more than one the process may use them all.
    if (n < 64) return n;
  }
  const unsigned n = std::thread::hardware_concurrency();
  return n > 0 ? static_cast<int>(n) : 1;
}

void yield() { ::SwitchToThread(); }

void sleep_forever() {
  for (;;) ::Sleep(INFINITE);
}

void at_fork(void (*)(), void (*)(), void (*)()) {}

std::int64_t process_id() { return ::GetCurrentProcessId(); }

void* allocate_aligned(std::size_t align, std::size_t bytes) { return ::_aligned_malloc(bytes, align); }
void free_aligned(void* data) { ::_aligned_free(data); }

void want_large_pages(void*, std::size_t) {}
// MEM_RESET takes whole pages; blocks that are told here begin and end at one.
void forget_content(void* data, std::size_t bytes) { ::VirtualAlloc(data, bytes, MEM_RESET, PAGE_READWRITE); }

void* map_zeros(std::size_t bytes) { return ::VirtualAlloc(nullptr, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE); }

std::size_t shrink_zeros(void* data, std::size_t bytes, std::size_t keep) {
  constexpr std::size_t kPage = 4096;
  const std::size_t from = (keep + kPage - 1) / kPage * kPage;
  // The addresses stay reserved until all is given back.
  if (from < bytes) ::VirtualFree(static_cast<char*>(data) + from, bytes - from, MEM_DECOMMIT);
  return bytes;
}

void unmap_zeros(void* data, std::size_t) { ::VirtualFree(data, 0, MEM_RELEASE); }

Mapped map_file(const std::string& path) {
  const HANDLE file = ::CreateFileW(wide(path).c_str(), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, nullptr, OPEN_EXISTING,
                                    FILE_ATTRIBUTE_NORMAL, nullptr);
  if (file == INVALID_HANDLE_VALUE) fail_last(path);
  LARGE_INTEGER size{};
  if (::GetFileSizeEx(file, &size) == 0) {
    ::CloseHandle(file);
    fail_last(path);
  }
  if (size.QuadPart == 0) {
    ::CloseHandle(file);
    return {nullptr, 0};
  }
  const HANDLE mapping = ::CreateFileMappingW(file, nullptr, PAGE_READONLY, 0, 0, nullptr);
  ::CloseHandle(file);
  if (mapping == nullptr) fail_last(path);
  const void* const data = ::MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, 0);
  ::CloseHandle(mapping);
  if (data == nullptr) fail_last(path);
  return {static_cast<const char*>(data), static_cast<std::size_t>(size.QuadPart)};
}

void unmap_file(Mapped file) {
  if (file.data != nullptr) ::UnmapViewOfFile(file.data);
}

Input open_input(const std::string& path) {
  Input in{::_wopen(wide(path).c_str(), _O_RDONLY | _O_BINARY | _O_NOINHERIT), 0, false};
  if (in.file < 0) fail(path);
  struct _stat64 info{};
  if (::_fstat64(in.file, &info) == 0 && (info.st_mode & _S_IFMT) == _S_IFREG) in.size = static_cast<Index>(info.st_size);
  return in;
}

void close_input(Input in) { ::_close(in.file); }

Index read_input(const Input& in, char* to, Index room, int, const std::string& path) {
  const auto most = static_cast<unsigned>(std::min(static_cast<std::size_t>(room), kMost));
  const int got = ::_read(in.file, to, most);
  if (got < 0) fail(path);
  return got;
}

Output open_output(const std::string& path) {
  struct _stat64 info{};
  Output out{-1, ::_wstat64(wide(path).c_str(), &info) != 0 || (info.st_mode & _S_IFMT) == _S_IFREG, path};
  if (out.whole) out.name += ".partial-" + std::to_string(process_id());
  out.file = ::_wopen(wide(out.name).c_str(), _O_WRONLY | _O_CREAT | _O_TRUNC | _O_BINARY | _O_NOINHERIT, _S_IREAD | _S_IWRITE);
  if (out.file < 0) fail(path);
  return out;
}

void write_output(const Output& out, const char* data, std::size_t bytes, const std::string& path) {
  while (bytes > 0) {
    const int written = ::_write(out.file, data, static_cast<unsigned>(std::min(bytes, kMost)));
    if (written < 0) fail(path);
    data += written;
    bytes -= static_cast<std::size_t>(written);
  }
}

void commit_output(Output out, const std::string& path) {
  const bool closed = ::_close(out.file) == 0;
  if (!closed || (out.whole && ::MoveFileExW(wide(out.name).c_str(), wide(path).c_str(), MOVEFILE_REPLACE_EXISTING) == 0)) {
    const DWORD error = ::GetLastError();
    if (out.whole) ::_wunlink(wide(out.name).c_str());
    if (!closed) fail(path);
    ::SetLastError(error);
    fail_last(path);
  }
}

void discard_output(const Output& out) noexcept {
  ::_close(out.file);
  if (!out.whole) return;
  try {
    ::_wunlink(wide(out.name).c_str());
  } catch (...) {
  }
}

CacheSizes cache_sizes() {
  CacheSizes sizes{0, 0, 0};
  DWORD bytes = 0;
  ::GetLogicalProcessorInformation(nullptr, &bytes);
  std::string room(bytes, '\0');
  auto* const first = reinterpret_cast<SYSTEM_LOGICAL_PROCESSOR_INFORMATION*>(room.data());
  if (bytes == 0 || ::GetLogicalProcessorInformation(first, &bytes) == 0) return sizes;
  for (DWORD i = 0; i < bytes / sizeof *first; ++i) {
    if (first[i].Relationship != RelationCache || first[i].Cache.Type == CacheInstruction) continue;
    const std::int64_t size = first[i].Cache.Size;
    std::int64_t& level = first[i].Cache.Level == 1 ? sizes.l1d : first[i].Cache.Level == 2 ? sizes.l2 : sizes.l3;
    level = std::max(level, size);
  }
  return sizes;
}

std::string processor_name() {
  char name[256] = "";
  DWORD bytes = sizeof name - 1;
  const LSTATUS status = ::RegGetValueA(HKEY_LOCAL_MACHINE, "HARDWARE\\DESCRIPTION\\System\\CentralProcessor\\0", "ProcessorNameString",
                                        RRF_RT_REG_SZ, nullptr, name, &bytes);
  return status == ERROR_SUCCESS ? name : "";
}

bool request_tiles() { return false; }

}  // namespace pyffnn::platform
#endif
