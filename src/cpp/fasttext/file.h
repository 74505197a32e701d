// Files as memory: read through a bounded reader, written whole or not at all.
#pragma once
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>

#include "core/platform.h"
#include "core/types.h"

namespace pyffnn::fasttext {

// A file mapped into memory, read-only: all processes that map it share its pages. Throws std::system_error.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::string_view bytes() const { return {file_.data, file_.size}; }

 private:
  platform::Mapped file_;
};

// Takes values from bytes, never beyond their end: a file that breaks off is a std::invalid_argument naming what is missing.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  template <class T>
  T take(const char* what) {
    T value;
    std::memcpy(&value, take_bytes(sizeof(T), what), sizeof(T));
    return value;
  }
  // count * size bytes.
  const char* take_bytes(Index count, const char* what, Index size = 1) {
    Index bytes = 0;
    if (count < 0 || __builtin_mul_overflow(count, size, &bytes) || bytes > left())
      throw std::invalid_argument("the model file breaks off, or is damaged, in " + std::string(what));
    const char* const from = at_;
    at_ += bytes;
    return from;
  }
  bool take_bool(const char* what) {
    const auto byte = take<std::uint8_t>(what);
    if (byte > 1) throw std::invalid_argument("the model file is damaged: " + std::string(what) + " is neither 0 nor 1");
    return byte == 1;
  }
  // Bytes up to a NUL, which is passed over.
  std::string_view take_string(const char* what) {
    const void* const nul = left() > 0 ? std::memchr(at_, 0, static_cast<std::size_t>(left())) : nullptr;
    if (nul == nullptr) throw std::invalid_argument("the model file breaks off, or is damaged, in " + std::string(what));
    const auto size = static_cast<std::size_t>(static_cast<const char*>(nul) - at_);
    const std::string_view found(at_, size);
    at_ += size + 1;
    return found;
  }
  Index left() const { return end_ - at_; }
  const char* at() const { return at_; }

 private:
  const char* at_;
  const char* end_;
};

// Writes to a file beside `path`, which takes its place on commit(). Throws std::system_error.
class Writer {
 public:
  explicit Writer(const std::string& path);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  template <class T>
  void put(const T& value) {
    put_bytes(&value, sizeof(T));
  }
  void put_bytes(const void* data, Index bytes);
  void commit();

 private:
  std::string path_;
  platform::Output out_;
  bool committed_ = false;
  std::string buffer_;
  void flush(const char* data, std::size_t bytes);
};

}  // namespace pyffnn::fasttext
