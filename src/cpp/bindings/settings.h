// Settings over the border: dicts to plain structs and back, strictly. A key that nobody asked for, a value of another kind or outside its
// choices is an error that names the key and what it got.
#pragma once
#include <pybind11/pybind11.h>

#include <initializer_list>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/types.h"

namespace pyffnn::bindings {

namespace py = pybind11;

inline std::string repr_of(py::handle x) { return py::cast<std::string>(py::repr(x)); }

// Takes an integer for what it is: no bool, no float, nothing beyond 64 bits.
inline Index integer_of(const std::string& key, py::handle x) {
  if (PyBool_Check(x.ptr()) || !PyIndex_Check(x.ptr())) throw py::type_error(key + " must be an integer, got " + repr_of(x));
  const py::object number = py::reinterpret_steal<py::object>(PyNumber_Index(x.ptr()));
  if (!number) throw py::error_already_set();
  int overflow = 0;
  const long long value = PyLong_AsLongLongAndOverflow(number.ptr(), &overflow);
  if (overflow != 0) throw py::value_error(key + " must lie within 64 bits, got " + repr_of(x));
  return static_cast<Index>(value);
}

template <class E>
using Choices = std::initializer_list<std::pair<const char*, E>>;

// Reads the keys of a dict into variables that hold their defaults; refuse_unknown() at the end.
class SettingsReader {
 public:
  explicit SettingsReader(const py::dict& dict, const char* what = "spec") : dict_(dict), what_(what) {}

  bool has(const char* key) {
    known_.insert(key);
    return dict_.contains(key);
  }
  void need(const char* key) {
    if (!has(key)) throw py::value_error(std::string(what_) + " has no key '" + key + "'");
  }
  void operator()(const char* key, Index& value) {
    if (has(key)) value = integer_of(key, dict_[key]);
  }
  void operator()(const char* key, std::uint64_t& value) {
    if (has(key)) value = static_cast<std::uint64_t>(integer_of(key, dict_[key]));
  }
  void operator()(const char* key, double& value) {
    if (!has(key)) return;
    const py::object x = dict_[key];
    const double number = PyBool_Check(x.ptr()) ? -1.0 : PyFloat_AsDouble(x.ptr());
    if (PyBool_Check(x.ptr()) || (number == -1.0 && PyErr_Occurred())) {
      PyErr_Clear();
      throw py::type_error(std::string(key) + " must be a number, got " + repr_of(x));
    }
    value = number;
  }
  void operator()(const char* key, bool& value) {
    if (!has(key)) return;
    const py::object x = dict_[key];
    if (!PyBool_Check(x.ptr())) throw py::type_error(std::string(key) + " must be True or False, got " + repr_of(x));
    value = x.ptr() == Py_True;
  }
  void operator()(const char* key, std::vector<Index>& value) {
    if (!has(key)) return;
    const py::object x = dict_[key];
    if (!PyList_Check(x.ptr()) && !PyTuple_Check(x.ptr()))
      throw py::type_error(std::string(key) + " must be a list of integers, got " + repr_of(x));
    value.clear();
    for (const py::handle item : x) value.push_back(integer_of(std::string(key) + "[" + std::to_string(value.size()) + "]", item));
  }
  template <class E>
  void operator()(const char* key, E& value, Choices<E> choices) {
    if (has(key)) value = choice_of(key, dict_[key], choices);
  }
  // One choice, or a list of some.
  template <class E>
  void operator()(const char* key, std::vector<E>& values, Choices<E> choices) {
    if (!has(key)) return;
    const py::object x = dict_[key];
    values.clear();
    if (!PyList_Check(x.ptr()) && !PyTuple_Check(x.ptr())) {
      values.push_back(choice_of(key, x, choices));
      return;
    }
    for (const py::handle item : x)
      values.push_back(choice_of(std::string(key) + "[" + std::to_string(values.size()) + "]", item, choices));
  }

  void refuse_unknown() const {
    for (const auto& item : dict_)
      if (!py::isinstance<py::str>(item.first) || known_.count(py::cast<std::string>(item.first)) == 0)
        throw py::value_error(std::string(what_) + " has an unknown key " + repr_of(item.first));
  }

 private:
  const py::dict& dict_;
  const char* what_;
  template <class E>
  static E choice_of(const std::string& key, py::handle x, Choices<E> choices) {
    std::string names;
    for (const auto& [name, choice] : choices) {
      if (py::isinstance<py::str>(x) && py::cast<std::string>(x) == name) return choice;
      names += (names.empty() ? "'" : ", '") + std::string(name) + "'";
    }
    throw py::value_error(key + " must be one of " + names + ", got " + repr_of(x));
  }

  std::set<std::string> known_;
};

// The same calls write a dict.
class SettingsWriter {
 public:
  py::dict dict;
  template <class V>
  void operator()(const char* key, const V& value) {
    dict[key] = value;
  }
  void operator()(const char* key, const std::vector<Index>& value) {
    py::list items;
    for (const Index i : value) items.append(i);
    dict[key] = items;
  }
  template <class E>
  void operator()(const char* key, const E& value, Choices<E> choices) {
    for (const auto& [name, choice] : choices)
      if (choice == value) dict[key] = name;
  }
  template <class E>
  void operator()(const char* key, const std::vector<E>& values, Choices<E> choices) {
    if (values.size() == 1) return (*this)(key, values.front(), choices);
    py::list items;
    for (const E& value : values)
      for (const auto& [name, choice] : choices)
        if (choice == value) items.append(name);
    dict[key] = items;
  }
};

}  // namespace pyffnn::bindings
