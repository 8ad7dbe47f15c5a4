#include "tutti/kubernetes/kubectl.h"

#include <cstdlib>

#include <nlohmann/json.hpp>

#include "tutti/base/error.h"
#include "tutti/base/process.h"

namespace tutti {
namespace {

class RealKubectl : public Kubectl {
 public:
  explicit RealKubectl(const KubectlOptions& options) {
    if (!options.context.empty()) prefix_.push_back("--context=" + options.context);
    if (!options.name_space.empty()) prefix_.push_back("--namespace=" + options.name_space);
  }

  KubectlReply run(const std::vector<std::string>& arguments, const std::string& input, double seconds) override {
    std::vector<std::string> command = prefix_;
    command.insert(command.end(), arguments.begin(), arguments.end());
    const Captured captured = capture(command, input, seconds);
    if (captured.end.signal != 0)
      return {.code = 128 + captured.end.signal, .out = captured.out, .err = captured.err + "kubectl took too long\n"};
    return {.code = captured.end.code, .out = captured.out, .err = captured.err};
  }

 private:
  std::vector<std::string> prefix_ = {"kubectl"};
};

}  // namespace

std::string KubectlReply::complaint() const {
  std::string text = err;
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

std::unique_ptr<Kubectl> make_kubectl(const KubectlOptions& options) {
  if (!find_program("kubectl"))
    fail("kubectl",
         "there is no kubectl. Expected it in $PATH: https://kubernetes.io/docs/tasks/tools/, or apt install "
         "kubernetes-client.");
  return std::make_unique<RealKubectl>(options);
}

KubectlOptions resolved(Kubectl& kubectl, KubectlOptions options) {
  const auto answer = [&](const std::vector<std::string>& question) {
    const KubectlReply reply = kubectl.run(question);
    return reply.ok() ? reply.out.substr(0, reply.out.find('\n')) : std::string();
  };
  if (options.context.empty()) options.context = answer({"config", "current-context"});
  if (options.name_space.empty())
    options.name_space = answer({"config", "view", "--minify", "--output=jsonpath={..namespace}"});
  return options;
}

ServerVersion server_version(Kubectl& kubectl) {
  const KubectlReply reply = kubectl.run({"version", "--output=json", "--request-timeout=10s"});
  const auto json = nlohmann::json::parse(reply.out, nullptr, false);
  // It prints its own version even if no server answers.
  if (!json.is_object() || !json.contains("serverVersion"))
    fail("kubectl", "the cluster does not answer: {}", reply.complaint().empty() ? "no server version." : reply.complaint());
  const auto& server = json.at("serverVersion");
  const auto number = [&](const char* key) { return std::atoi(server.value(key, "0").c_str()); };  // "27+" of a cloud
  return {.major = number("major"), .minor = number("minor"), .text = server.value("gitVersion", "")};
}

}  // namespace tutti
