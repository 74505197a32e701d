// JSON as model files hold it: a bounded reader of trusted shape and untrusted content.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/types.h"

namespace pyffnn::capi {

struct Json {
  using List = std::vector<Json>;
  using Object = std::map<std::string, Json, std::less<>>;
  // Integers that fit 64 bits are Index, all other numbers double.
  std::variant<std::nullptr_t, bool, Index, double, std::string, List, Object> value;

  // Throws std::invalid_argument for what is no JSON, or nested deeper than 64.
  static Json parse(std::string_view text);

  bool is_null() const { return value.index() == 0; }
  // The value of a type, or std::invalid_argument that names `what`.
  const std::string& text(const char* what) const;
  const List& list(const char* what) const;
  const Object& object(const char* what) const;
  Index integer(const char* what) const;
  double number(const char* what) const;
  bool truth(const char* what) const;
  // The member of an object; std::invalid_argument where it lacks one.
  const Json& at(const char* key) const;
};

}  // namespace pyffnn::capi
