// The `kubernetes` section of a spec.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "tutti/experiment/spec_sections.h"
#include "tutti/experiment/yaml_json.h"

namespace tutti {
namespace {

void check_absolute(const YamlMap& map, const char* key, const std::string& path) {
  if (!path.starts_with('/')) map.refuse(key, "must be an absolute path. Got '{}'.", path);
}

// `hostPath: /srv` or `hostPath: {path: /srv}`, as Kubernetes has it.
std::string read_source(YamlMap& storage, const char* kind, const char* key) {
  std::string source;
  const YAML::Node node = storage.child(kind);
  if (node.IsScalar()) return node.Scalar();
  YamlMap map(node, storage.source(), storage.path_of(kind));
  map.read(key, source);
  map.finish();
  return source;
}

KubernetesStorage read_storage(YamlMap& kubernetes) {
  KubernetesStorage storage;
  const YAML::Node node = kubernetes.child("storage");
  if (!node.IsDefined() || node.IsNull()) return storage;
  YamlMap map(node, kubernetes.source(), "kubernetes.storage");
  std::string mount;
  int kinds = 0;
  for (const char* kind : {"hostPath", "nfs", "persistentVolumeClaim"}) {
    const YAML::Node volume = map.child(kind);
    if (!volume.IsDefined() || volume.IsNull()) continue;
    storage.kind = kind;
    ++kinds;
  }
  if (map.read("mountPath", mount)) check_absolute(map, "mountPath", mount);
  map.finish();
  if (kinds != 1)
    kubernetes.refuse("storage", "expected one of hostPath, nfs and persistentVolumeClaim. Got {}.",
                      kinds == 0 ? "none" : "several");
  if (storage.kind == "hostPath") {
    storage.source = read_source(map, "hostPath", "path");
    check_absolute(map, "hostPath", storage.source);
    if (mount.empty()) mount = storage.source;
  } else if (storage.kind == "nfs") {
    YamlMap nfs(map.child("nfs"), map.source(), "kubernetes.storage.nfs");
    nfs.read("server", storage.server);
    nfs.read("path", storage.source);
    nfs.finish();
    if (storage.server.empty()) map.refuse("nfs", "expected {{server: NAME, path: /export}}. Got no server.");
    check_absolute(nfs, "path", storage.source);
  } else {
    storage.source = read_source(map, "persistentVolumeClaim", "claimName");
    if (storage.source.empty()) map.refuse("persistentVolumeClaim", "expected the claim's name.");
  }
  storage.mount = mount.empty() ? "/mnt/tutti" : mount;
  storage.mount = storage.mount.lexically_normal();
  if (storage.mount.filename().empty() && storage.mount != "/") storage.mount = storage.mount.parent_path();  // "/srv/"
  if (storage.mount == "/" || storage.mount == "/tmp")
    map.refuse("mountPath", "must be a folder of its own. Got '{}'.", storage.mount.string());
  return storage;
}

Json object_at(YamlMap& map, const char* key) {
  const YAML::Node node = map.child(key);
  if (!node.IsDefined() || node.IsNull()) return nullptr;
  if (!node.IsMap()) map.refuse(key, "must be a mapping, as Kubernetes takes it.");
  return json_of_yaml(node);
}

std::string read_resources(YamlMap& map) {
  const Json resources = object_at(map, "resources");
  if (resources.is_null()) return "";
  for (const auto& [key, amounts] : resources.items())
    if ((key != "requests" && key != "limits") || !amounts.is_object())
      map.refuse("resources", "expected {{requests: {{cpu: 1, memory: 1Gi}}, limits: {{...}}}}. Got '{}'.", key);
  return resources.dump();
}

// Labels are texts: `gpu: true` means "true".
std::string read_node_selector(YamlMap& map) {
  const YAML::Node node = map.child("nodeSelector");
  if (object_at(map, "nodeSelector").is_null()) return "";
  Json labels = Json::object();
  for (const auto& entry : node) {
    if (!entry.second.IsScalar()) map.refuse("nodeSelector", "{} must be a text.", entry.first.Scalar());
    labels[entry.first.Scalar()] = entry.second.Scalar();
  }
  return labels.dump();
}

std::string read_tolerations(YamlMap& map) {
  const YAML::Node node = map.child("tolerations");
  if (!node.IsDefined() || node.IsNull()) return "";
  Json list = json_of_yaml(node);
  const bool valid = list.is_array() && std::ranges::all_of(list, [](const Json& item) { return item.is_object(); });
  if (!valid) map.refuse("tolerations", "must be a list of mappings: [{{key: nvidia.com/gpu, operator: Exists}}].");
  for (Json& item : list)
    if (item.contains("value") && !item["value"].is_string()) item["value"] = item["value"].dump();
  return list.dump();
}

void read_choice(YamlMap& map, const char* key, std::string& value, const std::vector<std::string>& known) {
  if (map.read(key, value)) check_one_of(map, key, value, known);
}

void read_count(YamlMap& map, const char* key, int& value) {
  if (map.read(key, value)) check_not_negative(map, key, value);
}

}  // namespace

KubernetesSpec read_kubernetes(const YAML::Node& node, const YamlSource& source) {
  KubernetesSpec spec{.image = "tutti:" TUTTI_VERSION};
  YamlMap map(node, source, "kubernetes");
  map.read("image", spec.image);
  read_choice(map, "imagePullPolicy", spec.image_pull_policy, {"Always", "IfNotPresent", "Never"});
  map.read("imagePullSecrets", spec.image_pull_secrets);
  map.read("context", spec.context);
  map.read("namespace", spec.name_space);
  read_choice(map, "layout", spec.layout, {"jobs", "indexed"});
  spec.storage = read_storage(map);
  spec.resources = read_resources(map);
  spec.node_selector = read_node_selector(map);
  spec.tolerations = read_tolerations(map);
  map.read("runtimeClassName", spec.runtime_class);
  map.read("priorityClassName", spec.priority_class);
  map.read("queue", spec.queue);
  map.read("suspend", spec.suspend);
  read_count(map, "backoffLimit", spec.backoff_limit);
  read_count(map, "ttlSecondsAfterFinished", spec.seconds_after_end);
  read_count(map, "runAsUser", spec.user);
  read_count(map, "runAsGroup", spec.group);
  if (spec.user == 0) map.refuse("runAsUser", "must not be root (0).");
  map.finish();
  return spec;
}

}  // namespace tutti
