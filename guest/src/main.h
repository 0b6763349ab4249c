/* Entry points of the programs in the binary. argv[0] is the program's own name; the return value is the exit status. */
#pragma once

#define NEST_VERSION "0.1.0"

int init_main(int argc, char **argv);
int agent_main(int argc, char **argv);
int reaper_main(int argc, char **argv);
/* Weak, so that the core builds and is tested alone. */
int engine_main(int argc, char **argv) __attribute__((weak));
int cli_main(int argc, char **argv) __attribute__((weak));
int oci_main(int argc, char **argv) __attribute__((weak));
