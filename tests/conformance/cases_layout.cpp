#include <fmt/format.h>

#include "cases.h"

namespace tutti::conformance {
namespace {

using namespace op;

void add(std::vector<Case>& cases, std::string name, Op op, std::vector<Shape> shapes) {
  cases.push_back({std::move(name), std::move(op), [shapes](Draws& draw) {
                     std::vector<Tensor> inputs;
                     for (const Shape& shape : shapes) inputs.push_back(draw.normal(shape));
                     return inputs;
                   }});
}

}  // namespace

void add_layouts(std::vector<Case>& cases) {
  add(cases, "Pad_image", Pad{{0, 1, 2, 0}, {0, 3, 1, 0}}, {{2, 4, 5, 3}});
  add(cases, "Pad_rows", Pad{{1, 2}, {2, 0}}, {{3, 7}});
  add(cases, "Pad_nothing", Pad{{0, 0}, {0, 0}}, {{3, 7}});
  add(cases, "Slice_crop", Slice{{0, 1, 2, 0}, {2, 3, 4, 5}}, {{2, 6, 7, 5}});
  add(cases, "Slice_rows", Slice{{2, 0}, {3, 9}}, {{7, 9}});
  add(cases, "Slice_channels", Slice{{0, 0, 0, 3}, {2, 3, 3, 4}}, {{2, 3, 3, 9}});
  add(cases, "Slice_vector", Slice{{5}, {11}}, {{37}});
  add(cases, "Concat_channels", Concat{3}, {{2, 3, 4, 5}, {2, 3, 4, 7}});
  add(cases, "Concat_channels_three", Concat{3}, {{2, 3, 4, 5}, {2, 3, 4, 1}, {2, 3, 4, 8}});
  add(cases, "Concat_rows", Concat{0}, {{3, 7}, {5, 7}});
  add(cases, "Concat_middle", Concat{1}, {{2, 3, 4}, {2, 1, 4}});
  add(cases, "Upsample2D_2x2", Upsample2D{}, {{2, 3, 5, 7}});
  add(cases, "Upsample2D_3x1", Upsample2D{{3, 1}}, {{2, 4, 3, 2}});
  add(cases, "Upsample2DGrad_2x2", Upsample2DGrad{}, {{2, 6, 10, 7}});
  add(cases, "Upsample2DGrad_3x1", Upsample2DGrad{{3, 1}}, {{2, 12, 3, 2}});
  add(cases, "Reshape_flatten", Reshape{{2, 60}}, {{2, 4, 5, 3}});
  add(cases, "Reshape_scalar", Reshape{Shape{}}, {{1, 1}});
  add(cases, "Transpose_matrix", Transpose{{1, 0}}, {{5, 9}});
  add(cases, "Transpose_matrix_large", Transpose{{1, 0}}, {{67, 35}});
  add(cases, "Transpose_channels_first", Transpose{{0, 3, 1, 2}}, {{2, 4, 5, 3}});
  add(cases, "Transpose_channels_last", Transpose{{0, 2, 3, 1}}, {{2, 3, 4, 5}});
  add(cases, "Transpose_rotate", Transpose{{2, 0, 1}}, {{3, 4, 5}});
  add(cases, "Transpose_identity", Transpose{{0, 1, 2}}, {{3, 4, 5}});
}

}  // namespace tutti::conformance
