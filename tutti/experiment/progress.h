// The live view of all members: a line a member.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tutti/base/display.h"
#include "tutti/experiment/store.h"

namespace tutti {

struct MemberView {
  std::string name;
  MemberStatus status;
};

class ProgressView {
 public:
  virtual ~ProgressView() = default;
  // Called several times a second.
  virtual void update(const std::vector<MemberView>& members) = 0;
  // A line that stays: a failure.
  virtual void note(const std::string& line) = 0;
  // After the last update.
  virtual void finish() {}
};

// On a terminal a block that is redrawn in place; elsewhere a line when a member ends an epoch.
std::unique_ptr<ProgressView> make_progress_view(Display& display);
std::unique_ptr<ProgressView> make_silent_view();

// "native-1  epoch  3/50 [=======>............]  812 images/s  loss 0.8123  val_accuracy 0.7120  0:42 left", no wider than
// `width`: the bar shrinks, then the line is cut.
std::string member_line(const MemberView& member, std::size_t name_width, int width);
// 42 -> "0:42", 4000 -> "1:06:40".
std::string clock_text(double seconds);

}  // namespace tutti
