// Files as blocks of whole lines of valid UTF-8.
#pragma once
#include <string>
#include <string_view>

#include "core/interrupt.h"
#include "core/platform.h"
#include "text/pages.h"

namespace pyffnn::text {

// What to do with bytes of a file that are no UTF-8.
enum class Invalid { refuse, replace };

// Blocks and documents are smaller than this: their positions take 32 bits.
constexpr Index kMaxBlock = (Index{1} << 32) - 128;
[[noreturn]] void too_large();

// Bytes one after the other; read once.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Up to `room` bytes; 0 at the end.
  virtual Index read(char* to, Index room) = 0;
  // A guess of how many there are, or 0.
  virtual Index expected() const { return 0; }
};

// A file, a pipe or a device. Throws std::system_error. Waiting for a writer ends when the caller is interrupted.
class FileSource final : public ByteSource {
 public:
  FileSource(const std::string& path, Interrupt& interrupt);
  ~FileSource() override;
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;
  Index read(char* to, Index room) override;
  Index expected() const override { return input_.size; }

 private:
  std::string path_;
  Interrupt& interrupt_;
  platform::Input input_;
};

class LineReader {
 public:
  // `name` stands for the source in errors.
  LineReader(ByteSource& source, std::string name, Invalid invalid) : source_(source), name_(std::move(name)), invalid_(invalid) {}

  // The next lines, the last one perhaps without its line feed; a byte order mark at the beginning is left out. Scanner::kPadding bytes
  // more can be read. False at the end. Throws std::invalid_argument naming the line for bytes that are no UTF-8, unless they are to be
  // replaced by U+FFFD.
  bool next(std::string_view& block);
  // How many lines of the last block there were, for the number of a line in errors.
  void count(Index lines) { lines_ += lines; }

 private:
  bool fill();
  void check(std::string_view& block);

  ByteSource& source_;
  std::string name_;
  Invalid invalid_;
  Pages<char> buffer_;
  std::string repaired_;
  Index filled_ = 0, used_ = 0;  // bytes in the buffer; those given out by the last next()
  Index lines_ = 0;
  bool first_ = true, at_end_ = false;
};

}  // namespace pyffnn::text
