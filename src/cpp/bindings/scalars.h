// Arguments of functions that are one number or say yes or no: what they are given is refused by their name, not by a list of signatures.
#pragma once
#include <pybind11/pybind11.h>

#include <limits>
#include <stdexcept>
#include <string>

#include "core/types.h"

namespace pyffnn::bindings {

// An integer. TypeError for anything else, a bool too. Beyond 64 bits an OverflowError, or (kNearest) the nearest that has 64.
template <const char* Name, bool kNearest = false>
struct Whole {
  Index value = 0;
};

// A real number.
template <const char* Name>
struct Real {
  float value = 0;
};

// What Python takes for true or false without a doubt: bool, a number, None.
template <const char* Name>
struct Flag {
  bool value = false;
};

[[noreturn]] inline void refuse(const char* name, const char* wanted, pybind11::handle got) {
  throw pybind11::type_error(std::string(name) + " must be " + wanted + ", got " + std::string(pybind11::repr(got)).substr(0, 100));
}

}  // namespace pyffnn::bindings

namespace pybind11::detail {

template <const char* Name, bool kNearest>
struct type_caster<pyffnn::bindings::Whole<Name, kNearest>> {
  using Given = pyffnn::bindings::Whole<Name, kNearest>;
  PYBIND11_TYPE_CASTER(Given, const_name("int"));
  bool load(handle given, bool /*convert*/) {
    if (PyBool_Check(given.ptr()) || !PyIndex_Check(given.ptr())) pyffnn::bindings::refuse(Name, "an integer", given);
    const object number = reinterpret_steal<object>(PyNumber_Index(given.ptr()));
    if (!number) {  // an array of several numbers has the method, too
      PyErr_Clear();
      pyffnn::bindings::refuse(Name, "an integer", given);
    }
    int overflow = 0;
    long long found = PyLong_AsLongLongAndOverflow(number.ptr(), &overflow);
    if (overflow != 0 && !kNearest)
      throw std::overflow_error(std::string(Name) + " must be an integer of 64 bits, got " + std::string(repr(number)).substr(0, 100));
    if (overflow != 0) found = overflow < 0 ? std::numeric_limits<long long>::min() : std::numeric_limits<long long>::max();
    value.value = static_cast<pyffnn::Index>(found);
    return true;
  }
};

template <const char* Name>
struct type_caster<pyffnn::bindings::Real<Name>> {
  PYBIND11_TYPE_CASTER(pyffnn::bindings::Real<Name>, const_name("float"));
  bool load(handle given, bool /*convert*/) {
    const double found = PyFloat_AsDouble(given.ptr());
    if (found == -1.0 && PyErr_Occurred() != nullptr) {
      PyErr_Clear();
      pyffnn::bindings::refuse(Name, "a number", given);
    }
    value.value = static_cast<float>(found);
    return true;
  }
};

template <const char* Name>
struct type_caster<pyffnn::bindings::Flag<Name>> {
  PYBIND11_TYPE_CASTER(pyffnn::bindings::Flag<Name>, const_name("bool"));
  bool load(handle given, bool /*convert*/) {
    make_caster<bool> caster;
    if (!caster.load(given, true)) {
      PyErr_Clear();
      pyffnn::bindings::refuse(Name, "True or False", given);
    }
    value.value = cast_op<bool>(caster);
    return true;
  }
};

}  // namespace pybind11::detail
