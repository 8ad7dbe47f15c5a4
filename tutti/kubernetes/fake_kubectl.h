// A Kubectl without a cluster: answers by the first words of the command. For tests.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tutti/kubernetes/kubectl.h"

namespace tutti {

class FakeKubectl : public Kubectl {
 public:
  KubectlReply run(const std::vector<std::string>& arguments, const std::string& input = "", double = 30) override {
    std::string command;
    for (const std::string& argument : arguments) command += (command.empty() ? "" : " ") + argument;
    commands.push_back(command);
    inputs.push_back(input);
    const KubectlReply* best = nullptr;
    std::size_t length = 0;
    for (const auto& [prefix, reply] : replies)
      if (command.starts_with(prefix) && prefix.size() >= length) {
        best = &reply;
        length = prefix.size();
      }
    return best ? *best : KubectlReply{.code = 1, .err = "error: unknown command \"" + command + "\"\n"};
  }

  std::map<std::string, KubectlReply> replies;  // the longest prefix that fits
  std::vector<std::string> commands, inputs;
};

}  // namespace tutti
