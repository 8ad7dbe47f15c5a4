// A model: Keras's summary, and a drawing of its layers.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "tutti/base/html.h"
#include "tutti/notebook/mime_bundle.h"

namespace tutti {
namespace {

constexpr int kWidth = 210, kHeight = 38, kGapX = 20, kGapY = 20, kMargin = 4;
constexpr int kLane = 10;                // between two shortcuts side by side
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

// At most so many letters of UTF-8, with … for what is left out.
std::string shortened(const std::string& text, std::size_t letters) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool begins_letter = (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80;
    if (begins_letter && count++ == letters) {
      std::size_t end = i;  // without its last letter, whose place … takes
      while (end > 0 && (static_cast<unsigned char>(text[--end]) & 0xC0) == 0x80) continue;
      return text.substr(0, end) + "…";
    }
  }
  return text;
}

std::string box_of(const Box& box, const ModelNode& node) {
  // Of the 12 pixel sans-serif letters that browsers have; bold ones are wider.
  constexpr double kLetter = 6.6, kBoldLetter = 7.5, kRoom = kWidth - 20;
  const Layer& layer = *node.layer;
  const std::string type = shortened(layer.class_name(), static_cast<std::size_t>(kRoom / kBoldLetter));
  const auto left = static_cast<std::size_t>(std::max(0.0, (kRoom - kBoldLetter * static_cast<double>(type.size())) / kLetter));
  return fmt::format(
      "<g><title>{} {}</title><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"5\" fill=\"#eef3f8\" stroke=\"#0072B2\"/>"
      "<text x=\"{}\" y=\"{}\" fill=\"#000000\"><tspan font-weight=\"bold\">{}</tspan> {}</text>"
      "<text x=\"{}\" y=\"{}\" fill=\"#555555\">{}</text></g>",
      escape_html(layer.class_name()), escape_html(layer.name), box.x(), box.y(), kWidth, kHeight, box.x() + 8, box.y() + 16,
      escape_html(type), left > 2 ? escape_html(shortened(layer.name, left)) : "", box.x() + 8, box.y() + 31,
      to_string(node.shape));
}

struct Edge {
  Box from, to;
  int lane = 0;  // the x of its way past the rows between; 0 if there are none
};

int right_of(int columns) { return kMargin + columns * (kWidth + kGapX) - kGapX; }

// Shortcuts pass to the right of the boxes of the rows between, each as near to them as others leave it room.
void lay_lanes(std::vector<Edge>& edges, const std::vector<int>& columns) {
  std::vector<Edge*> shortcuts;
  for (Edge& edge : edges)
    if (edge.to.row > edge.from.row + 1) shortcuts.push_back(&edge);
  // The short ones first: the long ones go around them.
  std::ranges::stable_sort(shortcuts, {}, [](const Edge* edge) { return edge->to.row - edge->from.row; });
  for (std::size_t i = 0; i < shortcuts.size(); ++i) {
    Edge& edge = *shortcuts[i];
    const int widest = *std::max_element(columns.begin() + edge.from.row + 1, columns.begin() + edge.to.row);
    edge.lane = right_of(widest) + kLane;
    const auto is_taken = [&](const Edge* other) {
      const bool beside = other->from.row < edge.to.row && edge.from.row < other->to.row;
      return beside && std::abs(other->lane - edge.lane) < kLane;
    };
    while (std::any_of(shortcuts.begin(), shortcuts.begin() + static_cast<std::ptrdiff_t>(i), is_taken)) edge.lane += kLane;
  }
}

std::string path_of(const Edge& edge) {
  const int x1 = edge.from.x() + kWidth / 2, y1 = edge.from.y() + kHeight, x2 = edge.to.x() + kWidth / 2, y2 = edge.to.y();
  std::string way;
  if (edge.lane == 0) {
    way = fmt::format("M{0} {1}C{0} {2} {3} {1} {3} {2}", x1, y1, y2, x2);
  } else {
    constexpr int r = kGapY / 2;  // of the bends
    const int out = y1 + r, in = y2 - r;
    // The lane may lie to either side of both ends.
    const int from = edge.lane > x1 ? r : -r, to = edge.lane > x2 ? r : -r;
    way = fmt::format("M{0} {1}Q{0} {2} {3} {2}H{4}Q{5} {2} {5} {6}V{7}Q{5} {8} {9} {8}H{10}Q{11} {8} {11} {12}", x1, y1, out,
                      x1 + from, edge.lane - from, edge.lane, out + r, in - r, in, edge.lane - to, x2 + to, x2, y2);
  }
  return fmt::format("<path d=\"{}\" fill=\"none\" stroke=\"#888888\"/>", way);
}

std::string svg_of(const Model& model) {
  const std::vector<ModelNode>& nodes = model.nodes();
  const std::vector<Box> boxes = place(nodes);
  std::vector<int> columns;  // of each row
  for (const Box& box : boxes) {
    columns.resize(std::max(columns.size(), static_cast<std::size_t>(box.row) + 1));
    int& in_row = columns[static_cast<std::size_t>(box.row)];
    in_row = std::max(in_row, box.column + 1);
  }
  std::vector<Edge> edges;
  for (std::size_t i = 0; i < nodes.size(); ++i)
    for (const int input : nodes[i].inputs) edges.push_back({boxes[static_cast<std::size_t>(input)], boxes[i]});
  lay_lanes(edges, columns);
  int width = right_of(columns.empty() ? 1 : std::ranges::max(columns)) + kMargin;
  for (const Edge& edge : edges) width = std::max(width, edge.lane + kMargin);
  const int height = static_cast<int>(columns.size()) * (kHeight + kGapY) - kGapY + 2 * kMargin;
  // Paper of its own: the page behind it may be white or black.
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
      "font-family=\"sans-serif\" font-size=\"12\"><rect width=\"{0}\" height=\"{1}\" fill=\"#ffffff\"/>",
      width, height);
  for (const Edge& edge : edges) svg += path_of(edge);
  for (std::size_t i = 0; i < nodes.size(); ++i) svg += box_of(boxes[i], nodes[i]);
  return svg + "</svg>";
}

}  // namespace

MimeBundle mime_bundle(const Model& model) {
  const std::string text = model.summary_text();
  MimeBundle bundle = {{"text/plain", text}};
  if (model.nodes().size() > kMostDrawn) return bundle;
  // Side by side where there is room; the drawing of a deep model scrolls in its place.
  bundle["text/html"] =
      "<div style=\"display:flex;flex-wrap:wrap;gap:1.5em;align-items:flex-start\"><pre style=\"line-height:1.2;margin:0\">" +
      escape_html(text) + "</pre><div style=\"flex:1 1 240px;overflow:auto;max-height:44em\">" + svg_of(model) + "</div></div>";
  return bundle;
}

}  // namespace tutti
