#include "tutti/kubernetes/cron_job.h"

#include <sstream>

#include "tutti/base/error.h"
#include "tutti/kubernetes/manifest.h"

namespace tutti {

void check_schedule(const std::string& schedule) {
  if (schedule.starts_with('@')) return;
  std::istringstream words(schedule);
  int fields = 0;
  for (std::string word; words >> word;) ++fields;
  if (fields != 5) fail("--cron", "expected five fields, minute hour day month weekday: \"0 3 * * *\". Got '{}'.", schedule);
}

bool has_v1_cron_jobs(Kubectl& kubectl) {
  const KubectlReply reply = kubectl.run({"get", "--raw", "/apis/batch/v1"});
  return !reply.ok() || reply.out.find("\"cronjobs\"") != std::string::npos;
}

void apply_cron_job(Kubectl& kubectl, const std::string& manifest) {
  const KubectlReply reply = kubectl.run({"apply", "--filename=-", "--output=name"}, manifest, 60);
  if (!reply.ok()) fail("schedule", "the CronJob was refused: {}", reply.complaint());
}

void remove_cron_job(Kubectl& kubectl, const Spec& spec) {
  const KubectlReply reply =
      kubectl.run({"delete", "cronjobs", cron_name(spec), "--cascade=foreground", "--wait", "--timeout=90s"}, "", 100);
  if (!reply.ok()) fail("schedule", "cannot remove the CronJob {}: {}", cron_name(spec), reply.complaint());
}

}  // namespace tutti
