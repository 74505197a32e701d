#include "capi/model_file.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include "core/math.h"

namespace pyffnn::capi {
namespace {

constexpr Index kLayout = 2;  // the version of formats/model_file.py

[[noreturn]] void wrong(const std::string& text) { throw std::invalid_argument(text); }

struct Dtype {
  const char* name;
  const char* numpy;
  Index bytes;
};
constexpr Dtype kDtypes[] = {{"BOOL", "|b1", 1}, {"U8", "|u1", 1},  {"I8", "|i1", 1},  {"U16", "<u2", 2},
                             {"I16", "<i2", 2},  {"F16", "<f2", 2}, {"U32", "<u4", 4}, {"I32", "<i4", 4},
                             {"F32", "<f4", 4},  {"U64", "<u8", 8}, {"I64", "<i8", 8}, {"F64", "<f8", 8}};

const Dtype& dtype_of(const std::string& name) {
  for (const Dtype& d : kDtypes)
    if (name == d.name) return d;
  wrong("an array has the unknown type '" + name + "'");
}

constexpr std::array<std::uint32_t, 256> kCrcTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t c = i;
    for (int bit = 0; bit < 8; ++bit) c = c & 1 ? 0xEDB88320u ^ c >> 1 : c >> 1;
    table[i] = c;
  }
  return table;
}();

class Crc {
 public:
  void add(const char* p, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) crc_ = kCrcTable[(crc_ ^ static_cast<unsigned char>(p[i])) & 0xFF] ^ crc_ >> 8;
  }
  void add(const std::string& s) { add(s.data(), s.size()); }
  std::uint32_t value() const { return ~crc_; }

 private:
  std::uint32_t crc_ = ~std::uint32_t{0};
};

// As Python writes a tuple.
std::string tuple_text(const std::vector<Index>& shape) {
  std::string s = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) s += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return s + (shape.size() == 1 ? ",)" : ")");
}

struct Closed {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

std::vector<char> all_bytes(const std::string& path) {
  const std::unique_ptr<std::FILE, Closed> file(std::fopen(path.c_str(), "rb"));
  if (file == nullptr) wrong(std::strerror(errno));
  std::vector<char> bytes;
  constexpr std::size_t kChunk = std::size_t{1} << 20;
  for (std::size_t got = 1; got > 0;) {
    const std::size_t at = bytes.size();
    if (bytes.capacity() < at + kChunk) bytes.reserve(2 * at + kChunk);
    bytes.resize(at + kChunk);
    got = std::fread(bytes.data() + at, 1, kChunk, file.get());
    bytes.resize(at + got);
  }
  if (std::ferror(file.get()) != 0) wrong("it cannot be read");
  return bytes;
}

void read_arrays(const Json& header, const char* data, Index size, ModelFile& file) {
  for (const auto& [name, entry] : header.object("header")) {
    if (name == "__metadata__") continue;
    FileArray array;
    array.dtype = entry.at("dtype").text("dtype");
    for (const Json& s : entry.at("shape").list("shape")) array.shape.push_back(s.integer("shape"));
    const Json::List& ends = entry.at("data_offsets").list("data_offsets");
    if (ends.size() != 2) wrong("array '" + name + "' has no two offsets");
    const Index begin = ends[0].integer("data_offsets"), end = ends[1].integer("data_offsets");
    Index wanted = dtype_of(array.dtype).bytes;
    for (const Index s : array.shape) {
      if (s < 0) wrong("array '" + name + "' has a negative size");
      wanted = checked_product({wanted, s});
    }
    if (begin < 0 || end < begin || end > size || end - begin != wanted) wrong("array '" + name + "' does not lie in the file");
    array.data = data + begin;
    array.bytes = end - begin;
    file.arrays.emplace(name, std::move(array));
  }
}

void check_sum(const std::string& wanted, const std::string& text, const ModelFile& file) {
  Crc crc;
  crc.add(text);
  for (const auto& [name, array] : file.arrays) {
    crc.add(name + ":" + dtype_of(array.dtype).numpy + ":" + tuple_text(array.shape));
    crc.add(array.data, static_cast<std::size_t>(array.bytes));
  }
  char digits[16];
  std::snprintf(digits, sizeof(digits), "%08x", crc.value());
  if (wanted != digits) wrong("its content does not match its checksum");
}

std::unique_ptr<const ModelFile> read(const std::string& path) {
  auto file = std::make_unique<ModelFile>();
  file->bytes = all_bytes(path);
  const auto size = static_cast<Index>(file->bytes.size());
  std::uint64_t header_size = 0;
  if (size < 8) wrong("it is no model file of pyffnn");
  for (int i = 7; i >= 0; --i) header_size = header_size << 8 | static_cast<unsigned char>(file->bytes[static_cast<std::size_t>(i)]);
  if (header_size > static_cast<std::uint64_t>(size - 8)) wrong("it is no model file of pyffnn, or cut short");
  const auto header_end = 8 + static_cast<Index>(header_size);
  const Json header = Json::parse({file->bytes.data() + 8, static_cast<std::size_t>(header_size)});
  read_arrays(header, file->bytes.data() + header_end, size - header_end, *file);

  const Json::Object& members = header.object("header");
  const auto metadata = members.find("__metadata__");
  if (metadata == members.end()) wrong("it is no model file of pyffnn (a safetensors file of another origin)");
  const std::string& entry = metadata->second.at("pyffnn").text("metadata");
  const std::size_t space = entry.find(' ');
  if (space == std::string::npos) wrong("it is damaged: its settings are unreadable");
  const std::string text = entry.substr(space + 1);
  check_sum(entry.substr(0, space), text, *file);
  Json settings = Json::parse(text);
  const Index version = settings.at("version").integer("version");
  if (version != kLayout)
    wrong("it has format version " + std::to_string(version) + ", this library reads version " + std::to_string(kLayout) +
          (version < kLayout ? ": load it in Python and save it again" : ": install a newer one"));
  file->model = settings.at("model").text("model");
  file->config = settings.at("config");
  return file;
}

}  // namespace

std::unique_ptr<const ModelFile> read_model_file(const std::string& path) {
  try {
    return read(path);
  } catch (const std::overflow_error&) {
    wrong("an array does not lie in the file");
  }
}

}  // namespace pyffnn::capi
