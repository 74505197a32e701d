#include <pybind11/stl.h>

#include <system_error>

#include "bindings/arrays.h"
#include "bindings/gil.h"
#include "bindings/register.h"
#include "text/corpus_builder.h"

namespace pyffnn::bindings {
namespace {

using text::Corpus;
using text::CorpusBuilder;
using text::FeatureOptions;
using text::Featurizer;
using FeaturesPtr = std::shared_ptr<const Featurizer>;

// The UTF-8 form of a str, which the str keeps. `where` names it in errors.
template <class Where>
std::string_view utf8(py::handle item, Where&& where) {
  if (!PyUnicode_Check(item.ptr())) throw py::type_error(where() + " must be str, got " + Py_TYPE(item.ptr())->tp_name);
  Py_ssize_t size = 0;
  const char* const data = PyUnicode_AsUTF8AndSize(item.ptr(), &size);
  if (data == nullptr) {
    if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) throw py::error_already_set();
    PyErr_Clear();
    throw py::value_error(where() + " holds a lone surrogate, which no text does");
  }
  return {data, static_cast<std::size_t>(size)};
}

py::object iterate(py::handle items, const char* name, const char* what) {
  if (PyUnicode_Check(items.ptr()) || PyBytes_Check(items.ptr()) || PyByteArray_Check(items.ptr()))
    throw py::type_error(std::string(name) + " must be an iterable of " + what + ", got " + Py_TYPE(items.ptr())->tp_name +
                         "; wrap a single one in a list");
  PyObject* const iterator = PyObject_GetIter(items.ptr());
  if (iterator == nullptr) {
    if (!PyErr_ExceptionMatches(PyExc_TypeError)) throw py::error_already_set();
    PyErr_Clear();
    throw py::type_error(std::string(name) + " must be an iterable of " + what + ", got " + Py_TYPE(items.ptr())->tp_name);
  }
  return py::reinterpret_steal<py::object>(iterator);
}

py::object next(py::handle iterator) {
  PyObject* const item = PyIter_Next(iterator.ptr());
  if (item == nullptr && PyErr_Occurred()) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(item);
}

void add_texts(CorpusBuilder& builder, py::handle texts) {
  const py::object iterator = iterate(texts, "texts", "str");
  Index i = 0;
  for (py::object item = next(iterator); item; item = next(iterator), ++i) {
    const std::string_view bytes = utf8(item, [i] { return "texts[" + std::to_string(i) + "]"; });
    if (builder.is_full()) {
      ReleaseGil release;
      builder.cut_texts();
    }
    builder.add_text(bytes);
  }
}

void add_documents_of_words(CorpusBuilder& builder, py::handle documents) {
  const py::object iterator = iterate(documents, "documents", "sequences of str");
  std::vector<std::string_view> words;
  std::vector<py::object> kept;
  Index i = 0;
  for (py::object document = next(iterator); document; document = next(iterator), ++i) {
    const std::string name = "documents[" + std::to_string(i) + "]";
    const py::object inner = iterate(document, name.c_str(), "str");
    words.clear();
    kept.clear();
    for (py::object word = next(inner); word; word = next(inner)) {
      words.push_back(utf8(word, [&] { return name + "[" + std::to_string(words.size()) + "]"; }));
      kept.push_back(std::move(word));
    }
    builder.add_words(words.data(), static_cast<Index>(words.size()));
  }
}

void add_file(CorpusBuilder& builder, const std::string& path, const std::string& label_prefix, bool replace) {
  try {
    ReleaseGil release;
    builder.add_file(path, label_prefix, replace ? text::Invalid::replace : text::Invalid::refuse);
  } catch (const std::system_error& error) {
    errno = error.code().value();
    PyErr_SetFromErrnoWithFilename(PyExc_OSError, path.c_str());
    throw py::error_already_set();
  }
}

std::shared_ptr<Corpus> finish(CorpusBuilder& builder) {
  ReleaseGil release;
  return std::make_shared<Corpus>(builder.finish());
}

FeatureOptions options_of(bool lowercase, int word_ngrams, int char_low, int char_high, Index buckets, std::int64_t min_count,
                          std::int64_t ngram_min_count, Index max_tokens, bool char_if_short) {
  return {lowercase, word_ngrams, char_low, char_high, buckets, min_count, ngram_min_count, max_tokens, char_if_short};
}

template <class T>
py::array_t<T> to_array(const T* data, Index n) {
  py::array_t<T> a(n);
  if (n > 0) std::memcpy(a.mutable_data(), data, static_cast<std::size_t>(n) * sizeof(T));
  return a;
}
template <class T>
py::array_t<T> to_array(const std::vector<T>& v) {
  return to_array(v.data(), static_cast<Index>(v.size()));
}
template <class T>
py::array_t<T> to_array(const text::Pages<T>& v) {
  return to_array(v.data(), v.size());
}

py::str to_str(std::string_view s) { return py::str(s.data(), s.size()); }

py::list words_of(const text::Vocabulary& vocabulary) {
  py::list words(static_cast<std::size_t>(vocabulary.size()));
  for (Index i = 0; i < vocabulary.size(); ++i) words[static_cast<std::size_t>(i)] = to_str(vocabulary.word(i));
  return words;
}

py::dict state_of(const Featurizer& features) {
  const text::FeaturizerState s = features.state();
  return py::dict(py::arg("options") = to_array(s.options), py::arg("word_bytes") = to_array(s.word_bytes),
                  py::arg("word_ends") = to_array(s.word_ends), py::arg("word_counts") = to_array(s.word_counts),
                  py::arg("gram_sizes") = to_array(s.gram_sizes), py::arg("gram_keys") = to_array(s.gram_keys),
                  py::arg("char_bytes") = to_array(s.char_bytes), py::arg("char_ends") = to_array(s.char_ends));
}

template <class T>
std::vector<T> state_part(const py::dict& state, const char* name) {
  if (!state.contains(name)) throw py::value_error(std::string("the featurizer's state lacks \"") + name + "\"");
  const py::array a = as_array(state[name], name);
  if (!py::isinstance<py::array_t<T>>(a) || a.ndim() != 1)
    throw py::value_error(std::string("the featurizer's state \"") + name + "\" must be a 1-D array of " +
                          std::string(py::str(py::dtype::of<T>())) + ", got " + std::string(py::str(a.dtype())) + " of shape " +
                          shape_text(a));
  const py::array whole = contiguous(a);
  const T* const data = in<T>(whole);
  return {data, data + whole.size()};
}

FeaturesPtr from_state(const py::dict& state) {
  text::FeaturizerState s;
  s.options = state_part<std::int64_t>(state, "options");
  s.word_bytes = state_part<std::uint8_t>(state, "word_bytes");
  s.word_ends = state_part<std::int64_t>(state, "word_ends");
  s.word_counts = state_part<std::int64_t>(state, "word_counts");
  s.gram_sizes = state_part<std::int64_t>(state, "gram_sizes");
  s.gram_keys = state_part<std::uint64_t>(state, "gram_keys");
  s.char_bytes = state_part<std::uint8_t>(state, "char_bytes");
  s.char_ends = state_part<std::int64_t>(state, "char_ends");
  ReleaseGil release;
  return std::make_shared<const Featurizer>(Featurizer::from_state(s));
}

std::vector<std::int64_t> documents_of(const Corpus& corpus, py::handle documents) {
  if (documents.is_none()) {
    std::vector<std::int64_t> all(static_cast<std::size_t>(corpus.size()));
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
    return all;
  }
  const py::array a = as_int64(documents, "documents");
  check_rank(a, 1, "documents");
  const std::int64_t* const data = in<std::int64_t>(a);
  std::vector<std::int64_t> chosen(data, data + a.size());
  for (const std::int64_t d : chosen)
    if (d < 0 || d >= corpus.size())
      throw py::index_error("documents holds " + std::to_string(d) + ", outside a corpus of " + std::to_string(corpus.size()));
  return chosen;
}

py::tuple expand(const Corpus& corpus, py::handle documents) {
  const std::vector<std::int64_t> chosen = documents_of(corpus, documents);
  std::vector<std::int32_t> rows;
  std::vector<std::int64_t> offsets;
  {
    ReleaseGil release;
    corpus.expand_batch(chosen.data(), static_cast<Index>(chosen.size()), rows, offsets);
  }
  return py::make_tuple(to_array(rows), to_array(offsets));
}

py::array sequences(const Corpus& corpus, Index length, py::handle documents) {
  if (length < 1) throw py::value_error("length must be at least 1, got " + std::to_string(length));
  const std::vector<std::int64_t> chosen = documents_of(corpus, documents);
  const auto n = static_cast<Index>(chosen.size());
  if (static_cast<double>(n) * static_cast<double>(length) * 4 > static_cast<double>(physical_memory()))
    throw memory_error("cannot allocate an array of shape " + shape_text({n, length}));
  py::array_t<std::int32_t> ids({n, length});
  std::int32_t* const to = ids.mutable_data();
  {
    ReleaseGil release;
    corpus.sequences(chosen.data(), n, length, to);
  }
  return std::move(ids);
}

py::array_t<std::int64_t> label_offsets(const Corpus& corpus) {
  if (!corpus.label_offsets().empty()) return to_array(corpus.label_offsets());
  return to_array(std::vector<std::int64_t>(static_cast<std::size_t>(corpus.size()) + 1, 0));
}

}  // namespace

void register_text(py::module_& m) {
  py::class_<Featurizer, std::shared_ptr<Featurizer>> features(m, "TextFeatures");
  py::class_<Corpus, std::shared_ptr<Corpus>> corpus(m, "TextCorpus");

  // pybind11 has no holder of const objects; none of the methods changes one.
  const auto unconst = [](const FeaturesPtr& p) { return std::const_pointer_cast<Featurizer>(p); };

  features.def_property_readonly("num_words", &Featurizer::num_words)
      .def_property_readonly("num_rows", &Featurizer::num_rows)
      .def_property_readonly("char_ngrams", [](const Featurizer& f) { return py::make_tuple(f.options().char_low, f.options().char_high); })
      .def_property_readonly("char_rows", [](const Featurizer& f) { return py::make_tuple(f.char_base(), f.num_rows()); })
      .def_property_readonly("words", [](const Featurizer& f) { return words_of(f.words()); })
      .def_property_readonly("counts", [](const Featurizer& f) { return to_array(f.counts()); })
      .def("word",
           [](const Featurizer& f, Index id) {
             if (id < 0 || id >= f.num_words())
               throw py::index_error("id " + std::to_string(id) + " is outside a vocabulary of " + std::to_string(f.num_words()));
             return to_str(f.words().word(id));
           })
      .def("find", [](const Featurizer& f, py::handle word) { return f.find(utf8(word, [] { return std::string("word"); })); })
      .def("state", &state_of)
      .def_static("from_state", [unconst](const py::dict& state) { return unconst(from_state(state)); })
      .def("encode_texts",
           [](const std::shared_ptr<Featurizer>& f, py::handle texts) {
             CorpusBuilder builder(f);
             add_texts(builder, texts);
             return finish(builder);
           })
      .def("encode_words",
           [](const std::shared_ptr<Featurizer>& f, py::handle documents) {
             CorpusBuilder builder(f);
             add_documents_of_words(builder, documents);
             return finish(builder);
           })
      .def("encode_file", [](const std::shared_ptr<Featurizer>& f, const std::string& path, const std::string& label_prefix, bool replace) {
        CorpusBuilder builder(f);
        add_file(builder, path, label_prefix, replace);
        return finish(builder);
      });

  corpus.def("__len__", &Corpus::size)
      .def_property_readonly("features", [unconst](const Corpus& c) { return unconst(c.shared_features()); })
      .def_property_readonly("num_tokens", &Corpus::num_tokens)
      .def_property_readonly("has_short_texts", [](const Corpus& c) { return text::has_short_texts(c.num_tokens(), c.size()); })
      .def_property_readonly("ids", [](const Corpus& c) { return to_array(c.ids()); })
      .def_property_readonly("offsets", [](const Corpus& c) { return to_array(c.offsets()); })
      .def_property_readonly("label_ids", [](const Corpus& c) { return to_array(c.label_ids()); })
      .def_property_readonly("label_offsets", &label_offsets)
      .def_property_readonly("labels", [](const Corpus& c) { return words_of(c.labels()); })
      .def("expand", &expand, py::arg("documents") = py::none())
      .def("sequences", &sequences, py::arg("length"), py::arg("documents") = py::none());

  m.def("fit_texts", [](py::handle texts, bool lowercase, int word_ngrams, int char_low, int char_high, Index buckets,
                        std::int64_t min_count, std::int64_t ngram_min_count, Index max_tokens, bool char_if_short) {
    CorpusBuilder builder(
        options_of(lowercase, word_ngrams, char_low, char_high, buckets, min_count, ngram_min_count, max_tokens, char_if_short));
    add_texts(builder, texts);
    return finish(builder);
  });
  m.def("fit_words", [](py::handle documents, bool lowercase, int word_ngrams, int char_low, int char_high, Index buckets,
                        std::int64_t min_count, std::int64_t ngram_min_count, Index max_tokens, bool char_if_short) {
    CorpusBuilder builder(
        options_of(lowercase, word_ngrams, char_low, char_high, buckets, min_count, ngram_min_count, max_tokens, char_if_short));
    add_documents_of_words(builder, documents);
    return finish(builder);
  });
  m.def("fit_file",
        [](const std::string& path, const std::string& label_prefix, bool replace, bool lowercase, int word_ngrams, int char_low,
           int char_high, Index buckets, std::int64_t min_count, std::int64_t ngram_min_count, Index max_tokens, bool char_if_short) {
          CorpusBuilder builder(
              options_of(lowercase, word_ngrams, char_low, char_high, buckets, min_count, ngram_min_count, max_tokens, char_if_short));
          add_file(builder, path, label_prefix, replace);
          return finish(builder);
        });
}

}  // namespace pyffnn::bindings
