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
#ifdef PYFFNN_HAVE_AMX
namespace amx {
const TileKernels& tile_kernels();
}
#endif
#ifdef PYFFNN_HOOKS
namespace amx_emulated {
const TileKernels& tile_kernels();
}
#endif

namespace dispatch {
namespace {

std::atomic<const KernelTable*> g_active{nullptr};

// Tile kernels beside all kernels of another table.
[[maybe_unused]] KernelTable with_tiles(KernelTable t, const char* isa, const TileKernels& tiles) {
  t.isa = isa;
  t.tiles = tiles;
  return t;
}

struct AmxTable {
  const KernelTable* table;  // null: not to be used, and `status` says why
  std::string status;
};

// What the processor announces is not yet usable (virtual machines that do not save the tiles, steppings with errata): a product decides.
const AmxTable& amx_table() {
  static const AmxTable found = [] {
#ifdef PYFFNN_HAVE_AMX
    if (!cpu::features().amx) return AmxTable{nullptr, cpu::features().amx_status};
    if (!amx::tile_kernels().self_test()) return AmxTable{nullptr, "a test product came out wrong"};
    static const KernelTable table = with_tiles(avx512::table(), "amx", amx::tile_kernels());
    return AmxTable{&table, "usable"};
#else
    return AmxTable{nullptr, "not built for this architecture"};
#endif
  }();
  return found;
}

#ifdef PYFFNN_HOOKS
// The best table of the machine with the tile kernels in plain C++: slow, for tests of everything around them. Not among the available
// ones.
const KernelTable& emulated_table() {
  static const KernelTable table = with_tiles(*available().back(), "amx-emulated", amx_emulated::tile_kernels());
  return table;
}
#endif

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
#ifdef PYFFNN_HAVE_AMX
  if (const KernelTable* t = amx_table().table; t != nullptr) tables.push_back(t);
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
#ifdef PYFFNN_HOOKS
  if (isa == "amx-emulated") return &emulated_table();
#endif
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

const std::string& amx_status() { return amx_table().status; }

void set_isa(const std::string& isa) { g_active.store(find(isa, "isa"), std::memory_order_release); }

}  // namespace dispatch
}  // namespace pyffnn
