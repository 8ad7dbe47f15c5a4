// Runner: where members run. Nothing else knows it: not the plan, not the store, not the view of the progress.
#pragma once

#include <string>
#include <vector>

#include "tutti/experiment/store.h"

namespace tutti {

struct MemberJob {
  RunFolder run;
  std::string member;
  int threads = 1;
};

// How a member ended, as its runner saw it.
struct MemberEnd {
  enum class Kind { kDone, kFailed, kInterrupted };
  std::string member;
  Kind kind = Kind::kDone;
  std::string reason;  // one line, when failed
};

class Runner {
 public:
  virtual ~Runner() = default;
  // For people: "this machine".
  virtual std::string where() const = 0;
  // Starts training one member; returns at once. A member that cannot be started is one that failed: see poll().
  virtual void start(const MemberJob& job) = 0;
  // Those that ended since the last call; returns at once.
  virtual std::vector<MemberEnd> poll() = 0;
  // Asks a running member to save and end; it is then reported by poll(). One that takes longer than its grace period is ended
  // by force. Nothing happens if it does not run.
  virtual void stop(const std::string& member) = 0;
  // True if the members go on when this process ends: Ctrl-C then leaves them alone.
  virtual bool goes_on_alone() const { return false; }
  // How a member does: what it says of itself, unless the runner knows better.
  virtual MemberStatus status(const RunFolder& run, const std::string& member) const { return run.member(member).status(); }
};

}  // namespace tutti
