// The member that ends last makes the ensemble: how members without a common parent agree on who that is.
//
//   <run>/ended/<member>     "done" or "failed": this member will not go on by itself
//   <run>/ended/.ensemble    the name of the member that makes the ensemble, then "made"
//
// Each member registers itself before it looks at the others, in the same folder: of two that end together at least one sees
// both, also on NFS, where making a file in a folder renews what the client knows of the folder. Only one of them can make
// `.ensemble`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tutti/experiment/store.h"
#include "tutti/report/standing.h"

namespace tutti {

// Combines the members that are done: links their models, writes the report, offers them to the standing ensemble if the spec
// says so.
struct Finished {
  std::optional<GrowResult> grown;
};
Finished finish_run(const RunFolder& run, const std::vector<std::string>& members);

// Registers that `member` has ended for good. If all of `members` now have, and nobody else has taken it on, combines them:
// returns what finish_run() does, else nothing. A member that died at it takes it up again when it calls this again.
std::optional<Finished> end_member(const RunFolder& run, const std::string& member, const std::vector<std::string>& members,
                                   bool done);

// Combines the members in the place of one that took it on and died.
Finished take_over(const RunFolder& run, const std::vector<std::string>& members);

// True if the member has registered.
bool has_ended(const RunFolder& run, const std::string& member);
// True if the ensemble of the members that registered has been made.
bool is_finished(const RunFolder& run);
// Forgets that these members ended, and the ensemble: they are to go on.
void reopen(const RunFolder& run, const std::vector<std::string>& members);

}  // namespace tutti
