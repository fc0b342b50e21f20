/* SPDX-License-Identifier: Apache-2.0
 *
 * One executable with several lives: the server and its command line, the process that builds
 * sandboxes, and the two small tools that work inside of them.
 */
#include "artifact/pack.h"
#include "artifact/unpack.h"
#include "cli/cli.h"
#include "cli/doctor.h"
#include "exec/exec.h"
#include "serve.h"

#include <string.h>

int main(int argc, char **argv)
{
    static const struct command own[] = {
        { "serve", "Run the server", serve_main },
        { "key", "Create, list and revoke API keys", key_main },
        { "doctor", "Say what this machine lacks, and how to get it", doctor_main },
        { "routes", "Print the API's description", routes_main },
        { "unpack", NULL, unpack_main },
        { "pack", NULL, pack_main },
        { 0 },
    };

    if (argc > 0 && exec_wanted(argv[0]))
        return exec_main(argc, argv);
    return cli_main(argc, argv, own);
}
