// The plug-in's entry: all that is seen of it outside.
#include "tutti/base/error.h"
#include "tutti/engines/engines.h"
#include "tutti/engines/onednn/program.h"

namespace tutti::onednn {
namespace {

class OneDnnEngine final : public Engine {
 public:
  std::string_view name() const override { return "onednn"; }
  Prepared prepare(const OpCall& call) override { return prepare_op(call); }
  std::unique_ptr<Program> compile(const Graph& graph, Program* sharing) override { return compile_graph(graph, sharing); }
};

EngineInfo info() {
  const dnnl_version_t* version = dnnl_version();
  return {.name = "onednn",
          .version = fmt::format("{}.{}.{}", version->major, version->minor, version->patch),
          .devices = {"cpu"},
          .available = true,
          .reason = ""};
}

std::shared_ptr<Engine> make(std::string_view device) {
  if (!device.empty() && device != "cpu") fail("onednn", "there is no such device. Expected cpu. Got {}.", device);
  return std::make_shared<OneDnnEngine>();
}

}  // namespace
}  // namespace tutti::onednn

extern "C" __attribute__((visibility("default"))) const tutti::EnginePlugin* tutti_engine_plugin() {
  static const tutti::EnginePlugin plugin{tutti::kPluginVersion, &tutti::onednn::info, &tutti::onednn::make};
  return &plugin;
}
