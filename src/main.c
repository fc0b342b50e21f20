/* SPDX-License-Identifier: Apache-2.0
 *
 * One executable with several lives: the server and its command line, the process that builds
 * sandboxes, and the small tools that work inside of them.
 */
#include "artifact/pack.h"
#include "artifact/unpack.h"
#include "cdp/cdp.h"
#include "cli/cli.h"
#include "cli/doctor.h"
#include "egress/egress.h"
#include "exec/exec.h"
#include "exec/own_walls.h"
#include "exec/plan.h"
#include "exec/walls.h"
#include "libraries.h"
#include "registry/registry.h"
#include "serve.h"

#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
/* Leaks are looked for with ptrace, which a box refuses. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return access(PLAN_PROGRAM, F_OK) == 0 ? "detect_leaks=0" : "";
}
#endif

int main(int argc, char **argv)
{
    static const struct command own[] = {
        { "serve", "Run the server", serve_main },
        { "key", "Create, list and revoke API keys", key_main },
        { "audit", "List and verify the audit log", audit_main },
        { "backup", "Copy everything that is kept into one file, also while the server runs",
          backup_main },
        { "restore", "Make a data directory from such a file", restore_main },
        { "doctor", "Say what this machine lacks, and how to get it", doctor_main },
        { "routes", "Print the API's description", routes_main },
        { "unpack", NULL, unpack_main },
        { "pack", NULL, pack_main },
        { "cdp", NULL, cdp_main },
        { "walls", NULL, walls_main },
        { "own-walls", NULL, own_walls_main },
        { 0 },
    };

    libraries_share_memory();
    if (argc > 0 && exec_wanted(argv[0]))
        return exec_main(argc, argv);
    if (argc > 0 && egress_wanted(argv[0]))
        return egress_main(argc, argv);
    if (argc > 0 && registry_wanted(argv[0]))
        return registry_main(argc, argv);
    if (argc > 0 && cdp_pipe_wanted(argv[0]))
        return cdp_pipe_main(argc, argv);
    return cli_main(argc, argv, own);
}
