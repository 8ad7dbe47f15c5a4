// The subcommands: one function each, which adds its arguments to the program and runs through a callback.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

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
void add_train(CLI::App& program, int& code);
void add_plan(CLI::App& program, int& code);
void add_cost(CLI::App& program, int& code);  // hidden: what plan starts
void add_verify(CLI::App& program, int& code);
void add_compare(CLI::App& program, int& code);
void add_member(CLI::App& program, int& code);  // hidden: what a runner starts
void add_resume(CLI::App& program, int& code);
void add_cancel(CLI::App& program, int& code);
void add_status(CLI::App& program, int& code);
void add_logs(CLI::App& program, int& code);
void add_list(CLI::App& program, int& code);
void add_rm(CLI::App& program, int& code);
void add_report(CLI::App& program, int& code);
void add_evaluate(CLI::App& program, int& code);
void add_predict(CLI::App& program, int& code);
void add_summary(CLI::App& program, int& code);
void add_graph(CLI::App& program, int& code);
void add_engines(CLI::App& program, int& code);
void add_data(CLI::App& program, int& code);
void add_version(CLI::App& program, int& code);
void add_completion(CLI::App& program, int& code);

}  // namespace tutti::cli
