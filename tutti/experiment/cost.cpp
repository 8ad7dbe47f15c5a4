#include "tutti/experiment/cost.h"

#include <chrono>

#include "tutti/base/error.h"
#include "tutti/base/philox.h"
#include "tutti/experiment/member.h"
#include "tutti/experiment/model_file.h"
#include "tutti/experiment/outcome.h"
#include "tutti/graph/cost.h"

namespace tutti {
namespace {

Shape with_batch(const Shape& shape, std::int64_t batch) {
  std::vector<std::int64_t> extents = shape.extents();
  extents[0] = batch;
  return Shape(extents);
}

// Pixels from 0 to 255.
Tensor random_images(const Shape& shape) {
  Tensor images(shape);
  const Philox random(0, stream_of("cost"));
  const auto values = images.data<float>();
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = 255 * random.uniform(i);
  return images;
}

}  // namespace

MemberCost measure_cost(const Member& member, double seconds) {
  using Clock = std::chrono::steady_clock;
  if (member.kind() != MemberKind::kFit) fail("cost", "{} is not trained by tutti.", member.name);
  const FitSpec& fit = member.spec.fit;
  Model model = model_from_file(member.spec.model);
  model.compile(compile_options(fit));
  MemberCost cost{.parameters = model.count_params()};
  cost.flops = flops_of(model.training_graph(fit.batch_size)) / fit.batch_size;
  const auto& nodes = model.nodes();
  const Shape input = with_batch(nodes[static_cast<std::size_t>(model.input_nodes().front())].shape, fit.batch_size);
  const Shape output = with_batch(nodes[static_cast<std::size_t>(model.output_nodes().front())].shape, fit.batch_size);
  const Tensor x = random_images(input);
  const Tensor y = model.compiled().loss->is_sparse() ? Tensor(Shape{fit.batch_size}, DType::kInt32) : Tensor(output);
  model.train_on_batch(x, y);  // compiles, and fills caches
  int steps = 0;
  const auto begin = Clock::now();
  double elapsed = 0;
  while (steps == 0 || elapsed < seconds) {
    model.train_on_batch(x, y);
    ++steps;
    elapsed = std::chrono::duration<double>(Clock::now() - begin).count();
  }
  cost.images_per_second = static_cast<double>(steps) * fit.batch_size / elapsed;
  cost.peak_memory = peak_memory();
  return cost;
}

}  // namespace tutti
