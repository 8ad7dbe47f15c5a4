#include "tutti/kubernetes/cluster_file.h"

#include <nlohmann/json.hpp>

#include "tutti/base/files.h"

namespace tutti {

std::optional<RunCluster> cluster_of(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / "cluster.json";
  std::error_code code;
  if (!std::filesystem::exists(file, code)) return {};
  const auto json = nlohmann::json::parse(read_file(file, std::size_t{1} << 16), nullptr, false);
  const auto text = [&](const char* key) {
    return json.is_object() && json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : "";
  };
  return RunCluster{
      .kubectl = {.context = text("context"), .name_space = text("namespace")}, .job = text("job"), .id = text("id")};
}

void write_cluster(const std::filesystem::path& folder, const RunCluster& cluster) {
  const nlohmann::ordered_json json = {{"context", cluster.kubectl.context},
                                       {"namespace", cluster.kubectl.name_space},
                                       {"job", cluster.job},
                                       {"id", cluster.id}};
  write_file_atomically(folder / "cluster.json", json.dump(2) + "\n");
}

KubectlOptions cluster_of(const Spec& spec) {
  return {.context = spec.kubernetes.context, .name_space = spec.kubernetes.name_space};
}

}  // namespace tutti
