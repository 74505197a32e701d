#include "core/dispatch.h"

#include <atomic>
#include <cstdlib>
#include <stdexcept>

#include "core/cpu.h"

namespace pyffnn {
#define PYFFNN_DECLARE_TABLE(isa) \
  namespace isa {                 \
  const KernelTable& table();     \
  }
PYFFNN_DECLARE_TABLE(reference)
#ifdef PYFFNN_HAVE_SSE2
PYFFNN_DECLARE_TABLE(sse2)
#endif
#ifdef PYFFNN_HAVE_AVX2
PYFFNN_DECLARE_TABLE(avx2)
#endif
#ifdef PYFFNN_HAVE_AVX512
PYFFNN_DECLARE_TABLE(avx512)
#endif
#ifdef PYFFNN_HAVE_NEON
PYFFNN_DECLARE_TABLE(neon)
#endif
#undef PYFFNN_DECLARE_TABLE

namespace dispatch {
namespace {

std::atomic<const KernelTable*> g_active{nullptr};

std::vector<const KernelTable*> find_available() {
  const cpu::Features& f = cpu::features();
  (void)f;
  std::vector<const KernelTable*> tables{&reference::table()};
#ifdef PYFFNN_HAVE_NEON
  if (f.neon) tables.push_back(&neon::table());
#endif
#ifdef PYFFNN_HAVE_SSE2
  if (f.sse2) tables.push_back(&sse2::table());
#endif
#ifdef PYFFNN_HAVE_AVX2
  if (f.avx2) tables.push_back(&avx2::table());
#endif
#ifdef PYFFNN_HAVE_AVX512
  if (f.avx512) tables.push_back(&avx512::table());
#endif
#ifdef PYFFNN_HAVE_AVX512
  if (f.amx) {
    // Until an entry of its own overrides one, AMX is the avx512 table under another name.
    static const KernelTable amx = [] {
      KernelTable t = avx512::table();
      t.isa = "amx";
      return t;
    }();
    tables.push_back(&amx);
  }
#endif
  return tables;
}

const KernelTable* find(const std::string& isa, const char* source) {
  std::string names;
  for (const KernelTable* t : available()) {
    if (isa == t->isa) return t;
    names += names.empty() ? "" : ", ";
    names += t->isa;
  }
  throw std::invalid_argument(std::string(source) + " '" + isa + "' is not usable on this machine; usable: " + names);
}

}  // namespace

const std::vector<const KernelTable*>& available() {
  static const std::vector<const KernelTable*> tables = find_available();
  return tables;
}

const KernelTable& active() {
  const KernelTable* t = g_active.load(std::memory_order_acquire);
  if (t == nullptr) {
    const char* forced = std::getenv("PYFFNN_ISA");
    const KernelTable* first = forced != nullptr && *forced != '\0' ? find(forced, "PYFFNN_ISA") : available().back();
    const KernelTable* expected = nullptr;
    t = g_active.compare_exchange_strong(expected, first) ? first : expected;
  }
  return *t;
}

void set_isa(const std::string& isa) { g_active.store(find(isa, "isa"), std::memory_order_release); }

}  // namespace dispatch
}  // namespace pyffnn
