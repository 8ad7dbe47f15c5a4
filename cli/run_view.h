// A run as `status` and `logs` see it: the store, and the cluster where the members are Jobs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tutti/experiment/store.h"
#include "tutti/kubernetes/member_pods.h"

namespace tutti::cli {

class RunView {
 public:
  RunView(RunFolder run, std::vector<std::string> members);
  // Asks the cluster, if there is one. One that does not answer is told once, on standard error; the store is then all there
  // is.
  void look();
  const std::vector<std::string>& members() const { return members_; }
  MemberStatus status(const std::string& member) const;
  // True while the member is trained, or will be without anybody doing something.
  bool is_live(const std::string& member) const;

 private:
  const MemberPod* pod(const std::string& member) const;

  RunFolder run_;
  std::vector<std::string> members_;
  std::unique_ptr<Kubectl> kubectl_;  // null: members are processes
  std::vector<MemberPod> pods_;
  bool silent_ = false;
};

}  // namespace tutti::cli
