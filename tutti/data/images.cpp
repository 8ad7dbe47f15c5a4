#include "tutti/data/images.h"

#include <cstdio>
// jpeglib.h needs FILE and size_t declared before it.
#include <jerror.h>
#include <jpeglib.h>
#include <png.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <csetjmp>
#include <vector>

#include "tutti/base/error.h"

namespace tutti {
namespace {

constexpr std::int64_t kMaxPixels = std::int64_t{1} << 26;

void check_size(std::int64_t height, std::int64_t width, std::string_view name) {
  if (height <= 0 || width <= 0 || height > kMaxPixels / width)
    fail("image", "{} is too large. Expected at most {} pixels. Got {} x {}.", name, kMaxPixels, width, height);
}

// libjpeg reports errors by a function that must not return. It jumps back to start() or read(), which therefore hold
// nothing with a destructor.
class JpegDecoder {
 public:
  JpegDecoder() {
    info_.err = jpeg_std_error(&errors_.base);
    errors_.base.error_exit = [](j_common_ptr info) {
      auto* errors = reinterpret_cast<Errors*>(info->err);
      info->err->format_message(info, errors->text);
      std::longjmp(errors->back, 1);
    };
    errors_.base.emit_message = [](j_common_ptr info, int level) {
      // libjpeg makes up what is missing; these warnings say that it did.
      static constexpr std::array kDamage = {JWRN_JPEG_EOF, JWRN_HIT_MARKER, JWRN_HUFF_BAD_CODE, JWRN_BOGUS_PROGRESSION};
      if (level >= 0 || std::find(kDamage.begin(), kDamage.end(), info->err->msg_code) == kDamage.end()) return;
      info->err->error_exit(info);
    };
  }
  ~JpegDecoder() { jpeg_destroy_decompress(&info_); }
  JpegDecoder(const JpegDecoder&) = delete;
  JpegDecoder& operator=(const JpegDecoder&) = delete;

  // Reads the header. False: see message().
  bool start(std::string_view bytes, int channels) {
    if (setjmp(errors_.back)) return false;
    jpeg_create_decompress(&info_);
    jpeg_mem_src(&info_, reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<unsigned long>(bytes.size()));
    jpeg_read_header(&info_, TRUE);
    info_.out_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    return true;
  }
  std::int64_t height() const { return info_.image_height; }
  std::int64_t width() const { return info_.image_width; }
  // Decodes to `to` (h, w, channels). False: see message().
  bool read(unsigned char* to) {
    if (setjmp(errors_.back)) return false;
    jpeg_start_decompress(&info_);
    const std::size_t stride = static_cast<std::size_t>(info_.output_width) * static_cast<std::size_t>(info_.output_components);
    while (info_.output_scanline < info_.output_height) {
      JSAMPROW row = to + info_.output_scanline * stride;
      jpeg_read_scanlines(&info_, &row, 1);
    }
    jpeg_finish_decompress(&info_);
    return true;
  }
  const char* message() const { return errors_.text; }

 private:
  struct Errors {
    jpeg_error_mgr base;  // first: libjpeg hands out a pointer to it
    std::jmp_buf back;
    char text[JMSG_LENGTH_MAX] = {};
  };
  jpeg_decompress_struct info_{};
  Errors errors_;
};

Tensor decode_jpeg(std::string_view bytes, std::string_view name, int channels) {
  JpegDecoder decoder;
  if (!decoder.start(bytes, channels)) fail("image", "{} is damaged: {}.", name, decoder.message());
  check_size(decoder.height(), decoder.width(), name);
  Tensor image({decoder.height(), decoder.width(), channels}, DType::kUInt8);
  if (!decoder.read(static_cast<unsigned char*>(image.raw()))) fail("image", "{} is damaged: {}.", name, decoder.message());
  return image;
}

// libpng's simplified interface; its control structure must be freed on every way out.
struct PngImage : png_image {
  PngImage() : png_image{} { version = PNG_IMAGE_VERSION; }
  ~PngImage() { png_image_free(this); }
  PngImage(const PngImage&) = delete;
  PngImage& operator=(const PngImage&) = delete;
};

Tensor decode_png(std::string_view bytes, std::string_view name, int channels) {
  PngImage png;
  if (!png_image_begin_read_from_memory(&png, bytes.data(), bytes.size()))
    fail("image", "{} is damaged: {}.", name, png.message);
  check_size(png.height, png.width, name);
  // Read with alpha and drop it: without, libpng would blend the image with a background.
  png.format = channels == 1 ? PNG_FORMAT_GA : PNG_FORMAT_RGBA;
  png.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
  std::vector<unsigned char> pixels(PNG_IMAGE_SIZE(png));
  Tensor image({png.height, png.width, channels}, DType::kUInt8);
  if (!png_image_finish_read(&png, nullptr, pixels.data(), 0, nullptr)) fail("image", "{} is damaged: {}.", name, png.message);
  auto* to = static_cast<unsigned char*>(image.raw());
  const unsigned char* from = pixels.data();
  for (std::int64_t i = 0; i < image.elements(); i += channels, from += channels + 1) to = std::copy(from, from + channels, to);
  return image;
}

}  // namespace

Tensor decode_image(std::string_view bytes, std::string_view name, int channels) {
  if (channels != 1 && channels != 3) fail("image", "channels must be 1 or 3. Got {}.", channels);
  if (bytes.starts_with("\xFF\xD8")) return decode_jpeg(bytes, name, channels);
  if (bytes.starts_with("\x89PNG")) return decode_png(bytes, name, channels);
  fail("image", "{} is neither JPEG nor PNG.", name);
}

Tensor resize_image(const Tensor& image, std::int64_t height, std::int64_t width) {
  if (image.shape().rank() != 3 || image.empty() || height <= 0 || width <= 0)
    fail("image", "cannot resize {} to {} x {}.", to_string(image.type()), width, height);
  const std::int64_t h = image.shape()[0], w = image.shape()[1], c = image.shape()[2];
  Tensor result({height, width, c}, DType::kUInt8);
  const auto from = image.data<std::uint8_t>();
  auto* to = result.data<std::uint8_t>().data();
  // The two neighbours of a target position along one axis, and the weight of the second.
  struct Place {
    std::int64_t first, second;
    float part;
  };
  const auto place = [](std::int64_t i, std::int64_t old_size, std::int64_t new_size) -> Place {
    const float at = (static_cast<float>(i) + 0.5f) * static_cast<float>(old_size) / static_cast<float>(new_size) - 0.5f;
    const float floor = std::floor(at);
    const auto low = static_cast<std::int64_t>(floor);
    return {std::clamp<std::int64_t>(low, 0, old_size - 1), std::clamp<std::int64_t>(low + 1, 0, old_size - 1), at - floor};
  };
  const auto pixel = [&](std::int64_t y, std::int64_t x, std::int64_t k) {
    return static_cast<float>(from[static_cast<std::size_t>((y * w + x) * c + k)]);
  };
  for (std::int64_t y = 0; y < height; ++y) {
    const Place row = place(y, h, height);
    for (std::int64_t x = 0; x < width; ++x) {
      const Place column = place(x, w, width);
      for (std::int64_t k = 0; k < c; ++k) {
        const float top = std::lerp(pixel(row.first, column.first, k), pixel(row.first, column.second, k), column.part);
        const float bottom = std::lerp(pixel(row.second, column.first, k), pixel(row.second, column.second, k), column.part);
        *to++ = static_cast<std::uint8_t>(std::lerp(top, bottom, row.part) + 0.5f);
      }
    }
  }
  return result;
}

std::string encode_png(const Tensor& image) {
  const Shape& shape = image.shape();
  if (image.dtype() != DType::kUInt8 || shape.rank() != 3 || image.empty() || (shape[2] != 1 && shape[2] != 3))
    fail("png", "expected uint8 (h, w, 1) or (h, w, 3). Got {}.", to_string(image.type()));
  PngImage png;
  png.height = static_cast<png_uint_32>(shape[0]);
  png.width = static_cast<png_uint_32>(shape[1]);
  png.format = shape[2] == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png);
  std::string bytes(size, '\0');
  if (!png_image_write_to_memory(&png, bytes.data(), &size, 0, image.raw(), 0, nullptr))
    fail("png", "cannot encode: {}.", png.message);
  bytes.resize(size);
  return bytes;
}

}  // namespace tutti
