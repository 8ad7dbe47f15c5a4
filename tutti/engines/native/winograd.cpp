#include "tutti/engines/native/winograd.h"

#include <cstdlib>
#include <string_view>

#include "tutti/engines/native/isa/gemm.h"
#include "tutti/engines/native/winograd_tiles.h"

namespace tutti::native {
namespace {

// Channels below which the transforms cost more than the multiplications they save.
constexpr std::int64_t kMinChannels = 16;
// Floats of a block's transformed tiles: a third of an L2 cache of 1 MiB, with the transformed kernel beside them. On a busy
// Sapphire Rapids (2 MiB) training with 160 thousand was slower in the median of 10 turns (4 to 11 %), 240 thousand slower
// still; 48 thousand slower at batch 32 and equal at 128.
constexpr std::int64_t kBlockFloats = 88 * 1024;
// Tiles below which no register tile is filled, and the transformed kernel costs more than it saves.
constexpr std::int64_t kMinTiles = 14;
// Multiplications of the direct sum for one of Winograd's, where tiles hang over the edge of a small image: below this the
// transforms eat what is saved.
constexpr double kMinSaving = 1.5;

WinogradLayout layout_of(std::int64_t channels) { return {gemm_isa().max_rows, whole_vectors(channels)}; }

// Floats from one point of the transformed kernel to the next.
std::int64_t kernel_stride_of(const WinogradShape& shape) {
  const std::int64_t width = gemm_isa().panel_width();
  return ceil_div(shape.c_out, width) * width * shape.c_in + 16;  // see WinogradLayout
}

}  // namespace

bool winograd_allowed() {
  const char* precision = std::getenv("TUTTI_NATIVE_PRECISION");
  return !precision || precision != std::string_view("strict");
}

bool winograd_fits(const ConvAttributes& attributes, const Shape& kernel) {
  return kernel[0] == 3 && kernel[1] == 3 && attributes.strides == std::array{1, 1} &&
         attributes.dilations == std::array{1, 1} && attributes.groups == 1 && winograd_allowed();
}

bool winograd_pays(const Shape& kernel, const Shape& y) {
  if (kernel[2] < kMinChannels || kernel[3] < kMinChannels) return false;
  const std::int64_t tiles = y[0] * ceil_div(y[1], kWinogradOut) * ceil_div(y[2], kWinogradOut);
  const auto direct = static_cast<double>(9 * y[0] * y[1] * y[2]);
  return tiles >= kMinTiles && direct >= kMinSaving * static_cast<double>(kWinogradPoints * tiles);
}

WinogradShape winograd_shape(const ConvAttributes& attributes, const Shape& x, const Shape& y) {
  return {.n = x[0],
          .h = x[1],
          .w = x[2],
          .c_in = x[3],
          .o_h = y[1],
          .o_w = y[2],
          .c_out = y[3],
          .top = attributes.padding.top,
          .left = attributes.padding.left};
}

WinogradShape winograd_input_grad_shape(const ConvAttributes& attributes, const Shape& dx, const Shape& dy) {
  WinogradShape shape = winograd_shape(attributes, dy, dx);
  shape.top = 2 - attributes.padding.top;
  shape.left = 2 - attributes.padding.left;
  return shape;
}

WinogradConv::WinogradConv(const WinogradShape& shape, bool has_constant_kernel)
    : shape_(shape),
      c_out_padded_(whole_vectors(shape.c_out)),
      kernel_stride_(kernel_stride_of(shape)),
      transformed_(kWinogradPoints * kernel_stride_, has_constant_kernel),
      zeros_(Shape{whole_vectors(shape.c_in)}) {}

void WinogradConv::set_kernel(const float* kernel, bool transposed, bool changed) {
  kernel_ = transformed_.get(changed, [&](float* transformed) {
    if (!transposed) return transform_kernel(kernel, transformed);
    const std::int64_t slice = shape_.c_in * shape_.c_out;
    float* turned = thread_scratch(Scratch::kTurned, 9 * slice);
    parallel_for(0, 9, ceil_div(kStreamGrain, slice), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t cell = begin; cell < end; ++cell)
        gemm_isa().transpose(kernel + (8 - cell) * slice, shape_.c_in, shape_.c_out, shape_.c_in, turned + cell * slice,
                             shape_.c_out);
    });
    transform_kernel(turned, transformed);
  });
}

void WinogradConv::transform_kernel(const float* kernel, float* transformed) const {
  const std::int64_t width = gemm_isa().panel_width(), panels = ceil_div(shape_.c_out, width);
  const std::int64_t slice = shape_.c_in * shape_.c_out;
  parallel_for(0, shape_.c_in, ceil_div(kStreamGrain, 36 * shape_.c_out), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t c = begin; c < end; ++c) {
      for (std::int64_t panel = 0; panel < panels; ++panel) {
        std::array<const float*, 9> lines;
        for (std::size_t cell = 0; cell < lines.size(); ++cell)
          lines[cell] = kernel + static_cast<std::int64_t>(cell) * slice + c * shape_.c_out + panel * width;
        winograd_isa().kernel(lines.data(), std::min(width, shape_.c_out - panel * width),
                              transformed + (panel * shape_.c_in + c) * width, kernel_stride_);
      }
    }
  });
}

auto WinogradConv::transform_of(const float* x) const {
  return [this, x, outside = zeros_.data<float>().data()](std::int64_t index, float* v, std::int64_t stride) {
    const WinogradTile tile(shape_, index);
    const float* image = x + tile.image * shape_.h * shape_.w * shape_.c_in;
    const auto pixels = pixels_of<kWinogradIn>(image, shape_.h, shape_.w, shape_.c_in, tile.row - shape_.top,
                                               tile.column - shape_.left, outside);
    winograd_isa().input(pixels.data(), shape_.c_in, v, stride);
  };
}

void WinogradConv::run(const float* x, float* y, const WinogradEpilogue& epilogue) {
  for_each_block(transform_of(x), [&](const Block& block) { store(block, y, epilogue); });
}

void WinogradConv::run(const WinogradPooledGrad& x, float* y, const WinogradEpilogue& epilogue) {
  const float* outside = zeros_.data<float>().data();
  const auto store_block = [&](const Block& block) { store(block, y, epilogue); };
  const auto transform = [&]<int Odd>(std::integral_constant<int, Odd>) {
    return [&, this](std::int64_t index, float* v, std::int64_t stride) {
      const WinogradTile tile(shape_, index);
      const Windows<3 + Odd> windows(x, tile.image, shape_.c_in, (tile.row - shape_.top - Odd) / 2,
                                     (tile.column - shape_.left - Odd) / 2, outside);
      winograd_isa().unpooled_input[Odd]({windows.dy.data(), windows.code.data(), x.scale, shape_.c_in}, v, stride);
    };
  };
  if (shape_.top % 2 == 0) return for_each_block(transform(std::integral_constant<int, 0>()), store_block);
  for_each_block(transform(std::integral_constant<int, 1>()), store_block);
}

void WinogradConv::run_pooled(const float* x, float* y, const WinogradPooling& pooling) {
  for_each_block(transform_of(x), [&](const Block& block) { store_pooled(block, y, pooling); });
}

template <class Transform, class Store>
void WinogradConv::for_each_block(const Transform& transform, const Store& store_block) {
  const std::int64_t chunk = gemm_isa().max_rows, tiles = shape_.tiles(), chunks = ceil_div(tiles, chunk);
  const std::int64_t threads = num_threads(), channels = zeros_.elements() + c_out_padded_;
  // Equal blocks, as many for each thread.
  const std::int64_t blocks =
      std::min(ceil_div(ceil_div(chunks, winograd_block(chunk, channels, kBlockFloats)), threads) * threads, chunks);
  parallel_for(0, blocks, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t block = first; block < last; ++block) {
      const auto [begin, end] = share(chunks, block, blocks);
      store_block(make_block(begin * chunk, std::min(tiles, end * chunk), transform));
    }
  });
}

template <class Transform>
WinogradConv::Block WinogradConv::make_block(std::int64_t begin, std::int64_t end, const Transform& transform) {
  const std::int64_t tiles = end - begin;
  const WinogradLayout in = layout_of(shape_.c_in), out = layout_of(shape_.c_out);
  float* v = thread_scratch(Scratch::kTransformed, in.floats(tiles));
  float* m = thread_scratch(Scratch::kProducts, out.floats(tiles));
  for (std::int64_t i = 0; i < tiles; ++i) transform(begin + i, v + in.offset(i), in.point_stride());
  multiply(tiles, v, m);
  return {begin, end, m};
}

void WinogradConv::store(const Block& block, float* y, const WinogradEpilogue& epilogue) const {
  const WinogradLayout layout = layout_of(shape_.c_out);
  WinogradOutput output{.stride = layout.point_stride(),
                        .row_stride = shape_.y_w * shape_.c_out,
                        .pixel_stride = shape_.c_out,
                        .bias = epilogue.bias,
                        .relu = epilogue.relu,
                        .channels = shape_.c_out};
  for (std::int64_t i = block.begin; i < block.end; ++i) {
    const WinogradTile tile(shape_, i);
    const std::int64_t at = ((tile.image * shape_.y_h + tile.row) * shape_.y_w + tile.column) * shape_.c_out;
    output.m = block.m + layout.offset(i - block.begin);
    output.y = y + at;
    output.gate = epilogue.gate ? epilogue.gate + at : nullptr;
    output.rows = static_cast<int>(std::min<std::int64_t>(kWinogradOut, shape_.o_h - tile.row));
    output.columns = static_cast<int>(std::min<std::int64_t>(kWinogradOut, shape_.o_w - tile.column));
    winograd_isa().output(output);
  }
}

void WinogradConv::store_pooled(const Block& block, float* y, const WinogradPooling& pooling) const {
  const std::int64_t p_h = shape_.o_h / 2, p_w = shape_.o_w / 2;
  const WinogradLayout layout = layout_of(shape_.c_out);
  WinogradPooledOutput output{.stride = layout.point_stride(),
                              .drops = pooling.drops,
                              .scale = pooling.scale,
                              .row_stride = p_w * shape_.c_out,
                              .pixel_stride = shape_.c_out,
                              .bias = pooling.bias,
                              .channels = shape_.c_out};
  for (std::int64_t i = block.begin; i < block.end; ++i) {
    const WinogradTile tile(shape_, i);
    const std::int64_t row = tile.row / 2, column = tile.column / 2;
    const std::int64_t at = ((tile.image * p_h + row) * p_w + column) * shape_.c_out;
    output.m = block.m + layout.offset(i - block.begin);
    output.y = y + at;
    output.code = pooling.code ? pooling.code + at : nullptr;
    output.rows = static_cast<int>(std::min<std::int64_t>(kWinogradOut / 2, p_h - row));
    output.columns = static_cast<int>(std::min<std::int64_t>(kWinogradOut / 2, p_w - column));
    winograd_isa().pooled_output(output);
  }
}

// m = v * kernel (points, c_in, c_out), point by point.
void WinogradConv::multiply(std::int64_t tiles, const float* v, float* m) const {
  const GemmIsa& isa = gemm_isa();
  const std::int64_t width = isa.panel_width();
  const WinogradLayout in = layout_of(shape_.c_in), out = layout_of(shape_.c_out);
  const Tap whole{0, shape_.c_in};
  DotTile tile{.a_row_stride = in.channels,
               .taps = &whole,
               .tap_count = 1,
               .b_row_stride = width,
               .bias = nullptr,
               .accumulate = false,
               .c_row_stride = out.channels};
  for (int point = 0; point < kWinogradPoints; ++point) {
    tile.b = kernel_ + point * kernel_stride_;
    for (std::int64_t column = 0; column < out.channels; column += width) {
      tile.columns = std::min(width, out.channels - column);
      const auto vectors = tile.columns / isa.lanes - 1;
      for (std::int64_t first = 0; first < tiles; first += in.chunk) {
        tile.a = v + in.offset(first) + point * in.point_stride();
        tile.c = m + out.offset(first) + point * out.point_stride() + column;
        isa.dot[vectors][std::min(in.chunk, tiles - first) - 1](tile);
      }
      tile.b += shape_.c_in * width;
    }
  }
}

}  // namespace tutti::native
