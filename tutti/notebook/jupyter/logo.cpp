#include "tutti/notebook/jupyter/logo.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include <fmt/format.h>

#include "tutti/data/images.h"

namespace tutti::jupyter {
namespace {

// On a canvas of 64 x 64.
constexpr int kCanvas = 64;
struct Rectangle {
  int x, y, width, height;
  std::uint32_t colour;  // 0xRRGGBB
};
constexpr std::uint32_t kBlue = 0x1f4e79, kGold = 0xf2b84b, kWhite = 0xffffff;
constexpr std::array<Rectangle, 9> kShapes = {{{0, 0, 64, 64, kBlue},
                                               {8, 36, 9, 20, kWhite},
                                               {21, 26, 9, 30, kWhite},
                                               {34, 32, 9, 24, kWhite},
                                               {47, 22, 9, 34, kWhite},
                                               {32, 10, 12, 4, kGold},
                                               {36, 6, 4, 12, kGold},
                                               {46, 10, 12, 4, kGold},
                                               {50, 6, 4, 12, kGold}}};

}  // namespace

std::string logo_svg() {
  std::string svg = fmt::format("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\">\n", kCanvas, kCanvas);
  for (const Rectangle& shape : kShapes)
    svg += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"#{:06x}\"/>\n", shape.x, shape.y, shape.width,
                       shape.height, shape.colour);
  return svg + "</svg>\n";
}

std::string logo_png(int size) {
  Tensor image(Shape{kCanvas, kCanvas, 3}, DType::kUInt8);
  std::uint8_t* pixels = image.data<std::uint8_t>().data();  // (h, w, c)
  for (const Rectangle& shape : kShapes)
    for (int y = shape.y; y < shape.y + shape.height; ++y)
      for (int x = shape.x; x < shape.x + shape.width; ++x)
        for (int c = 0; c < 3; ++c) pixels[(y * kCanvas + x) * 3 + c] = static_cast<std::uint8_t>(shape.colour >> (16 - 8 * c));
  return encode_png(size == kCanvas ? image : resize_image(image, size, size));
}

}  // namespace tutti::jupyter
