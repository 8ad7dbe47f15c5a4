#include "tutti/report/pictures.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <string_view>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/data/images.h"

namespace tutti {
namespace {

constexpr std::int64_t kMaxLetters = 24;  // of a caption
constexpr std::int64_t kGap = 8;          // between cells, and around the sheet
constexpr std::uint8_t kPaper = 255, kInk = 32;

// Our own letters, 5 x 9: seven rows above the line and two below it. Bit 4 is the leftmost pixel.
constexpr std::int64_t kGlyphWidth = 5, kGlyphHeight = 9, kFontScale = 2;
constexpr std::int64_t kAdvance = (kGlyphWidth + 1) * kFontScale;
struct Glyph {
  char letter;
  std::array<std::uint8_t, kGlyphHeight> rows;
};
constexpr Glyph kGlyphs[] = {
    {' ', {}},
    {'a', {0, 0, 0x0E, 0x01, 0x0F, 0x11, 0x0F}},
    {'b', {0x10, 0x10, 0x1E, 0x11, 0x11, 0x11, 0x1E}},
    {'c', {0, 0, 0x0E, 0x10, 0x10, 0x10, 0x0E}},
    {'d', {0x01, 0x01, 0x0F, 0x11, 0x11, 0x11, 0x0F}},
    {'e', {0, 0, 0x0E, 0x11, 0x1F, 0x10, 0x0E}},
    {'f', {0x06, 0x08, 0x1C, 0x08, 0x08, 0x08, 0x08}},
    {'g', {0, 0, 0x0F, 0x11, 0x11, 0x11, 0x0F, 0x01, 0x0E}},
    {'h', {0x10, 0x10, 0x1E, 0x11, 0x11, 0x11, 0x11}},
    {'i', {0x04, 0, 0x0C, 0x04, 0x04, 0x04, 0x0E}},
    {'j', {0x02, 0, 0x06, 0x02, 0x02, 0x02, 0x02, 0x12, 0x0C}},
    {'k', {0x10, 0x10, 0x12, 0x14, 0x18, 0x14, 0x12}},
    {'l', {0x0C, 0x04, 0x04, 0x04, 0x04, 0x04, 0x0E}},
    {'m', {0, 0, 0x1A, 0x15, 0x15, 0x15, 0x15}},
    {'n', {0, 0, 0x1E, 0x11, 0x11, 0x11, 0x11}},
    {'o', {0, 0, 0x0E, 0x11, 0x11, 0x11, 0x0E}},
    {'p', {0, 0, 0x1E, 0x11, 0x11, 0x11, 0x1E, 0x10, 0x10}},
    {'q', {0, 0, 0x0F, 0x11, 0x11, 0x11, 0x0F, 0x01, 0x01}},
    {'r', {0, 0, 0x16, 0x19, 0x10, 0x10, 0x10}},
    {'s', {0, 0, 0x0F, 0x10, 0x0E, 0x01, 0x1E}},
    {'t', {0x08, 0x08, 0x1C, 0x08, 0x08, 0x08, 0x06}},
    {'u', {0, 0, 0x11, 0x11, 0x11, 0x11, 0x0F}},
    {'v', {0, 0, 0x11, 0x11, 0x11, 0x0A, 0x04}},
    {'w', {0, 0, 0x15, 0x15, 0x15, 0x15, 0x0A}},
    {'x', {0, 0, 0x11, 0x0A, 0x04, 0x0A, 0x11}},
    {'y', {0, 0, 0x11, 0x11, 0x11, 0x11, 0x0F, 0x01, 0x0E}},
    {'z', {0, 0, 0x1F, 0x02, 0x04, 0x08, 0x1F}},
    {'0', {0x0E, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0E}},
    {'1', {0x04, 0x0C, 0x04, 0x04, 0x04, 0x04, 0x0E}},
    {'2', {0x0E, 0x11, 0x01, 0x02, 0x04, 0x08, 0x1F}},
    {'3', {0x1F, 0x02, 0x04, 0x02, 0x01, 0x11, 0x0E}},
    {'4', {0x02, 0x06, 0x0A, 0x12, 0x1F, 0x02, 0x02}},
    {'5', {0x1F, 0x10, 0x1E, 0x01, 0x01, 0x11, 0x0E}},
    {'6', {0x06, 0x08, 0x10, 0x1E, 0x11, 0x11, 0x0E}},
    {'7', {0x1F, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08}},
    {'8', {0x0E, 0x11, 0x11, 0x0E, 0x11, 0x11, 0x0E}},
    {'9', {0x0E, 0x11, 0x11, 0x0F, 0x01, 0x02, 0x0C}},
    {'-', {0, 0, 0, 0x1F}},
    {'_', {0, 0, 0, 0, 0, 0, 0x1F}},
    {'/', {0x01, 0x01, 0x02, 0x04, 0x08, 0x10, 0x10}},
    {'.', {0, 0, 0, 0, 0, 0x0C, 0x0C}},
};
constexpr Glyph kUnknown{'?', {0x1F, 0x11, 0x11, 0x11, 0x11, 0x11, 0x1F}};

// Capitals are written small.
const Glyph& glyph_of(char letter) {
  const auto small = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  const auto* found =
      std::find_if(std::begin(kGlyphs), std::end(kGlyphs), [&](const Glyph& glyph) { return glyph.letter == small; });
  return found == std::end(kGlyphs) ? kUnknown : *found;
}

// A white sheet, uint8 (h, w, 3).
class Sheet {
 public:
  Sheet(std::int64_t height, std::int64_t width) : pixels_({height, width, 3}, DType::kUInt8), width_(width) {
    const auto values = pixels_.data<std::uint8_t>();
    std::fill(values.begin(), values.end(), kPaper);
  }
  std::uint8_t* at(std::int64_t y, std::int64_t x) { return static_cast<std::uint8_t*>(pixels_.raw()) + (y * width_ + x) * 3; }

  void image(std::int64_t top, std::int64_t left, const Tensor& image, std::int64_t scale) {
    const std::int64_t h = image.shape()[0], w = image.shape()[1], c = image.shape()[2];
    const std::uint8_t* from = image.data<std::uint8_t>().data();
    for (std::int64_t y = 0; y < h * scale; ++y)
      for (std::int64_t x = 0; x < w * scale; ++x)
        for (std::int64_t k = 0; k < 3; ++k)
          at(top + y, left + x)[k] = from[(y / scale * w + x / scale) * c + std::min(k, c - 1)];
  }
  // Centred in `width`; what does not fit is left out.
  void caption(std::int64_t top, std::int64_t left, std::int64_t width, std::string_view text) {
    text = text.substr(0, static_cast<std::size_t>(width / kAdvance));
    left += (width - static_cast<std::int64_t>(text.size()) * kAdvance) / 2;
    for (const char letter : text) {
      const Glyph& glyph = glyph_of(letter);
      for (std::int64_t y = 0; y < kGlyphHeight * kFontScale; ++y)
        for (std::int64_t x = 0; x < kGlyphWidth * kFontScale; ++x)
          if (glyph.rows[static_cast<std::size_t>(y / kFontScale)] >> (kGlyphWidth - 1 - x / kFontScale) & 1)
            std::fill_n(at(top + y, left + x), 3, kInk);
      left += kAdvance;
    }
  }
  const Tensor& pixels() const { return pixels_; }

 private:
  Tensor pixels_;
  std::int64_t width_;
};

std::string caption_of(const Dataset& data, std::int64_t index) {
  if (!data.has_labels()) return {};
  const std::int64_t label = data.label(index);
  return data.class_names().empty() ? std::to_string(label) : data.class_names()[static_cast<std::size_t>(label)];
}

std::vector<std::string> captions_of(const Dataset& data, std::int64_t count) {
  std::vector<std::string> captions;
  for (std::int64_t i = 0; i < count; ++i) captions.push_back(caption_of(data, i));
  return captions;
}

struct Fitted {
  std::int64_t height, width;  // on the sheet
  std::int64_t scale;          // 1 also for what is made smaller
};
Fitted fitted(std::int64_t height, std::int64_t width) {
  const std::int64_t side = std::max(height, width);
  if (side <= kMaxSide) return {height * (kMaxSide / side), width * (kMaxSide / side), kMaxSide / side};
  const auto smaller = [&](std::int64_t length) { return std::max<std::int64_t>(1, length * kMaxSide / side); };
  return {smaller(height), smaller(width), 1};
}

// Each pixel the mean of those that it stands for. image: uint8 (h, w, c), at least as large as the result.
Tensor reduced(const Tensor& image, std::int64_t height, std::int64_t width) {
  const std::int64_t h = image.shape()[0], w = image.shape()[1], c = image.shape()[2];
  if (h == height && w == width) return image;
  Tensor result({height, width, c}, DType::kUInt8);
  const std::uint8_t* from = image.data<std::uint8_t>().data();
  std::uint8_t* to = result.data<std::uint8_t>().data();
  for (std::int64_t y = 0; y < height; ++y)
    for (std::int64_t x = 0; x < width; ++x)
      for (std::int64_t k = 0; k < c; ++k) {
        const std::int64_t top = y * h / height, bottom = (y + 1) * h / height, left = x * w / width,
                           right = (x + 1) * w / width;
        std::int64_t sum = 0;
        for (std::int64_t v = top; v < bottom; ++v)
          for (std::int64_t u = left; u < right; ++u) sum += from[(v * w + u) * c + k];
        const std::int64_t pixels = (bottom - top) * (right - left);
        *to++ = static_cast<std::uint8_t>((sum + pixels / 2) / pixels);
      }
  return result;
}

}  // namespace

bool has_images(const Dataset& data) {
  const Shape shape = data.sample_shape();
  const bool is_image = shape.rank() == 2 || (shape.rank() == 3 && (shape[2] == 1 || shape[2] == 3));
  return is_image && !data.empty() && shape.elements() > 0;
}

Tensor displayable(Tensor image) {
  if (image.shape().rank() == 2) image = image.reshape({image.shape()[0], image.shape()[1], 1});
  if (image.dtype() == DType::kUInt8) return image;
  Tensor scaled = image.clone();
  const auto values = scaled.data<float>();
  if (std::none_of(values.begin(), values.end(), [](float value) { return value > 1; }))
    for (float& value : values) value *= 255;
  return scaled.cast(DType::kUInt8);
}

Tensor contact_sheet(const Dataset& data, const ContactSheetOptions& options) {
  const Shape shape = data.sample_shape();
  if (!has_images(data))
    fail("contact_sheet", "expected images (h, w), (h, w, 1) or (h, w, 3). Got {} samples {}.", data.size(), to_string(shape));
  if (options.count <= 0 || options.columns <= 0)
    fail("contact_sheet", "count and columns must be positive. Got {} and {}.", options.count, options.columns);
  const std::int64_t count = std::min(options.count, data.size()), columns = std::min(options.columns, count);
  const std::int64_t rows = (count + columns - 1) / columns;
  constexpr std::int64_t kCaption = kGlyphHeight * kFontScale + kGap / 2;
  const std::vector<std::string> captions = captions_of(data, count);
  const auto letters = static_cast<std::int64_t>(std::ranges::max(captions, {}, &std::string::size).size());
  const auto [image_height, image_width, scale] = fitted(shape[0], shape[1]);
  const std::int64_t place = std::max(image_width, std::min(letters, kMaxLetters) * kAdvance);
  const std::int64_t cell_width = place + kGap, cell_height = image_height + kCaption + kGap;
  Sheet sheet(rows * cell_height + kGap, columns * cell_width + kGap);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t top = kGap + i / columns * cell_height, left = kGap + i % columns * cell_width;
    Tensor image = displayable(data.get(i).x);
    if (scale == 1) image = reduced(image, image_height, image_width);
    sheet.image(top, left + (place - image_width) / 2, image, scale);
    sheet.caption(top + image_height + kGap / 2, left, place, captions[static_cast<std::size_t>(i)]);
  }
  return sheet.pixels();
}

void write_contact_sheet(const Dataset& data, const std::filesystem::path& path, const ContactSheetOptions& options) {
  write_file_atomically(path, encode_png(contact_sheet(data, options)));
}

}  // namespace tutti
