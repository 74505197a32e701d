#include "capi/json.h"

#include <cerrno>
#include <cstdlib>
#include <stdexcept>

namespace pyffnn::capi {
namespace {

[[noreturn]] void wrong(const std::string& text) { throw std::invalid_argument(text); }

class Reader {
 public:
  explicit Reader(std::string_view text) : p_(text.data()), end_(text.data() + text.size()) {}

  Json all() {
    Json value = any(0);
    if (peek() != '\0' || p_ != end_) wrong("its settings are followed by something else");
    return value;
  }

 private:
  static constexpr int kDeepest = 64;

  // The next character that is no white space; 0 at the end.
  char peek() {
    while (p_ != end_ && (*p_ == ' ' || *p_ == '\n' || *p_ == '\t' || *p_ == '\r')) ++p_;
    return p_ == end_ ? '\0' : *p_;
  }
  bool take(char c) {
    if (peek() != c || p_ == end_) return false;
    ++p_;
    return true;
  }
  void need(char c) {
    if (!take(c)) wrong(std::string("its settings lack a '") + c + "'");
  }
  bool word(std::string_view w) {
    if (static_cast<std::size_t>(end_ - p_) < w.size() || std::string_view(p_, w.size()) != w) return false;
    p_ += w.size();
    return true;
  }

  Json any(int depth) {
    if (depth > kDeepest) wrong("its settings are nested too deeply");
    switch (peek()) {
      case '{': {
        Json::Object object;
        ++p_;
        while (!take('}')) {
          if (!object.empty()) need(',');
          if (peek() != '"') wrong("its settings have a key that is no string");
          std::string key = text();
          need(':');
          object.insert_or_assign(std::move(key), any(depth + 1));
        }
        return {std::move(object)};
      }
      case '[': {
        Json::List list;
        ++p_;
        while (!take(']')) {
          if (!list.empty()) need(',');
          list.push_back(any(depth + 1));
        }
        return {std::move(list)};
      }
      case '"':
        return {text()};
      default:
        if (word("true")) return {true};
        if (word("false")) return {false};
        if (word("null")) return {nullptr};
        return number();
    }
  }

  Json number() {
    std::string digits;
    bool whole = true;
    for (; p_ != end_ && (*p_ == '-' || *p_ == '+' || *p_ == '.' || *p_ == 'e' || *p_ == 'E' || (*p_ >= '0' && *p_ <= '9')); ++p_) {
      whole = whole && (*p_ == '-' || (*p_ >= '0' && *p_ <= '9'));
      digits += *p_;
      if (digits.size() > 400) wrong("its settings hold a number that is too long");
    }
    char* last = nullptr;
    if (whole && !digits.empty()) {
      errno = 0;
      const long long n = std::strtoll(digits.c_str(), &last, 10);
      if (errno == 0 && *last == '\0') return {static_cast<Index>(n)};
    }
    const double x = std::strtod(digits.c_str(), &last);
    if (digits.empty() || *last != '\0') wrong("its settings hold something that is no value");
    return {x};
  }

  unsigned hex() {
    unsigned code = 0;
    for (int i = 0; i < 4; ++i, ++p_) {
      const char c = p_ == end_ ? '\0' : *p_;
      const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
      if (digit < 0) wrong("its settings hold a broken escape");
      code = code << 4 | static_cast<unsigned>(digit);
    }
    return code;
  }

  static void append(std::string& out, unsigned code) {
    const auto put = [&out](unsigned byte) { out.push_back(static_cast<char>(byte)); };
    if (code < 0x80) {
      put(code);
    } else if (code < 0x800) {
      put(0xC0 | code >> 6);
      put(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
      put(0xE0 | code >> 12);
      put(0x80 | (code >> 6 & 0x3F));
      put(0x80 | (code & 0x3F));
    } else {
      put(0xF0 | code >> 18);
      put(0x80 | (code >> 12 & 0x3F));
      put(0x80 | (code >> 6 & 0x3F));
      put(0x80 | (code & 0x3F));
    }
  }

  std::string text() {
    std::string out;
    for (++p_;;) {
      if (p_ == end_) wrong("its settings end in a string");
      const char c = *p_++;
      if (c == '"') return out;
      if (c != '\\') {
        out.push_back(c);
        continue;
      }
      if (p_ == end_) wrong("its settings end in a string");
      switch (const char escape = *p_++; escape) {
        case 'n':
          out.push_back('\n');
          break;
        case 't':
          out.push_back('\t');
          break;
        case 'r':
          out.push_back('\r');
          break;
        case 'b':
          out.push_back('\b');
          break;
        case 'f':
          out.push_back('\f');
          break;
        case 'u': {
          unsigned code = hex();
          if (code >= 0xD800 && code < 0xDC00 && word("\\u")) code = 0x10000 + ((code - 0xD800) << 10) + ((hex() - 0xDC00) & 0x3FF);
          append(out, code);
          break;
        }
        default:
          out.push_back(escape);
      }
    }
  }

  const char *p_, *end_;
};

template <class T>
const T& value_of(const Json& json, const char* what, const char* kind) {
  const T* const value = std::get_if<T>(&json.value);
  if (value == nullptr) wrong(std::string(what) + " must be " + kind);
  return *value;
}

}  // namespace

Json Json::parse(std::string_view text) { return Reader(text).all(); }
const std::string& Json::text(const char* what) const { return value_of<std::string>(*this, what, "a string"); }
const Json::List& Json::list(const char* what) const { return value_of<List>(*this, what, "a list"); }
const Json::Object& Json::object(const char* what) const { return value_of<Object>(*this, what, "an object"); }
Index Json::integer(const char* what) const { return value_of<Index>(*this, what, "an integer"); }
bool Json::truth(const char* what) const { return value_of<bool>(*this, what, "true or false"); }
double Json::number(const char* what) const {
  if (const Index* const whole = std::get_if<Index>(&value)) return static_cast<double>(*whole);
  return value_of<double>(*this, what, "a number");
}
const Json& Json::at(const char* key) const {
  const Object& members = object("settings");
  const auto found = members.find(key);
  if (found == members.end()) wrong(std::string("its settings lack '") + key + "'");
  return found->second;
}

}  // namespace pyffnn::capi
