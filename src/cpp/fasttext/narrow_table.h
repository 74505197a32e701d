// Tables of shorter numbers: float16, or int8 with a scale a row.
#pragma once
#include "core/interrupt.h"
#include "fasttext/numbers.h"
#include "fasttext/table.h"

namespace pyffnn::fasttext {

enum class Narrow { float16, int8 };

// The numbers of another table, rounded to the nearest. Throws std::invalid_argument for one that float16 has no number for.
TablePtr narrowed(const Table& table, Narrow kind, Interrupt& interrupt);

}  // namespace pyffnn::fasttext
