#include "tutti/lab/lab_spec.h"

#include <regex>

#include <nlohmann/json.hpp>

#include "tutti/base/error.h"
#include "tutti/experiment/yaml_text.h"
#include "tutti/kubernetes/names.h"
#include "tutti/lab/local_lab.h"

namespace tutti {
namespace {

// Where the Pod sees the Secret. A file and not a variable: what a notebook starts inherits those.
constexpr const char* kTokenFolder = "/run/secrets/tutti-lab";

Json labels_of(const LabSpec& spec) {
  Json labels = {{"app.kubernetes.io/name", "tutti-lab"},
                 {"app.kubernetes.io/instance", spec.name},
                 {"app.kubernetes.io/managed-by", "tutti"}};
  if (!spec.owner.empty()) labels[kOwnerLabel] = label_value(spec.owner);
  return labels;
}

// What finds its Pods: unlike the labels it must never change.
Json selector_of(const LabSpec& spec) {
  return {{"app.kubernetes.io/name", "tutti-lab"}, {"app.kubernetes.io/instance", spec.name}};
}

Json object_of(const LabSpec& spec, const char* version, const char* kind) {
  return {{"apiVersion", version}, {"kind", kind}, {"metadata", {{"name", spec.name}, {"labels", labels_of(spec)}}}};
}

std::string claim_of(const LabSpec& spec) {
  Json claim = object_of(spec, "v1", "PersistentVolumeClaim");
  claim["spec"]["accessModes"] = {"ReadWriteOnce"};
  if (!spec.storage_class.empty()) claim["spec"]["storageClassName"] = spec.storage_class;
  claim["spec"]["resources"]["requests"]["storage"] = spec.claim_size;
  return yaml_text(claim);
}

// Nothing reaches the Pod but its own port, and that only where the service is meant for others; a port-forward comes from the
// node itself, which no policy stops.
std::string policy_of(const LabSpec& spec) {
  Json policy = object_of(spec, "networking.k8s.io/v1", "NetworkPolicy");
  policy["spec"]["podSelector"]["matchLabels"] = selector_of(spec);
  policy["spec"]["policyTypes"] = {"Ingress"};
  policy["spec"]["ingress"] = Json::array();
  if (spec.node_port) policy["spec"]["ingress"].push_back({{"ports", {{{"protocol", "TCP"}, {"port", LabSpec::kPort}}}}});
  return yaml_text(policy);
}

std::string service_of(const LabSpec& spec) {
  Json service = object_of(spec, "v1", "Service");
  Json port = {{"name", "http"}, {"protocol", "TCP"}, {"port", LabSpec::kPort}, {"targetPort", "http"}};
  if (spec.node_port && spec.node_port_number > 0) port["nodePort"] = spec.node_port_number;
  service["spec"] = {
      {"type", spec.node_port ? "NodePort" : "ClusterIP"}, {"selector", selector_of(spec)}, {"ports", Json::array({port})}};
  return yaml_text(service);
}

Json volume_of(const LabSpec& spec) {
  const KubernetesStorage& storage = spec.kubernetes.storage;
  Json volume = {{"name", "notebooks"}};
  if (storage.kind == "hostPath")
    volume["hostPath"] = {{"path", storage.source}, {"type", "Directory"}};
  else if (storage.kind == "nfs")
    volume["nfs"] = {{"server", storage.server}, {"path", storage.source}};
  else
    volume["persistentVolumeClaim"] = {{"claimName", storage.kind.empty() ? spec.name : storage.source}};
  return volume;
}

// /api answers without a token, and tells nothing but the version.
Json probe(int period, int failures) {
  return {{"httpGet", {{"path", "/api"}, {"port", "http"}}},
          {"periodSeconds", period},
          {"timeoutSeconds", 5},
          {"failureThreshold", failures}};
}

Json container_of(const LabSpec& spec) {
  const KubernetesSpec& kubernetes = spec.kubernetes;
  Json container = {{"name", LabSpec::kContainer}, {"image", kubernetes.image}};
  if (!kubernetes.image_pull_policy.empty()) container["imagePullPolicy"] = kubernetes.image_pull_policy;
  Json arguments = Json::array();
  for (const std::string& argument : culling_arguments(spec.cull_idle, false)) arguments.push_back(argument);
  if (!arguments.empty()) container["args"] = arguments;
  const auto variable = [](const char* name, const std::string& value) { return Json{{"name", name}, {"value", value}}; };
  container["env"] = {variable("HOME", LabSpec::kNotebooks), variable("USER", "lab"), variable("SHELL", "/bin/bash"),
                      variable("JUPYTER_RUNTIME_DIR", "/tmp/jupyter"),
                      variable("JUPYTER_TOKEN_FILE", std::string(kTokenFolder) + "/token")};
  container["ports"] = Json::array({{{"name", "http"}, {"containerPort", LabSpec::kPort}, {"protocol", "TCP"}}});
  if (!kubernetes.resources.empty()) container["resources"] = Json::parse(kubernetes.resources);
  // Starting may take minutes on a slow disk; later ten seconds without an answer are odd, and two minutes are its end.
  container["startupProbe"] = probe(2, 150);
  container["readinessProbe"] = probe(5, 2);
  container["livenessProbe"] = probe(20, 6);
  container["securityContext"] = {
      {"allowPrivilegeEscalation", false}, {"readOnlyRootFilesystem", true}, {"capabilities", {{"drop", {"ALL"}}}}};
  container["terminationMessagePolicy"] = "FallbackToLogsOnError";
  container["volumeMounts"] = {{{"name", "notebooks"}, {"mountPath", LabSpec::kNotebooks}},
                               {{"name", "token"}, {"mountPath", kTokenFolder}, {"readOnly", true}},
                               {{"name", "tmp"}, {"mountPath", "/tmp"}}};
  return container;
}

// The restricted profile of the Pod security standards, but for hostPath and nfs volumes, which it does not know.
Json pod_of(const LabSpec& spec) {
  const KubernetesSpec& kubernetes = spec.kubernetes;
  Json pod = {{"automountServiceAccountToken", false}, {"enableServiceLinks", false}};
  if (!kubernetes.runtime_class.empty()) pod["runtimeClassName"] = kubernetes.runtime_class;
  if (!kubernetes.priority_class.empty()) pod["priorityClassName"] = kubernetes.priority_class;
  if (!kubernetes.node_selector.empty()) pod["nodeSelector"] = Json::parse(kubernetes.node_selector);
  if (!kubernetes.tolerations.empty()) pod["tolerations"] = Json::parse(kubernetes.tolerations);
  for (const std::string& secret : kubernetes.image_pull_secrets) pod["imagePullSecrets"].push_back({{"name", secret}});
  // fsGroup: also what lets a user that is not root read the Secret.
  pod["securityContext"] = {{"runAsNonRoot", true},
                            {"runAsUser", spec.user},
                            {"runAsGroup", spec.group},
                            {"fsGroup", spec.group},
                            {"fsGroupChangePolicy", "OnRootMismatch"},
                            {"seccompProfile", {{"type", "RuntimeDefault"}}}};
  pod["containers"] = Json::array({container_of(spec)});
  pod["volumes"] = Json::array({volume_of(spec),
                                {{"name", "token"}, {"secret", {{"secretName", spec.name}, {"defaultMode", 0440}}}},
                                {{"name", "tmp"}, {"emptyDir", Json::object()}}});
  return pod;
}

std::string deployment_of(const LabSpec& spec) {
  Json deployment = object_of(spec, "apps/v1", "Deployment");
  deployment["metadata"]["annotations"][LabSpec::kChangeCause] = spec.change_cause;
  Json body = {{"replicas", 1}};
  // Never two servers on the same notebooks, nor two Pods on a claim that one node has.
  body["strategy"]["type"] = "Recreate";
  body["revisionHistoryLimit"] = 10;
  body["selector"]["matchLabels"] = selector_of(spec);
  // Not the owner's label: whoever says `up` next would start a new Pod.
  body["template"] = {{"metadata", {{"labels", selector_of(spec)}}}, {"spec", pod_of(spec)}};
  deployment["spec"] = std::move(body);
  return yaml_text(deployment);
}

// Replaces what stands behind `key:` in lines that have nothing else; gives their number.
int replace_value(std::string& text, const std::string& key, const std::string& value) {
  const std::regex line("(^|\n)([ -]*" + std::regex_replace(key, std::regex("[./]"), "\\$&") + ": )[^\n]*");
  int count = 0;
  std::string result;
  auto rest = text.cbegin();
  for (std::sregex_iterator match(text.begin(), text.end(), line), end; match != end; ++match, ++count) {
    result.append(rest, (*match)[0].first);
    result += (*match)[1].str() + (*match)[2].str() + value;
    rest = (*match)[0].second;
  }
  result.append(rest, text.cend());
  text = std::move(result);
  return count;
}

// A text as YAML has it behind a key.
std::string yaml_value(const std::string& text) {
  std::string line = yaml_text({{"v", text}});
  while (!line.empty() && line.back() == '\n') line.pop_back();
  return line.substr(3);
}

}  // namespace

std::string lab_secret_manifest(const LabSpec& spec, const std::string& token) {
  Json secret = object_of(spec, "v1", "Secret");
  secret["type"] = "Opaque";
  secret["stringData"]["token"] = token;
  return yaml_text(secret);
}

std::string lab_manifests(const LabSpec& spec) {
  std::string text;
  if (spec.kubernetes.storage.kind.empty()) text += claim_of(spec) + "---\n";
  return text + policy_of(spec) + "---\n" + service_of(spec) + "---\n" + deployment_of(spec);
}

std::string with_image(const std::string& manifests, const std::string& image, const std::string& change_cause) {
  std::string text = manifests;
  const int images = replace_value(text, "image", yaml_value(image));
  const int causes = replace_value(text, LabSpec::kChangeCause, yaml_value(change_cause));
  if (images != 1 || causes != 1)
    fail("lab", "these are not the manifests of a lab. Expected one line with image: and one with {}:. Got {} and {}.",
         LabSpec::kChangeCause, images, causes);
  return text;
}

}  // namespace tutti
