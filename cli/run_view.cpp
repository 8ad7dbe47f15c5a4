#include "cli/run_view.h"

#include <algorithm>
#include <utility>

#include "tutti/base/error.h"
#include "tutti/base/log.h"
#include "tutti/kubernetes/cluster_file.h"
#include "tutti/kubernetes/cluster_run.h"

namespace tutti::cli {

RunView::RunView(RunFolder run, std::vector<std::string> members) : run_(std::move(run)), members_(std::move(members)) {
  if (const auto cluster = cluster_of(run_)) try {
      kubectl_ = make_kubectl(cluster->kubectl);
    } catch (const Error& error) {
      log_warning("{} What follows is what the store knows.", error.what());
    }
}

void RunView::look() {
  if (!kubectl_) return;
  try {
    pods_ = member_pods(*kubectl_, run_, members_);
    settle(run_, pods_);
    silent_ = false;
  } catch (const Error& error) {
    pods_.clear();
    if (!std::exchange(silent_, true)) log_warning("{} What follows is what the store knows.", error.what());
  }
}

const MemberPod* RunView::pod(const std::string& member) const {
  const auto found = std::ranges::find(pods_, member, &MemberPod::member);
  return found == pods_.end() ? nullptr : &*found;
}

MemberStatus RunView::status(const std::string& member) const {
  if (const MemberPod* found = pod(member)) return merged_status(run_, *found);
  MemberStatus status = run_.member(member).status();
  if (status.state == MemberState::kRunning && !is_being_trained(status)) {
    status.state = MemberState::kFailed;
    status.error = "its process is gone; tutti resume goes on with it";
  }
  return status;
}

bool RunView::is_live(const std::string& member) const {
  if (const MemberPod* found = pod(member)) return is_active(*found);
  return is_being_trained(run_.member(member).status());
}

}  // namespace tutti::cli
