// The transpose of Winograd's convolution: dkernel = G^T [sum over tiles of (B^T x B) * (A dy A^T)] G.
#include "tutti/engines/native/isa/elementwise.h"
#include "tutti/engines/native/isa/gemm.h"
#include "tutti/engines/native/winograd_tiles.h"

namespace tutti::native {
namespace {

// Parts of the sum that threads may compute at once. They depend on the shape alone, so that the order of summation does too:
// results are the same on any number of threads. A part is worth its share of the final sum if it has enough tiles, and there
// are few of them where kernels are large.
std::int64_t parts_of(const WinogradShape& shape) {
  constexpr std::int64_t kFewest = 4, kMost = 16, kTiles = 64, kFloats = 1 << 20;
  const std::int64_t most = std::clamp(kFloats / (9 * shape.c_in * shape.c_out), kFewest, kMost);
  return std::clamp<std::int64_t>(shape.tiles() / kTiles, 1, most);
}

// Tiles whose products a register tile adds up before it goes to the next chunk.
constexpr std::int64_t kChunk = 16;
// Floats of a block's transformed tiles. More than a convolution's: each block loads and stores the whole transformed gradient.
constexpr std::int64_t kBlockFloats = 160 * 1024;

// Floats from one point of the transformed gradient to the next; see WinogradLayout.
std::int64_t products_stride(std::int64_t c_in, std::int64_t c_out) { return c_in * c_out + 16; }

// Clears the tiles [tiles, next whole chunk).
void clear_rest(const WinogradLayout& layout, std::int64_t tiles, float* data) {
  const std::int64_t rest = (layout.chunk - tiles % layout.chunk) % layout.chunk;
  if (rest == 0) return;
  for (int point = 0; point < kWinogradPoints; ++point)
    std::fill_n(data + layout.offset(tiles) + point * layout.point_stride(), rest * layout.channels, 0.0f);
}

}  // namespace

WinogradKernelGrad::WinogradKernelGrad(const WinogradShape& shape)
    : shape_(shape),
      c_in_padded_(whole_vectors(shape.c_in)),
      c_out_padded_(whole_vectors(shape.c_out)),
      block_(winograd_block(kChunk, c_in_padded_ + c_out_padded_, kBlockFloats)),
      parts_(parts_of(shape)),
      partial_biases_(Shape{parts_, c_out_padded_}),
      zeros_(Shape{std::max(c_in_padded_, c_out_padded_)}) {}

void WinogradKernelGrad::run(const float* x, const float* dy, float* dkernel, float* dbias) {
  const auto transform_dy = [this, dy, outside = zeros_.data<float>().data()](std::int64_t index, float* v, std::int64_t stride,
                                                                              float* sums) {
    const WinogradTile tile(shape_, index);
    const float* image = dy + tile.image * shape_.y_h * shape_.y_w * shape_.c_out;
    const auto pixels = pixels_of<kWinogradOut>(image, shape_.y_h, shape_.y_w, shape_.c_out, tile.row, tile.column, outside);
    winograd_isa().output_grad(pixels.data(), shape_.c_out, v, stride, sums);
  };
  run_parts(x, transform_dy, dkernel, dbias);
}

void WinogradKernelGrad::run(const float* x, const WinogradPooledGrad& dy, float* dkernel, float* dbias) {
  const auto transform_dy = [this, &dy, outside = zeros_.data<float>().data()](std::int64_t index, float* v,
                                                                               std::int64_t stride, float* sums) {
    const WinogradTile tile(shape_, index);
    const Windows<2> windows(dy, tile.image, shape_.c_out, tile.row / 2, tile.column / 2, outside);
    winograd_isa().unpooled_output_grad({windows.dy.data(), windows.code.data(), dy.scale, shape_.c_out}, v, stride, sums);
  };
  run_parts(x, transform_dy, dkernel, dbias);
}

template <class TransformDy>
void WinogradKernelGrad::run_parts(const float* x, const TransformDy& transform_dy, float* dkernel, float* dbias) {
  partial_kernels_ = thread_scratch(Scratch::kPartials, parts_ * 9 * shape_.c_in * shape_.c_out);
  parallel_for(0, parts_, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t part = begin; part < end; ++part) run_part(part, x, transform_dy);
  });
  add_parts(dkernel, dbias);
}

template <class TransformDy>
void WinogradKernelGrad::run_part(std::int64_t part, const float* x, const TransformDy& transform_dy) {
  const std::int64_t tiles = shape_.tiles(), chunks = ceil_div(tiles, kChunk);
  const auto [begin, end] = share(chunks, part, parts_);
  const std::int64_t blocks = ceil_div(end - begin, block_), stride = products_stride(shape_.c_in, c_out_padded_);
  float* products = thread_scratch(Scratch::kProducts, kWinogradPoints * stride);
  float* bias_sums = partial_biases_.data<float>().data() + part * c_out_padded_;
  std::fill_n(bias_sums, c_out_padded_, 0.0f);
  for (std::int64_t block = 0; block < blocks; ++block) {
    const auto [first, last] = share(end - begin, block, blocks);
    add_block((begin + first) * kChunk, std::min(tiles, (begin + last) * kChunk), x, transform_dy, block == 0, products,
              bias_sums);
  }
  const std::int64_t slice = shape_.c_in * shape_.c_out;
  float* partial = partial_kernels_ + part * 9 * slice;
  for (std::int64_t c = 0; c < shape_.c_in; ++c) {
    std::array<float*, 9> lines;
    for (std::size_t cell = 0; cell < lines.size(); ++cell)
      lines[cell] = partial + static_cast<std::int64_t>(cell) * slice + c * shape_.c_out;
    winograd_isa().kernel_grad(products + c * c_out_padded_, stride, shape_.c_out, lines.data());
  }
}

template <class TransformDy>
void WinogradKernelGrad::add_block(std::int64_t begin, std::int64_t end, const float* x, const TransformDy& transform_dy,
                                   bool first, float* products, float* bias_sums) {
  const std::int64_t tiles = end - begin;
  const WinogradLayout in{kChunk, c_in_padded_}, out{kChunk, c_out_padded_};
  float* x_tiles = thread_scratch(Scratch::kTransformed, in.floats(tiles));
  float* dy_tiles = thread_scratch(Scratch::kTransformedGrad, out.floats(tiles));
  const float* outside = zeros_.data<float>().data();
  for (std::int64_t i = 0; i < tiles; ++i) {
    const WinogradTile tile(shape_, begin + i);
    const float* x_image = x + tile.image * shape_.h * shape_.w * shape_.c_in;
    const auto x_pixels = pixels_of<kWinogradIn>(x_image, shape_.h, shape_.w, shape_.c_in, tile.row - shape_.top,
                                                 tile.column - shape_.left, outside);
    winograd_isa().input(x_pixels.data(), shape_.c_in, x_tiles + in.offset(i), in.point_stride());
    transform_dy(begin + i, dy_tiles + out.offset(i), out.point_stride(), bias_sums);
  }
  clear_rest(in, tiles, x_tiles);
  clear_rest(out, tiles, dy_tiles);
  multiply(ceil_div(tiles, kChunk), x_tiles, dy_tiles, first, products);
}

// products (+)= x_tiles^T * dy_tiles, point by point.
void WinogradKernelGrad::multiply(std::int64_t chunks, const float* x_tiles, const float* dy_tiles, bool first,
                                  float* products) const {
  const GemmIsa& isa = gemm_isa();
  const WinogradLayout in{kChunk, c_in_padded_}, out{kChunk, c_out_padded_};
  const std::int64_t row_tiles = ceil_div(shape_.c_in, isa.max_rows);
  OuterTile tile{.a_line_stride = in.chunk_stride(),
                 .a_k_stride = in.channels,
                 .b_line_stride = out.chunk_stride(),
                 .b_k_stride = out.channels,
                 .lines = chunks,
                 .length = kChunk,
                 .bias = nullptr,
                 .accumulate = !first,
                 .c_row_stride = out.channels};
  for (int point = 0; point < kWinogradPoints; ++point) {
    float* sums = products + point * products_stride(shape_.c_in, out.channels);
    for (std::int64_t column = 0; column < out.channels; column += isa.panel_width()) {
      tile.columns = std::min(isa.panel_width(), out.channels - column);
      tile.b = dy_tiles + point * out.point_stride() + column;
      for (std::int64_t t = 0; t < row_tiles; ++t) {
        const auto [row, last] = share(shape_.c_in, t, row_tiles);
        tile.a = x_tiles + point * in.point_stride() + row;
        tile.c = sums + row * out.channels + column;
        isa.outer[tile.columns / isa.lanes - 1][last - row - 1](tile);
      }
    }
  }
}

void WinogradKernelGrad::add_parts(float* dkernel, float* dbias) const {
  const std::int64_t size = 9 * shape_.c_in * shape_.c_out;
  const float* partials = partial_kernels_;
  const auto add = elementwise_isa().binary[static_cast<std::size_t>(BinaryKind::kAdd)];
  stream(size, [&](std::int64_t begin, std::int64_t end) {
    std::copy(partials + begin, partials + end, dkernel + begin);
    for (std::int64_t part = 1; part < parts_; ++part)
      add(dkernel + begin, partials + part * size + begin, dkernel + begin, end - begin);
  });
  if (!dbias) return;
  const float* biases = partial_biases_.data<float>().data();
  for (std::int64_t c = 0; c < shape_.c_out; ++c) {
    double sum = 0;
    for (std::int64_t part = 0; part < parts_; ++part) sum += biases[part * c_out_padded_ + c];
    dbias[c] = static_cast<float>(sum);
  }
}

}  // namespace tutti::native
