// The subcommands: one function each, which adds its arguments to the program and runs through a callback.
#pragma once

#include "cli/command.h"

namespace tutti::cli {

// The exit codes, as docs/cli.md and --help list them.
enum ExitCode : int {
  kOk = 0,
  kError = 1,          // one line on standard error says what to do
  kUsage = 2,          // unknown command or argument
  kMemberFailed = 3,   // tutti train: a member failed, the others are done
  kInterrupted = 130,  // Ctrl-C or SIGTERM; what was trained is saved
};

// Each sets `code` when it runs; an Error is caught in main().
void add_train(Command& program, int& code);
void add_ensemble(Command& program, int& code);
void add_doctor(Command& program, int& code);
void add_lab(Command& program, int& code);
void add_plan(Command& program, int& code);
void add_cost(Command& program, int& code);  // hidden: what plan starts
void add_verify(Command& program, int& code);
void add_compare(Command& program, int& code);
void add_member(Command& program, int& code);  // hidden: what a runner starts
void add_pod(Command& program, int& code);     // hidden: what a Job starts, and `fire`, what a CronJob starts
void add_run(Command& program, int& code);
void add_kernel(Command& program, int& code);
void add_schedule(Command& program, int& code);
void add_resume(Command& program, int& code);
void add_cancel(Command& program, int& code);
void add_status(Command& program, int& code);
void add_logs(Command& program, int& code);
void add_list(Command& program, int& code);
void add_rm(Command& program, int& code);
void add_report(Command& program, int& code);
void add_evaluate(Command& program, int& code);
void add_predict(Command& program, int& code);
void add_summary(Command& program, int& code);
void add_graph(Command& program, int& code);
void add_engines(Command& program, int& code);
void add_bench(Command& program, int& code);
void add_data(Command& program, int& code);
void add_version(Command& program, int& code);
void add_completion(Command& program, int& code);

}  // namespace tutti::cli
