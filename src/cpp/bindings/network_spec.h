// The spec of a network as a dict: one list of its keys, for reading and writing.
#pragma once
#include "bindings/settings.h"
#include "net/spec.h"

namespace pyffnn::bindings {

// Throws for an unknown or missing key and for a value of the wrong kind; the values themselves are Spec::check()'s.
net::Spec network_spec(const py::dict& dict);
py::dict spec_dict(const net::Spec& spec);

}  // namespace pyffnn::bindings
