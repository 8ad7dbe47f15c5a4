// Window geometry that convolution and pooling share.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>

#include "tutti/base/error.h"
#include "tutti/graph/op.h"
#include "tutti/nn/layer.h"

namespace tutti {

struct Window {
  std::array<int, 2> size, strides, dilations{1, 1};
  bool same = false;  // padding
};

// Error in the name of `layer` unless size, strides and dilations are positive and the padding is known. The bound on a
// window's reach, far beyond any image, keeps sums of extents and paddings within an int.
inline void check_window(std::string_view layer, const Window& window, std::string_view padding) {
  constexpr std::int64_t kMaxReach = std::int64_t{1} << 30;
  for (std::size_t at = 0; at < 2; ++at) {
    if (window.size[at] < 1 || window.strides[at] < 1 || window.dilations[at] < 1)
      fail(layer, "window, strides and dilation must be positive. Got a window of {}x{}, strides {}x{}, dilation {}x{}.",
           window.size[0], window.size[1], window.strides[0], window.strides[1], window.dilations[0], window.dilations[1]);
    if (std::int64_t{window.size[at]} * window.dilations[at] > kMaxReach || window.strides[at] > kMaxReach)
      fail(layer, "a window of {}x{}, dilated {}x{}, with strides {}x{}, is too large.", window.size[0], window.size[1],
           window.dilations[0], window.dilations[1], window.strides[0], window.strides[1]);
  }
  if (padding != "same" && padding != "valid") fail(layer, "padding must be valid or same. Got {}.", padding);
}

// Output extent of one axis; Keras's rule: same is ceil(in / stride), valid counts whole windows.
inline std::int64_t window_output(const Window& window, int axis, std::int64_t in) {
  const auto at = static_cast<std::size_t>(axis);
  const std::int64_t reach = std::int64_t{window.size[at] - 1} * window.dilations[at] + 1;
  if (window.same) return (in + window.strides[at] - 1) / window.strides[at];
  return in < reach ? 0 : (in - reach) / window.strides[at] + 1;
}

// TensorFlow's split of same padding: the odd row or column goes to the bottom and right.
inline op::Padding2D window_padding(const Window& window, std::int64_t h, std::int64_t w) {
  if (!window.same) return {};
  const auto total = [&](int axis, std::int64_t in) {
    const auto at = static_cast<std::size_t>(axis);
    const std::int64_t reach = std::int64_t{window.size[at] - 1} * window.dilations[at] + 1;
    return static_cast<int>(std::max<std::int64_t>(0, (window_output(window, axis, in) - 1) * window.strides[at] + reach - in));
  };
  const int rows = total(0, h), columns = total(1, w);
  return {rows / 2, rows - rows / 2, columns / 2, columns - columns / 2};
}

// (n, h, w, c) -> (n, o_h, o_w, filters). Error in the name of `layer` if nothing is left.
inline Shape window_output_shape(std::string_view layer, const Window& window, const Shape& input, std::int64_t filters) {
  if (input.rank() != 4) fail(layer, "expected images (batch, height, width, channels). Got shape {}.", to_string(input));
  const std::int64_t h = window_output(window, 0, input[1]), w = window_output(window, 1, input[2]);
  if (h <= 0 || w <= 0)
    fail(layer, "a window of {}x{} does not fit into an input of shape {}.", window.size[0], window.size[1], to_string(input));
  return {input[0], h, w, filters};
}

inline const Shape& only_input(std::string_view layer, std::span<const Shape> inputs) {
  if (inputs.size() != 1) fail(layer, "expected one input. Got {}.", inputs.size());
  return inputs[0];
}

// The layer's name if it has one, else its class: for messages.
template <class L>
std::string label_of(const L& layer) {
  return layer.name.empty() ? layer.class_name() : fmt::format("{} {}", layer.class_name(), layer.name);
}

}  // namespace tutti
