// Arguments that hold ids: row numbers, class ids, offsets of bags. They lie in memory that no other thread writes into, so what was
// checked is still true when they are used without the GIL.
#pragma once
#include <algorithm>
#include <cstring>
#include <memory>

#include "bindings/arrays.h"
#include "ops/embedding.h"

namespace pyffnn::bindings {

// What work without the GIL sees of them.
struct IdsView {
  const void* data;
  Index count;
  bool wide;  // int64, else int32

  template <class F>
  auto visit(F f) const {
    return wide ? f(static_cast<const std::int64_t*>(data)) : f(static_cast<const std::int32_t*>(data));
  }
  const std::int64_t* int64() const { return static_cast<const std::int64_t*>(data); }  // where wide
};

class Ids {
 public:
  enum class Width { as_given, int64 };

  // Copied, unless converting them made a copy already.
  Ids(py::handle x, const char* name, Width width = Width::as_given) : name_(name), given_(as_array(x, name)) {
    array_ = integers(given_, !py::isinstance<py::array>(x), name);
    if (width == Width::int64) array_ = widened(array_);
    view_ = {array_.data(), array_.size(), array_.itemsize() == 8};
    const bool made_of_numbers = PyList_CheckExact(x.ptr()) || PyTuple_CheckExact(x.ptr());
    if (array_.ptr() != given_.ptr() || made_of_numbers) return;
    const std::size_t bytes = static_cast<std::size_t>(view_.count) * (view_.wide ? sizeof(std::int64_t) : sizeof(std::int32_t));
    own_.reset(new char[bytes]);
    std::memcpy(own_.get(), view_.data, bytes);
    view_.data = own_.get();
  }

  // An IndexError unless all lie in [0, rows). Read once, a stretch at a time, and kept as int32 where that holds them: a batch of ids is
  // often as much memory as the rows that they name.
  Ids(py::handle x, const char* name, Index rows) : name_(name), given_(as_array(x, name)) {
    array_ = integers(given_, !py::isinstance<py::array>(x), name);
    const bool from_wide = array_.itemsize() == 8, wide = from_wide && rows > INT32_MAX;
    view_ = {array_.data(), array_.size(), wide};
    own_.reset(new char[static_cast<std::size_t>(view_.count) * (wide ? sizeof(std::int64_t) : sizeof(std::int32_t))]);
    if (from_wide && wide)
      keep<std::int64_t, std::int64_t>(rows);
    else if (from_wide)
      keep<std::int64_t, std::int32_t>(rows);
    else
      keep<std::int32_t, std::int32_t>(rows);
    view_.data = own_.get();
  }

  const IdsView& view() const { return view_; }
  Index size() const { return view_.count; }
  const py::array& array() const { return array_; }  // its shape counts alone
  const py::array& given() const { return given_; }  // its memory counts alone

  // An IndexError unless all lie in [0, rows).
  void check_below(Index rows) const {
    view_.visit([&](auto p) {
      const Index bad = ops::first_bad_id(p, view_.count, rows);
      if (bad >= 0) refuse(bad, p[bad], rows);
    });
  }
  // A ValueError unless they are the bounds of bags of `count` entries: not negative, not falling, not beyond the end.
  void check_bounds(Index count) const {
    if (view_.count < 1) value_error(name_, "must have at least one entry (bags + 1), got none");
    const std::int64_t* const o = view_.int64();
    if (o[0] < 0) value_error(name_, "must not be negative, got " + std::to_string(o[0]));
    for (Index i = 1; i < view_.count; ++i)
      if (o[i] < o[i - 1])
        value_error(name_, "must not decrease; " + std::string(name_) + "[" + std::to_string(i) + "] = " + std::to_string(o[i]));
    if (o[view_.count - 1] > count)
      value_error(name_, "end at " + std::to_string(o[view_.count - 1]) + ", beyond the " + std::to_string(count) + " ids");
  }

 private:
  [[noreturn]] void refuse(Index at, std::int64_t value, Index rows) const {
    throw py::index_error(std::string(name_) + " entry " + std::to_string(at) + " = " + std::to_string(value) + " is outside [0, " +
                          std::to_string(rows) + ")");
  }
  template <class From, class To>
  void keep(Index rows) {
    constexpr Index kStretch = 512;
    From stretch[kStretch];
    const From* const from = static_cast<const From*>(view_.data);
    To* const to = reinterpret_cast<To*>(own_.get());
    for (Index i = 0; i < view_.count; i += kStretch) {
      const Index n = std::min(kStretch, view_.count - i);
      std::memcpy(stretch, from + i, static_cast<std::size_t>(n) * sizeof(From));
      const Index bad = ops::first_bad_id(stretch, n, rows);
      if (bad >= 0) refuse(i + bad, stretch[bad], rows);
      ops::copy_ids(stretch, n, to + i);
    }
  }

  const char* name_;
  py::array given_, array_;
  std::unique_ptr<char[]> own_;
  IdsView view_{};
};

}  // namespace pyffnn::bindings
