/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line as a whole. Commands that speak to a server over HTTP live here; those that need
 * the server's own parts (serve, key, doctor) are rows that main.c brings.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

struct command {
    const char *name;
    const char *what;                  /* a line for the overview; NULL: works, but is not shown */
    int (*run)(int argc, char **argv); /* argv[0] is its name; gives the exit status */
};

/* Runs the command that argv[1] names: one of `own` (ended by a row without a name) or one of ours.
 * Without a command, and for help, it prints the overview. Gives the exit status. */
int cli_main(int argc, char **argv, const struct command *own);

/* What every command of this program ends with, so that scripts can tell. */
enum exit_code {
    EXIT_FINE = 0,
    EXIT_OUTCOME = 1, /* it ran, and what it ran failed: a build, a job */
    EXIT_USAGE = 2,   /* the command line, or what it names on this machine, is wrong */
    EXIT_SERVER = 3,  /* the server refused, failed, or was not to be reached */
};

#endif
