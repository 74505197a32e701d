// What a model file keeps of a featurizer: plain arrays by name.
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "core/interrupt.h"
#include "text/options.h"
#include "text/vocabulary.h"

namespace pyffnn::text {

using StateArray = std::variant<std::vector<std::uint8_t>, std::vector<std::int64_t>, std::vector<std::uint64_t>>;
using State = std::map<std::string, StateArray>;

// Reads each array once. All errors are std::invalid_argument and name the array.
class StateReader {
 public:
  explicit StateReader(const State& state) : state_(state) {}

  bool has(const char* name) const { return state_.count(name) != 0; }
  template <class T>
  const std::vector<T>& take(const char* name);
  // One number, and within bounds.
  std::int64_t number(const char* name, std::int64_t low, std::int64_t high);
  // Nothing may be left over.
  void done() const;

 private:
  const State& state_;
  std::set<std::string> taken_;
};

// Version 2 has an array of one number for each option. Version 1 had them all in one array, "options", by position.
void write_options(const FeatureOptions& options, State& state);
FeatureOptions read_options(StateReader& state);

// The words of a table, as <name>_bytes and <name>_ends. `what` names them in errors.
void write_words(const Vocabulary& words, const std::string& name, State& state);
Vocabulary read_words(StateReader& state, const std::string& name, const char* what, bool lower, Interrupt& interrupt);

}  // namespace pyffnn::text
