// A program without Python: reads a model that TextClassifier.save wrote and a text a line, and prints the likeliest label and its
// probability for each.
//
//   cmake -S path/to/pyffnn -B build/core && cmake --build build/core && cmake --install build/core --prefix prefix
//   cmake -S . -B build/classify -DCMAKE_PREFIX_PATH=prefix && cmake --build build/classify
//   build/classify/classify model.safetensors < texts.txt
#include <pyffnn.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  const char* message = "";
  const pyffnn_api* const api = pyffnn_open(PYFFNN_API_VERSION, sizeof(pyffnn_api), &message);
  if (api == nullptr || argc != 2) {
    std::fprintf(stderr, "%s\n", api == nullptr ? message : "usage: classify MODEL < TEXTS");
    return 2;
  }
  pyffnn_model* model = nullptr;
  if (const pyffnn_status* const status = api->model_load(argv[1], &model)) {
    std::fprintf(stderr, "%s\n", api->status_message(status));
    return 1;
  }
  std::vector<std::string> lines;
  for (std::string line; std::getline(std::cin, line);) lines.push_back(line);
  std::vector<const char*> texts;
  std::vector<std::int64_t> sizes;
  for (const std::string& line : lines) {
    texts.push_back(line.data());
    sizes.push_back(static_cast<std::int64_t>(line.size()));
  }
  const auto classes = api->model_outputs(model);
  std::vector<float> p(lines.size() * static_cast<std::size_t>(classes));
  const auto count = static_cast<std::int64_t>(lines.size());
  if (const pyffnn_status* const status = api->model_predict_texts(model, count, texts.data(), sizes.data(), p.data(), classes)) {
    std::fprintf(stderr, "%s\n", api->status_message(status));
    return 1;
  }
  for (auto row = p.begin(); row != p.end(); row += classes) {
    const auto top = std::max_element(row, row + classes);
    std::printf("%s %.6f\n", api->model_label(model, top - row), static_cast<double>(*top));
  }
  api->model_free(model);
}
