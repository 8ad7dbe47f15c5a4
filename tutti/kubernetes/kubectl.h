// The one caller of kubectl: contexts, OIDC and cloud plug-ins work as its users know them.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace tutti {

struct KubectlReply {
  int code = 0;  // exit code; not 0 when it was killed, too
  std::string out, err;
  bool ok() const { return code == 0; }
  // The last line of what it said to standard error, without "Error from server (Forbidden): " and the like kept whole.
  std::string complaint() const;
};

class Kubectl {
 public:
  virtual ~Kubectl() = default;
  // Runs `kubectl ARGUMENTS` with `input` on its standard input. Never throws for what the cluster answers.
  virtual KubectlReply run(const std::vector<std::string>& arguments, const std::string& input = "", double seconds = 30) = 0;
};

struct KubectlOptions {
  std::string context, name_space;  // "": those of the kubeconfig
};

// Error if there is no kubectl.
std::unique_ptr<Kubectl> make_kubectl(const KubectlOptions& options = {});

// With the kubeconfig's own where one is empty, so that it is the same cluster when somebody has switched to another.
KubectlOptions resolved(Kubectl& kubectl, KubectlOptions options);

// Where each field of Jobs and CronJobs that tutti uses is on by default. An older server drops it silently.
// https://kubernetes.io/docs/reference/command-line-tools-reference/feature-gates-removed/
struct ServerFeature {
  const char* name;
  int major, minor;
};
inline constexpr ServerFeature kSuspendedJobs = {"suspended Jobs", 1, 22};
inline constexpr ServerFeature kTimeZones = {"time zones of CronJobs", 1, 25};
inline constexpr ServerFeature kFailurePolicies = {"pod failure policies", 1, 26};
inline constexpr ServerFeature kIndexRetries = {"retries of each index", 1, 29};
inline constexpr ServerFeature kServerFeatures[] = {
    {"batch/v1 CronJobs", 1, 21}, {"Indexed Jobs", 1, 22}, kSuspendedJobs, kTimeZones, kFailurePolicies, kIndexRetries};

struct ServerVersion {
  int major = 0, minor = 0;
  std::string text;  // "v1.29.3"
  bool at_least(int wanted_major, int wanted_minor) const {
    return major > wanted_major || (major == wanted_major && minor >= wanted_minor);
  }
  bool has(const ServerFeature& feature) const { return at_least(feature.major, feature.minor); }
};
// Error with kubectl's words if the server does not answer.
ServerVersion server_version(Kubectl& kubectl);

}  // namespace tutti
