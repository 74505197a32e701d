// Kept copies of weights under the sanitizers: writers who borrow, predictions at the same time, and copies that are never old.
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "core/dispatch.h"
#include "net/kept_weights.h"

using pyffnn::Index;
using pyffnn::Precision;
namespace ops = pyffnn::ops;
namespace net = pyffnn::net;

namespace {

constexpr Index kRows = 3, kIn = 40, kOut = 70;

std::vector<float> product(const std::vector<float>& x, const std::vector<float>& w, net::KeptWeights<float>& kept,
                           const net::Version& version, bool& used, Precision precision) {
  std::vector<float> y(kRows * kOut);
  const auto copy = kept.current(kRows, kOut, kIn, {w.data(), kOut, 1}, precision, version);
  used = copy != nullptr;
  if (used)
    ops::gemm<float>(kRows, {x.data(), kIn, 1}, *copy, y.data(), kOut);
  else
    ops::gemm<float>(kRows, kOut, kIn, {x.data(), kIn, 1}, {w.data(), kOut, 1}, y.data(), kOut, {}, false, precision);
  return y;
}

void threads_share_and_writers_borrow(Precision precision) {
  std::vector<float> x(kRows * kIn, 1.0f), w(kIn * kOut);
  const auto version = std::make_shared<net::Version>();
  net::KeptWeights<float> kept;
  for (int round = 0; round < 20; ++round) {
    {
      const net::Loan loan(version);
      bool used = true;
      product(x, w, kept, *version, used, precision);
      CHECK(!used);
      for (float& value : w) value = static_cast<float>(round);
      CHECK(kept.bytes() == 0);
    }
    std::vector<std::thread> pool;
    for (int t = 0; t < 3; ++t) {
      pool.emplace_back([&] {
        for (int i = 0; i < 10; ++i) {
          bool used = false;
          for (const float sum : product(x, w, kept, *version, used, precision)) CHECK(sum == static_cast<float>(kIn * round));
        }
      });
    }
    for (std::thread& t : pool) t.join();
    bool used = false;
    product(x, w, kept, *version, used, precision);
    CHECK(used && kept.bytes() > 0);
    if (round % 2 == 0) version->changed();
  }
}

void a_copy_made_during_a_loan_is_never_used() {
  std::vector<float> x(kRows * kIn, 1.0f), w(kIn * kOut, 1.0f);
  const auto version = std::make_shared<net::Version>();
  const std::uint64_t before = version->now();
  {
    const net::Loan one(version);
    CHECK(version->now() == net::Version::kLent);
    const net::Loan two(version);
    version->changed();
    CHECK(version->now() == net::Version::kLent);
  }
  CHECK(version->now() != before && version->now() != net::Version::kLent);
}

}  // namespace

int main() {
  for (const pyffnn::KernelTable* table : pyffnn::dispatch::available()) {
    pyffnn::dispatch::set_isa(table->isa);
    threads_share_and_writers_borrow(Precision::float32);
  }
  pyffnn::dispatch::set_isa("amx-emulated");
  threads_share_and_writers_borrow(Precision::bfloat16x3);
  a_copy_made_during_a_loan_is_never_used();
  return g_failures == 0 ? 0 : 1;
}
