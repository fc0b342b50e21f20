/* SPDX-License-Identifier: Apache-2.0
 *
 * A machine without user namespaces, for tests: `without_userns PROGRAM ...` runs a program that
 * cannot make any, and nothing that it starts can, root neither. A service manager does the same
 * with RestrictNamespaces=, and a kernel with user.max_user_namespaces = 0.
 */
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    const struct scmp_arg_cmp makes_one = SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER);
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

    if (argc < 2 || !filter ||
        seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(unshare), 1, makes_one) < 0 ||
        seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1, makes_one) < 0 ||
        /* its flags are in memory, where no filter looks; the C library falls back to clone */
        seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) < 0 ||
        seccomp_load(filter) < 0) {
        (void)fprintf(stderr, "without_userns: the filter cannot be put on\n");
        return EXIT_FAILURE;
    }
    seccomp_release(filter);
    execvp(argv[1], argv + 1);
    (void)fprintf(stderr, "without_userns: %s: %s\n", argv[1], strerror(errno));
    return EXIT_FAILURE;
}
