// Model files (formats/model_file.py) read without Python: a safetensors file with one metadata entry, "<crc32> <json>".
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "capi/json.h"

namespace pyffnn::capi {

struct FileArray {
  std::string dtype;  // as safetensors names it: "F32", "I64", ...
  std::vector<Index> shape;
  const char* data;  // little-endian, of no alignment
  Index bytes;

  Index size() const {
    Index n = 1;
    for (const Index s : shape) n *= s;
    return n;
  }
};

struct ModelFile {
  std::string model;  // the class that wrote it
  Json config;
  std::map<std::string, FileArray> arrays;
  std::vector<char> bytes;  // what the arrays point into
};

// Throws std::invalid_argument for a file that is not there, is none of ours, is damaged, or of a layout that this library does not read.
std::unique_ptr<const ModelFile> read_model_file(const std::string& path);

}  // namespace pyffnn::capi
