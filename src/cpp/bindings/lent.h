// Owners of views into a network's arrays.
#pragma once
#include <memory>
#include <optional>
#include <utility>

#include "bindings/arrays.h"
#include "net/kept_weights.h"

namespace pyffnn::bindings {

// The base of a view: it keeps `memory` alive and, while any array over it lives, the array of this version (or null) lent.
template <class Memory>
py::capsule lent(Memory memory, const std::shared_ptr<net::Version>& version) {
  struct Owner {
    Memory memory;
    std::optional<net::Loan> loan;
  };
  auto owner = std::make_unique<Owner>();
  owner->memory = std::move(memory);
  if (version != nullptr) owner->loan.emplace(version);
  py::capsule capsule(owner.get(), [](void* p) { delete static_cast<Owner*>(p); });
  owner.release();
  return capsule;
}

}  // namespace pyffnn::bindings
