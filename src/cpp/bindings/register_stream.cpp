// Language models' text as one stream of word numbers.
#include <limits>

#include "bindings/register.h"
#include "bindings/text_input.h"
#include "text/stream.h"

namespace pyffnn::bindings {
namespace {

using text::WordStream;

struct __attribute__((visibility("hidden"))) Stream {
  Stream(const text::StreamOptions& options) : words(options, interrupts) {}
  Interrupts interrupts;
  WordStream words;
};

// The words of a sentence, which the vectors hold.
class Sentence {
 public:
  Sentence(const std::string& name, Interrupts& interrupts) : name_(name), slow_(interrupts, 256) {}

  void read(py::handle iterator) {
    words_.clear();
    kept_.clear();
    slow_.step();
    for (py::object word = next(iterator); word; word = next(iterator)) {
      slow_.step();
      if (!PyUnicode_Check(word.ptr()))
        throw py::type_error(name_ + ": tokens must be strings, got " + Py_TYPE(word.ptr())->tp_name + ": " + std::string(py::repr(word)) +
                             " (ids are passed as one 1-D integer array)");
      words_.push_back(utf8(word, [this] { return name_ + ": a token"; }));
      kept_.push_back(std::move(word));
    }
  }
  void add_to(text::Cutter& cutter) const { cutter.add_words(words_.data(), static_cast<Index>(words_.size())); }

 private:
  const std::string& name_;
  SlowPoll slow_;
  std::vector<std::string_view> words_;
  std::vector<py::object> kept_;
};

// Gives what has been found to `sink`, once it is `block` numbers (0: when all has been read).
class Sink {
 public:
  Sink(WordStream& stream, Index block, py::handle sink)
      : stream_(stream), block_(block > 0 ? block : std::numeric_limits<Index>::max()), sink_(sink) {}
  void offer(bool at_end = false) {
    if (stream_.waiting() < block_ && !(at_end && stream_.waiting() > 0)) return;
    HoldGil hold;
    try {
      sink_(hand_over(stream_.take()));
    } catch (...) {
      hold.keep();
      throw;
    }
  }

 private:
  WordStream& stream_;
  Index block_;
  py::handle sink_;
};

// Calls f(stream, interrupts) with a stream that no other call works on: a growing vocabulary is its caller's alone, a closed one
// everybody's.
template <class F>
void with_stream(Stream& stream, bool ends, F&& f) {
  if (!stream.words.is_closed()) {
    stream.interrupts.adopt();
    return f(stream.words, stream.interrupts);
  }
  Interrupts interrupts;
  WordStream words(stream.words, ends, interrupts);
  f(words, interrupts);
}

void read_file(Stream& stream, py::handle file, const std::string& name, Index block, py::handle sink) {
  with_stream(stream, true, [&](WordStream& words, Interrupts& interrupts) {
    with_source(file, interrupts, [&](text::ByteSource& source) {
      Sink to(words, block, sink);
      ReleaseGil release;
      if (block <= 0) words.expect(source.expected());
      text::LineReader reader(source, name, text::Invalid::refuse);
      for (std::string_view lines; reader.next(lines);) {
        reader.count(words.cutter().add_lines(lines));
        to.offer();
      }
      to.offer(true);
    });
  });
}

void read_sentences(Stream& stream, py::handle corpus, const std::string& name, Index block, py::handle sink) {
  const py::object iterator = PyBytes_Check(corpus.ptr()) ? py::object() : iterator_of(corpus);
  if (!iterator)
    throw py::type_error(name + " must be a path, an iterable of token lists or a 1-D integer array, got " +
                         Py_TYPE(corpus.ptr())->tp_name);
  with_stream(stream, true, [&](WordStream& words, Interrupts& interrupts) {
    Sink to(words, block, sink);
    Sentence sentence(name, interrupts);
    for (py::object item = next(iterator); item; item = next(iterator)) {
      const py::object tokens = is_string(item) ? py::object() : iterator_of(item);
      if (!tokens)
        throw py::type_error(name + " must hold token lists, got " + Py_TYPE(item.ptr())->tp_name + ": " + std::string(py::repr(item)) +
                             " (split strings into tokens; pass ids as one 1-D integer array)");
      sentence.read(tokens);
      sentence.add_to(words.cutter());
      to.offer();
    }
    to.offer(true);
  });
}

// The numbers of a run of words, without an end of sentence.
py::array encode(Stream& stream, py::handle tokens, const std::string& name) {
  const py::object iterator = iterator_of(tokens);
  if (!iterator) throw py::type_error(name + " must be an iterable of str, got " + Py_TYPE(tokens.ptr())->tp_name);
  text::Pages<std::int32_t> ids;
  with_stream(stream, false, [&](WordStream& words, Interrupts& interrupts) {
    Sentence sentence(name, interrupts);
    sentence.read(iterator);
    sentence.add_to(words.cutter());
    ids = words.take();
  });
  return hand_over(std::move(ids));
}

// The vocabulary that a grown one becomes: words, the count of each, and the new number of each old one.
py::tuple choose(Stream& stream, std::int64_t min_count, Index max_vocab) {
  std::vector<std::int32_t> chosen;
  std::vector<std::int64_t> counts, sums;
  std::vector<std::int32_t> number;
  {
    ReleaseGil release;
    const std::vector<std::int64_t> met = stream.words.counts();
    chosen = stream.words.choose(met, min_count, max_vocab);
    number.assign(met.size(), 0);
    for (std::size_t i = 0; i < chosen.size(); ++i) number[static_cast<std::size_t>(chosen[i])] = static_cast<std::int32_t>(i);
    sums.assign(chosen.size(), 0);
    for (std::size_t i = 0; i < met.size(); ++i) sums[static_cast<std::size_t>(number[i])] += met[i];
  }
  stream.interrupts.adopt();
  SlowPoll slow(stream.interrupts, 1024);
  py::list words(chosen.size());
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    slow.step();
    words[i] = to_str(stream.words.word(chosen[i]));
  }
  return py::make_tuple(words, to_array(sums), to_array(number));
}

void add_words(Stream& stream, py::handle words) {
  const py::object iterator = iterator_of(words);
  if (!iterator) throw py::type_error(std::string("words must be an iterable of str, got ") + Py_TYPE(words.ptr())->tp_name);
  stream.interrupts.adopt();
  SlowPoll slow(stream.interrupts, 1024);
  for (py::object word = next(iterator); word; word = next(iterator)) {
    slow.step();
    stream.words.add_word(utf8(word, [] { return std::string("words"); }));
  }
}

}  // namespace

void register_stream(py::module_& m) {
  py::class_<Stream>(m, "TextStream")
      .def(py::init([](const std::string& unk_token, const py::object& eos_token, bool lowercase) {
        return new Stream({unk_token, eos_token.is_none() ? std::string() : py::cast<std::string>(eos_token), lowercase});
      }))
      .def("add_words", &add_words)
      .def("close", [](Stream& s) { s.words.close(); })
      .def("read_file", &read_file)
      .def("read_sentences", &read_sentences)
      .def("encode", &encode)
      .def_property_readonly("tokens",
                             [](const Stream& s) {
                               Index sum = 0;
                               for (const std::int64_t count : s.words.counts()) sum += count;
                               return sum;
                             })
      .def("choose", &choose);
}

}  // namespace pyffnn::bindings
