#include "tutti/engines/native/gemm.h"

#include <cstring>

#include "tutti/engines/native/isa/gemm.h"
#include "tutti/engines/native/kernels.h"

namespace tutti::native {
namespace {

// Depth of a block: a panel of B, 256 x 32 floats on AVX-512, is 32 KiB and stays in the L1 cache while the tiles of a column
// of C pass over it.
constexpr std::int64_t kDepth = 256;
// Rows of A in a block (128 KiB) and columns of B (512 KiB): together they leave room in an L2 cache of 1 MiB.
constexpr std::int64_t kBlockRows = 128;
constexpr std::int64_t kBlockColumns = 512;
// Multiply-adds below which waking the other threads costs more than it saves.
constexpr std::int64_t kSerialWork = 65536;
// Floats after each copied row of A, so that rows whose length is a power of two do not fall on the same cache sets.
constexpr std::int64_t kRowGap = 16;

struct Block {
  std::int64_t row, rows, column, columns, k, depth;
};

// Rows of one tile that lie a multiple of this many floats apart fall on the same sets of an L1 cache with 4 KiB a way, and
// more of them than it has ways throw each other out.
constexpr std::int64_t kAliasing = 1024;
// A copy of A pays where it is read by more panels of B than this.
constexpr std::int64_t kDirectPanels = 2;
// Rows of C up to which a product with transposed B is computed as the transposed product: then B, the large operand, is
// read as it lies, while packing it would cost as much as the product.
constexpr std::int64_t kFewRows = 64;

// Copies the block of A: rows of `depth` floats, or, transposed, `depth` rows of the block's columns. Returns the row stride.
std::int64_t copy_a(const GemmCall& call, const Block& block, float* copy) {
  const std::int64_t lines = call.transpose_a ? block.depth : block.rows;
  const std::int64_t length = call.transpose_a ? block.rows : block.depth;
  const float* source = call.transpose_a ? call.a + block.k * call.lda + block.row : call.a + block.row * call.lda + block.k;
  const std::int64_t stride = length + kRowGap;
  for (std::int64_t i = 0; i < lines; ++i)
    std::memcpy(copy + i * stride, source + i * call.lda, static_cast<std::size_t>(length) * sizeof(float));
  return stride;
}

// True if the tiles may read whole panels of B where they are: with one tile of rows there is nothing to gain from packing.
bool reads_b_directly(const GemmCall& call) { return !call.transpose_b && call.m <= gemm_isa().max_rows; }

void pack_b(const GemmCall& call, const Block& block, float* panels) {
  const std::int64_t width = gemm_isa().panel_width();
  const std::int64_t k_step = call.transpose_b ? 1 : call.ldb;
  const std::int64_t column_step = call.transpose_b ? call.ldb : 1;
  const std::int64_t first = reads_b_directly(call) ? block.columns / width * width : 0;
  for (std::int64_t j = first; j < block.columns; j += width) {
    const float* source = call.b + block.k * k_step + (block.column + j) * column_step;
    pack_panel(source, call.ldb, call.transpose_b, block.depth, std::min(width, block.columns - j), panels + j * block.depth,
               width);
  }
}

void multiply_block(const GemmCall& call, const Block& block, const float* a, std::int64_t a_stride, const float* panels) {
  const GemmIsa& isa = gemm_isa();
  const std::int64_t width = isa.panel_width();
  const Tap whole{0, block.depth};
  const std::int64_t tiles = ceil_div(block.rows, isa.max_rows);
  for (std::int64_t j = 0; j < block.columns; j += width) {
    const std::int64_t columns = std::min(width, block.columns - j);
    const auto vectors = ceil_div(columns, isa.lanes) - 1;
    const bool direct = columns == width && reads_b_directly(call);
    const float* panel = direct ? call.b + block.k * call.ldb + block.column + j : panels + j * block.depth;
    const std::int64_t pitch = direct ? call.ldb : width;
    // A whole line of bias is read: the edge gets a copy.
    alignas(64) float bias_line[64] = {};
    const float* bias = call.bias ? call.bias + block.column + j : nullptr;
    if (bias && columns < width) {
      std::copy_n(bias, columns, bias_line);
      bias = bias_line;
    }
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
      const auto [first, last] = share(block.rows, tile, tiles);
      float* c = call.c + (block.row + first) * call.ldc + block.column + j;
      if (call.transpose_a) {
        isa.outer[vectors][last - first - 1]({.a = a + first,
                                              .a_line_stride = 0,
                                              .a_k_stride = a_stride,
                                              .b = panel,
                                              .b_line_stride = 0,
                                              .b_k_stride = pitch,
                                              .lines = 1,
                                              .length = block.depth,
                                              .bias = bias,
                                              .accumulate = block.k > 0,
                                              .c = c,
                                              .c_row_stride = call.ldc,
                                              .columns = columns});
      } else {
        isa.dot[vectors][last - first - 1]({.a = a + first * a_stride,
                                            .a_row_stride = a_stride,
                                            .taps = &whole,
                                            .tap_count = 1,
                                            .b = panel,
                                            .b_row_stride = pitch,
                                            .bias = bias,
                                            .accumulate = block.k > 0,
                                            .c = c,
                                            .c_row_stride = call.ldc,
                                            .columns = columns});
      }
    }
  }
}

// True if the tiles may read A where it is.
bool reads_a_directly(const GemmCall& call) {
  return !call.transpose_a && call.lda % kAliasing != 0 && call.n <= kDirectPanels * gemm_isa().panel_width();
}

// One thread's rectangle of C.
void multiply_range(const GemmCall& call, std::int64_t row0, std::int64_t row1, std::int64_t column0, std::int64_t column1) {
  const std::int64_t width = gemm_isa().panel_width();
  float* panels = thread_scratch(Scratch::kPanels, kDepth * ceil_div(kBlockColumns, width) * width);
  const bool direct = reads_a_directly(call);
  float* a_copy = thread_scratch(Scratch::kRows, (kBlockRows + kRowGap) * (kDepth + kRowGap));
  for (std::int64_t column = column0; column < column1; column += kBlockColumns) {
    Block block{.column = column, .columns = std::min(kBlockColumns, column1 - column)};
    for (block.k = 0; block.k < call.k; block.k += kDepth) {
      block.depth = std::min(kDepth, call.k - block.k);
      pack_b(call, block, panels);
      for (block.row = row0; block.row < row1; block.row += kBlockRows) {
        block.rows = std::min(kBlockRows, row1 - block.row);
        if (direct) {
          multiply_block(call, block, call.a + block.row * call.lda + block.k, call.lda, panels);
        } else {
          const std::int64_t stride = copy_a(call, block, a_copy);
          multiply_block(call, block, a_copy, stride, panels);
        }
      }
    }
  }
}

// Parts along m of a grid of `threads` rectangles: the one in which a thread copies and packs least. Packing a panel of B
// reads and writes it, as does the copy of A, hence equal weights.
std::int64_t grid_rows(const GemmCall& call, std::int64_t threads, std::int64_t row_units, std::int64_t column_units) {
  std::int64_t best = 1, best_cost = -1;
  for (std::int64_t rows = 1; rows <= threads; ++rows) {
    if (threads % rows != 0 || rows > row_units || threads / rows > column_units) continue;
    const std::int64_t cost = call.m / rows + call.n / (threads / rows);
    if (best_cost < 0 || cost < best_cost) best = rows, best_cost = cost;
  }
  return best_cost >= 0 ? best : (row_units >= column_units ? threads : 1);
}

// C^T (n, m) = B A^T, then C.
void multiply_transposed(const GemmCall& call) {
  float* c = thread_scratch(Scratch::kImage, call.n * call.m);
  gemm({.m = call.n,
        .n = call.m,
        .k = call.k,
        .a = call.b,
        .lda = call.ldb,
        .transpose_a = false,
        .b = call.a,
        .ldb = call.lda,
        .transpose_b = true,
        .bias = nullptr,
        .c = c,
        .ldc = call.m});
  parallel_for(0, call.n, ceil_div(kStreamGrain, call.m), [&](std::int64_t begin, std::int64_t end) {
    gemm_isa().transpose(c + begin * call.m, call.m, end - begin, call.m, call.c + begin, call.ldc);
  });
}

}  // namespace

void pack_panel(const float* b, std::int64_t ldb, bool transposed, std::int64_t depth, std::int64_t columns, float* panel,
                std::int64_t pitch) {
  if (!transposed) return gemm_isa().copy_rows(b, ldb, depth, columns, panel, pitch);
  gemm_isa().transpose(b, ldb, columns, depth, panel, pitch);
  if (columns == pitch) return;
  for (std::int64_t k = 0; k < depth; ++k) std::fill(panel + k * pitch + columns, panel + (k + 1) * pitch, 0.0f);
}

void gemm(const GemmCall& call) {
  const GemmIsa& isa = gemm_isa();
  if (call.transpose_b && !call.transpose_a && !call.bias && call.m <= kFewRows && call.n > call.m)
    return multiply_transposed(call);
  const std::int64_t width = isa.panel_width();
  // Threads split C at whole tiles.
  const std::int64_t row_units = ceil_div(call.m, isa.max_rows), column_units = ceil_div(call.n, width);
  const std::int64_t threads = call.m * call.n * call.k <= kSerialWork ? 1 : num_threads();
  const std::int64_t parts_m = grid_rows(call, threads, row_units, column_units), parts_n = threads / parts_m;
  parallel_for(0, threads, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t part = begin; part < end; ++part) {
      const auto [row0, row1] = share(row_units, part / parts_n, parts_m);
      const auto [column0, column1] = share(column_units, part % parts_n, parts_n);
      multiply_range(call, row0 * isa.max_rows, std::min(call.m, row1 * isa.max_rows), column0 * width,
                     std::min(call.n, column1 * width));
    }
  });
}

void gemm_on_this_thread(const GemmCall& call) { multiply_range(call, 0, call.m, 0, call.n); }

Prepared prepare_op(const OpCall& call, const MatMul& op) {
  const Shape& a = call.inputs[0].shape;
  const Shape& b = call.inputs[1].shape;
  const Shape& y = call.outputs[0].shape;
  GemmCall gemm_call{.m = y[0],
                     .n = y[1],
                     .k = a[op.transpose_a ? 0 : 1],
                     .lda = a[1],
                     .transpose_a = op.transpose_a,
                     .ldb = b[1],
                     .transpose_b = op.transpose_b,
                     .ldc = y[1]};
  if (gemm_call.k == 0) return refuse("an inner extent of 0");
  return ready(kMatrixProduct, [gemm_call](Inputs in, Outputs out) mutable {
    gemm_call.a = in[0].as<float>();
    gemm_call.b = in[1].as<float>();
    gemm_call.bias = in.size() > 2 ? in[2].as<float>() : nullptr;
    gemm_call.c = out[0].as<float>();
    gemm(gemm_call);
  });
}

}  // namespace tutti::native
