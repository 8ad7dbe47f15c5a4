// CronJobs in a cluster.
#pragma once

#include <string>

#include "tutti/experiment/spec.h"
#include "tutti/kubernetes/kubectl.h"

namespace tutti {

// Error if `schedule` is neither five fields nor one of @hourly, @daily and the like. The server checks the fields.
void check_schedule(const std::string& schedule);
// False on a server that has them in batch/v1beta1 only: older than 1.21.
bool has_v1_cron_jobs(Kubectl& kubectl);
// Makes the CronJob or changes it. Error with the server's words.
void apply_cron_job(Kubectl& kubectl, const std::string& manifest);
// Removes the CronJob of an experiment and the Jobs that it started. Error if there is none.
void remove_cron_job(Kubectl& kubectl, const Spec& spec);

}  // namespace tutti
