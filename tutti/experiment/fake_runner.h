// A Runner without processes: what a member does is a function. For tests.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tutti/experiment/runner.h"

namespace tutti {

class FakeRunner : public Runner {
 public:
  // Plays one member to its end: may write its folder. Called at the second poll() after the start, or at stop().
  using Play = std::function<MemberEnd(const MemberJob&, bool stopped)>;
  explicit FakeRunner(Play play) : play_(std::move(play)) {}

  std::string where() const override { return "nowhere"; }
  void start(const MemberJob& job) override {
    started.push_back(job);
    running_.push_back({job, 0});
    most_at_a_time = std::max(most_at_a_time, running_.size());
  }
  std::vector<MemberEnd> poll() override {
    std::vector<MemberEnd> ends = std::exchange(ended_, {});
    for (auto entry = running_.begin(); entry != running_.end();) {
      if (entry->second++ == 0) {
        ++entry;
        continue;
      }
      ends.push_back(play_(entry->first, false));
      entry = running_.erase(entry);
    }
    return ends;
  }
  void stop(const std::string& member) override {
    const auto entry = std::ranges::find_if(running_, [&](const auto& running) { return running.first.member == member; });
    if (entry == running_.end()) return;
    ended_.push_back(play_(entry->first, true));
    running_.erase(entry);
  }

  std::vector<MemberJob> started;
  std::size_t most_at_a_time = 0;

 private:
  Play play_;
  std::vector<std::pair<MemberJob, int>> running_;
  std::vector<MemberEnd> ended_;
};

}  // namespace tutti
