// The flag that Ctrl-C sets and that fit() polls after every step.
#pragma once

namespace tutti {

// Makes SIGINT and SIGTERM set the flag; a second SIGINT ends the process at once (exit code 130).
void handle_interrupts();
bool interrupted();
void set_interrupted(bool value);
// Throws Interrupted if the flag is set.
void check_interrupt();

}  // namespace tutti
