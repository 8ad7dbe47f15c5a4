// A model: Keras's summary, and a drawing of its layers.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "tutti/notebook/mime_bundle.h"

namespace tutti {
namespace {

constexpr int kWidth = 230, kHeight = 44, kGapX = 24, kGapY = 26, kMargin = 4;
constexpr std::size_t kMostDrawn = 400;  // nodes; more are no drawing any more

struct Box {
  int row = 0, column = 0;
  int x() const { return kMargin + column * (kWidth + kGapX); }
  int y() const { return kMargin + row * (kHeight + kGapY); }
};

// Each node below all of its inputs; those of one row side by side.
std::vector<Box> place(const std::vector<ModelNode>& nodes) {
  std::vector<Box> boxes(nodes.size());
  std::map<int, int> used;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (const int input : nodes[i].inputs)
      boxes[i].row = std::max(boxes[i].row, boxes[static_cast<std::size_t>(input)].row + 1);
    boxes[i].column = used[boxes[i].row]++;
  }
  return boxes;
}

std::string svg_of(const Model& model) {
  const std::vector<ModelNode>& nodes = model.nodes();
  const std::vector<Box> boxes = place(nodes);
  int rows = 0, columns = 0;
  for (const Box& box : boxes) {
    rows = std::max(rows, box.row + 1);
    columns = std::max(columns, box.column + 1);
  }
  const int width = columns * (kWidth + kGapX) - kGapX + 2 * kMargin, height = rows * (kHeight + kGapY) - kGapY + 2 * kMargin;
  // Paper of its own: the page behind it may be white or black.
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
      "font-family=\"sans-serif\" font-size=\"13\"><rect width=\"{0}\" height=\"{1}\" fill=\"#ffffff\"/>",
      width, height);
  for (std::size_t i = 0; i < nodes.size(); ++i)
    for (const int input : nodes[i].inputs) {
      const Box& from = boxes[static_cast<std::size_t>(input)];
      const int x1 = from.x() + kWidth / 2, y1 = from.y() + kHeight, x2 = boxes[i].x() + kWidth / 2, y2 = boxes[i].y();
      svg += fmt::format("<path d=\"M{} {} C{} {} {} {} {} {}\" fill=\"none\" stroke=\"#888888\"/>", x1, y1, x1, y1 + kGapY, x2,
                         y2 - kGapY, x2, y2);
    }
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const Layer& layer = *nodes[i].layer;
    const Box& box = boxes[i];
    svg += fmt::format(
        "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"5\" fill=\"#eef3f8\" stroke=\"#0072B2\"/>"
        "<text x=\"{}\" y=\"{}\" fill=\"#000000\"><tspan font-weight=\"bold\">{}</tspan> {}</text>"
        "<text x=\"{}\" y=\"{}\" fill=\"#555555\">{}</text>",
        box.x(), box.y(), kWidth, kHeight, box.x() + 8, box.y() + 18, escape_html(layer.class_name()),
        escape_html(layer.name), box.x() + 8, box.y() + 36, to_string(nodes[i].shape));
  }
  return svg + "</svg>";
}

}  // namespace

MimeBundle mime_bundle(const Model& model) {
  const std::string text = model.summary_text();
  MimeBundle bundle = {{"text/plain", text}};
  if (model.nodes().size() > kMostDrawn) return bundle;
  bundle["text/html"] = "<pre style=\"line-height:1.2\">" + escape_html(text) + "</pre><details><summary>layers</summary>" +
                        svg_of(model) + "</details>";
  return bundle;
}

}  // namespace tutti
