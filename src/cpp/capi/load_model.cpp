// A model from its file: the counterpart of models/classifier.py, models/regressor.py and models/text_classifier/storage.py.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <set>
#include <stdexcept>

#include "capi/model.h"
#include "capi/model_file.h"
#include "net/spec_keys.h"

namespace pyffnn::capi {
namespace {

[[noreturn]] void wrong(const std::string& text) { throw std::invalid_argument(text); }

// The keys of a spec, strictly.
class SpecReader {
 public:
  explicit SpecReader(const Json& spec) : members_(spec.object("spec")) {}

  void operator()(const char* key, Index& value) {
    if (const Json* j = find(key)) value = j->integer(key);
  }
  void operator()(const char* key, std::uint64_t& value) {
    if (const Json* j = find(key)) value = static_cast<std::uint64_t>(j->integer(key));
  }
  void operator()(const char* key, double& value) {
    if (const Json* j = find(key)) value = j->number(key);
  }
  void operator()(const char* key, bool& value) {
    if (const Json* j = find(key)) value = j->truth(key);
  }
  void operator()(const char* key, std::vector<Index>& value) {
    const Json* j = find(key);
    if (j == nullptr) return;
    value.clear();
    for (const Json& item : j->list(key)) value.push_back(item.integer(key));
  }
  template <class E>
  void operator()(const char* key, E& value, net::Choices<E> choices) {
    if (const Json* j = find(key)) value = choice_of(key, *j, choices);
  }
  // One choice, or a list of some.
  template <class E>
  void operator()(const char* key, std::vector<E>& values, net::Choices<E> choices) {
    const Json* j = find(key);
    if (j == nullptr) return;
    values.clear();
    if (!std::holds_alternative<Json::List>(j->value)) return values.push_back(choice_of(key, *j, choices));
    for (const Json& item : j->list(key)) values.push_back(choice_of(key, item, choices));
  }
  void refuse_unknown() const {
    for (const auto& [key, value] : members_)
      if (known_.count(key) == 0) wrong("its network has '" + key + "', which this library does not know");
  }

 private:
  template <class E>
  static E choice_of(const char* key, const Json& j, net::Choices<E> choices) {
    for (const auto& [name, choice] : choices)
      if (j.text(key) == name) return choice;
    wrong(std::string(key) + " has the unknown value '" + j.text(key) + "'");
  }
  const Json* find(const char* key) {
    known_.insert(key);
    const auto found = members_.find(key);
    return found == members_.end() ? nullptr : &found->second;
  }
  const Json::Object& members_;
  std::set<std::string> known_;
};

const FileArray& array_of(const ModelFile& file, const std::string& name, const char* dtype, Index size) {
  const auto found = file.arrays.find(name);
  if (found == file.arrays.end() && file.arrays.count(name + ".codes") > 0)
    wrong("array '" + name + "' is quantised, which only Python reads; load and save it there without quantize()");
  if (found == file.arrays.end()) wrong("array '" + name + "' is missing");
  if (found->second.dtype != dtype || (size >= 0 && found->second.size() != size))
    wrong("array '" + name + "' must be " + dtype + " of " + std::to_string(size) + " numbers");
  return found->second;
}

template <class T>
std::vector<T> values_of(const FileArray& array) {
  std::vector<T> values(static_cast<std::size_t>(array.size()));
  if (!values.empty()) std::memcpy(values.data(), array.data, static_cast<std::size_t>(array.bytes));
  return values;
}

std::shared_ptr<net::Network<float>> network_of(const ModelFile& file) {
  net::Spec spec;
  SpecReader reader(file.config.at("spec"));
  net::each_key(reader, spec);
  reader.refuse_unknown();
  // No state of an optimizer is wanted.
  spec.optimizer = Optim::sgd;
  spec.embedding_by_row = spec.row_rates = false;
  spec.check();
  std::vector<std::int32_t> by_frequency;
  if (file.arrays.count("by_frequency") != 0) {
    std::vector<bool> seen(static_cast<std::size_t>(spec.n_outputs));
    for (const std::int64_t id : values_of<std::int64_t>(array_of(file, "by_frequency", "I64", spec.n_outputs))) {
      if (id < 0 || id >= spec.n_outputs || seen[static_cast<std::size_t>(id)]) wrong("by_frequency must hold each id once");
      seen[static_cast<std::size_t>(id)] = true;
      by_frequency.push_back(static_cast<std::int32_t>(id));
    }
  }
  // Before a damaged size asks for the memory: the table of the file must be there.
  if (spec.has_table()) (void)array_of(file, "embedding", "F32", checked_product({spec.rows, spec.dim}));
  auto network = std::make_shared<net::Network<float>>(spec, std::move(by_frequency));
  for (const auto& p : network->params().all()) {
    const FileArray& array = array_of(file, p->name, "F32", p->rows * p->cols);
    for (Index r = 0; r < p->rows; ++r)
      std::memcpy(p->w() + r * p->ld, array.data + r * p->cols * 4, static_cast<std::size_t>(p->cols) * sizeof(float));
    if (p->weights.exists())
      std::memcpy(p->weights.p(), array_of(file, p->name + ".weights", "F32", p->rows).data,
                  static_cast<std::size_t>(p->rows) * sizeof(float));
  }
  return network;
}

text::FeaturesPtr features_of(const ModelFile& file) {
  const std::string prefix = "features.";
  text::State state;
  for (const auto& [name, array] : file.arrays) {
    if (name.compare(0, prefix.size(), prefix) != 0) continue;
    const std::string key = name.substr(prefix.size());
    if (array.dtype == "U8")
      state[key] = values_of<std::uint8_t>(array);
    else if (array.dtype == "U64")
      state[key] = values_of<std::uint64_t>(array);
    else if (array.dtype == "I64")
      state[key] = values_of<std::int64_t>(array);
    else
      wrong("array '" + name + "' has the unexpected type " + array.dtype);
  }
  NoInterrupt nobody;
  return text::Featurizer::from_state(state, nobody);
}

// Floating-point classes are whole numbers, which Python writes with one digit behind the point.
template <class T>
void append_numbers(const FileArray& array, const char* format, std::vector<std::string>& labels) {
  for (const T x : values_of<T>(array)) {
    char digits[400];
    if constexpr (std::is_floating_point_v<T>)
      std::snprintf(digits, sizeof(digits), format, static_cast<double>(x));
    else
      std::snprintf(digits, sizeof(digits), format, static_cast<long long>(x));
    labels.emplace_back(digits);
  }
}

std::vector<std::string> labels_of(const ModelFile& file) {
  std::vector<std::string> labels;
  const Json& names = file.config.at("classes");
  if (!names.is_null()) {
    for (const Json& name : names.list("classes")) labels.push_back(name.text("classes"));
    return labels;
  }
  const auto found = file.arrays.find("classes");
  if (found == file.arrays.end()) wrong("array 'classes' is missing");
  const FileArray& array = found->second;
  if (array.dtype == "BOOL") {
    for (Index i = 0; i < array.size(); ++i) labels.emplace_back(array.data[i] != 0 ? "True" : "False");
  } else if (array.dtype == "F64") {
    append_numbers<double>(array, "%.1f", labels);
  } else if (array.dtype == "F32") {
    append_numbers<float>(array, "%.1f", labels);
  } else if (array.dtype == "U64") {
    append_numbers<std::uint64_t>(array, "%llu", labels);
  } else if (array.dtype == "I64") {
    append_numbers<std::int64_t>(array, "%lld", labels);
  } else if (array.dtype == "I32") {
    append_numbers<std::int32_t>(array, "%lld", labels);
  } else if (array.dtype == "U32") {
    append_numbers<std::uint32_t>(array, "%lld", labels);
  } else if (array.dtype == "I16") {
    append_numbers<std::int16_t>(array, "%lld", labels);
  } else if (array.dtype == "U16") {
    append_numbers<std::uint16_t>(array, "%lld", labels);
  } else if (array.dtype == "I8") {
    append_numbers<std::int8_t>(array, "%lld", labels);
  } else if (array.dtype == "U8") {
    append_numbers<std::uint8_t>(array, "%lld", labels);
  } else {
    wrong("its classes have the unexpected type " + array.dtype);
  }
  return labels;
}

// Arrays that are neither the network's nor known otherwise would change its predictions in a way that is not known here.
void refuse_unknown_arrays(const ModelFile& file, const net::Network<float>& network, bool regressor) {
  std::set<std::string> own;
  for (const auto& p : network.params().all()) {
    own.insert(p->name);
    if (p->weights.exists()) own.insert(p->name + ".weights");
  }
  for (const auto& [name, array] : file.arrays) {
    const bool known = (regressor ? name.compare(0, 8, "targets.") == 0 : name == "classes") || name == "by_frequency" ||
                       name.compare(0, 6, "state.") == 0 || name.compare(0, 9, "features.") == 0;
    if (!known && own.count(name) == 0) wrong("it holds the array '" + name + "', which the C functions do not know");
  }
}

// What a file holds beyond these changes its predictions in a way that is not known here.
const std::set<std::string> kKnown = {"params",        "spec",    "seed",      "settings",   "multilabel",
                                      "classes",       "history", "tokenizer", "as_sets",    "n_features",
                                      "feature_names", "trust",   "recipe",    "thresholds", "flat"};

}  // namespace

std::unique_ptr<pyffnn_model> load_model(const std::string& path) {
  const std::unique_ptr<const ModelFile> file = read_model_file(path);
  const bool texts = file->model == "TextClassifier" || file->model == "TextRegressor";
  const bool regressor = file->model == "FFNNRegressor" || file->model == "TextRegressor";
  if (!texts && !regressor && file->model != "FFNNClassifier")
    wrong("it holds a " + file->model + ", not a finished FFNNClassifier, FFNNRegressor, TextClassifier or TextRegressor");
  for (const auto& [key, value] : file->config.object("config"))
    if (kKnown.count(key) == 0 && !value.is_null()) wrong("it holds '" + key + "', which the C functions do not know");
  if (texts && !file->config.at("tokenizer").is_null()) wrong("it was trained with a tokenizer object, which needs Python");
  auto model = std::make_unique<pyffnn_model>();
  model->network = network_of(*file);
  refuse_unknown_arrays(*file, *model->network, regressor);
  const net::Spec& spec = model->network->spec();
  if (texts != spec.has_table()) wrong("its network does not fit its class");
  if (texts) {
    model->features = features_of(*file);
    if (model->features->num_rows() != spec.rows) wrong("its vocabulary and its embeddings differ in size");
    model->length = spec.max_tokens;
  }
  if (regressor) {
    model->mean = values_of<double>(array_of(*file, "targets.mean", "F64", spec.n_outputs));
    model->spread = values_of<double>(array_of(*file, "targets.spread", "F64", spec.n_outputs));
    return model;
  }
  model->labels = labels_of(*file);
  model->one_unit = spec.n_outputs == 1 && model->labels.size() == 2 && !file->config.at("multilabel").truth("multilabel");
  if (static_cast<Index>(model->labels.size()) != model->outputs()) wrong("its classes and its outputs differ in number");
  return model;
}

}  // namespace pyffnn::capi
