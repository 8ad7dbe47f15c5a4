// The last words of a process that dies.
#pragma once

namespace tutti::jupyter {

// A fault (SIGSEGV, SIGBUS, SIGFPE, SIGILL, abort(), an uncaught exception) and an exit() that nobody expects say so on
// standard error and on `log`, wait until the front-end has the text, and then end the process as they would have. An
// interpreter may handle faults itself, and pass on to these handlers what is not its own.
void install_last_words(int log);
// From now on exit() is expected.
void no_last_words();

}  // namespace tutti::jupyter
