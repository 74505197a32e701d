#include "fasttext/scoring.h"

#include <algorithm>

namespace pyffnn::fasttext {
namespace {

// Parts of a document: paragraphs, or so many words each.
void cut(std::string_view text, Index window, std::vector<std::string_view>& windows) {
  windows.clear();
  if (window < 0) {
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      const std::string_view line = text.substr(0, end);
      if (!std::all_of(line.begin(), line.end(), is_space)) windows.push_back(line);
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    return;
  }
  const char *at = text.data(), *const end = at + text.size();
  while (at < end) {
    while (at < end && is_space(*at)) ++at;
    const char* const begin = at;
    const char* last = at;
    for (Index words = 0; words < window && at < end; ++words) {
      while (at < end && !is_space(*at)) ++at;
      last = at;
      while (at < end && is_space(*at)) ++at;
    }
    if (last > begin) windows.emplace_back(begin, static_cast<std::size_t>(last - begin));
  }
}

void predict_text(const Model& model, std::string_view text, Index k, float threshold, ScoreSpace& space) {
  if (text.find('\n') != std::string_view::npos) {
    space.text.assign(text);
    std::replace(space.text.begin(), space.text.end(), '\n', ' ');
    text = space.text;
  }
  const char* at = text.data();
  model.read_line(at, at + text.size(), true, space.predict.line);
  model.predict(k, threshold, space.predict);
  for (Prediction& p : space.predict.found) p.score = probability(p);
}

}  // namespace

void score_document(const Model& model, std::string_view document, const Scoring& scoring, ScoreSpace& space) {
  if (scoring.window != 0) cut(document, scoring.window, space.windows);
  if (scoring.window == 0 || space.windows.empty()) return predict_text(model, document, scoring.k, scoring.threshold, space);
  if (scoring.reduce == Reduce::first || space.windows.size() == 1)
    return predict_text(model, space.windows[0], scoring.k, scoring.threshold, space);
  const auto labels = static_cast<std::size_t>(model.dictionary().labels());
  space.sums.assign(labels, scoring.reduce == Reduce::min ? 2.0 : 0.0);
  std::vector<double> own(labels);
  for (const std::string_view window : space.windows) {
    predict_text(model, window, static_cast<Index>(labels), 0.0f, space);
    std::fill(own.begin(), own.end(), 0.0);
    for (const Prediction& p : space.predict.found) own[static_cast<std::size_t>(p.label)] = p.score;
    for (std::size_t i = 0; i < labels; ++i) {
      double& sum = space.sums[i];
      sum = scoring.reduce == Reduce::max ? std::max(sum, own[i]) : scoring.reduce == Reduce::min ? std::min(sum, own[i]) : sum + own[i];
    }
  }
  std::vector<Prediction>& found = space.predict.found;
  found.clear();
  const double scale = scoring.reduce == Reduce::mean ? 1.0 / static_cast<double>(space.windows.size()) : 1.0;
  for (std::size_t i = 0; i < labels; ++i) {
    const auto p = static_cast<float>(std::min(space.sums[i] * scale, 1.0));
    if (p >= scoring.threshold && p > 0) found.push_back({p, static_cast<std::int32_t>(i)});
  }
  const auto k = std::min(found.size(), static_cast<std::size_t>(scoring.k));
  std::partial_sort(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(k), found.end(),
                    [](const Prediction& a, const Prediction& b) { return a.score != b.score ? a.score > b.score : a.label < b.label; });
  found.resize(k);
}

}  // namespace pyffnn::fasttext
