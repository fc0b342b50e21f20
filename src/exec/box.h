/* SPDX-License-Identifier: Apache-2.0
 *
 * What the spawner and the first process of a box say to each other, over a SEQPACKET socket: one
 * message is one struct. That first process is a program of its own (box_main.c), small, because it
 * is started for every box, and linked with nothing but the C library.
 *
 * What comes out of a box is not to be trusted, these messages included: they tell how the program
 * in it ended, and nothing else follows from them.
 */
#ifndef EXEC_BOX_H
#define EXEC_BOX_H

#include <stdint.h>

enum {
    BOX_CONTROL_FD = 3, /* the socket; the plan's descriptors follow it */
    BOX_MAX_FDS = 16,
    BOX_MAX_LAUNCH = 128 * 1024,
};

#define BOX_NO_LIMIT UINT64_MAX
#define BOX_PROGRAM  "/opt/impresario/bin/box"

/* The steps that a box is built in, and the words that name them when they fail. */
enum box_step {
    BOX_STEP_NONE,
    BOX_STEP_CGROUP,    /* enter the control groups */
    BOX_STEP_VIEW,      /* reach what the plan binds */
    BOX_STEP_USER,      /* become the user of the box */
    BOX_STEP_NETWORK,   /* enter the network that the plan asks for */
    BOX_STEP_BWRAP,     /* start bubblewrap */
    BOX_STEP_NAMESPACE, /* bubblewrap itself: namespaces, mounts, filter */
    BOX_STEP_USERNS,    /* the user namespace is not the host's */
    BOX_STEP_LANDLOCK,  /* rules for files, which a basic box does not go without */
    BOX_STEP_LIMITS,    /* resource limits */
    BOX_STEP_FDS,       /* descriptors in their places */
    BOX_STEP_FOLDER,    /* the working directory */
    BOX_STEP_PROGRAM,   /* start the program */
    BOX_STEPS
};

/* Spawner to box, first: what to run. The texts follow: n_args and then n_env of them, each ended
 * by a NUL, the environment as name=value. */
struct box_launch {
    uint64_t host_userns; /* inode of the user namespace that the box must not be in; 0: basic */
    uint64_t basic_uid;   /* 0: it is who it is to be; else it is root, and becomes this user */
    uint64_t processes, data_bytes, file_bytes, files; /* or BOX_NO_LIMIT */
    uint64_t entries; /* files and folders in memory; or BOX_NO_LIMIT */
    uint32_t n_args, n_env, n_fds;
    int32_t fds[BOX_MAX_FDS]; /* the number that each is to have */
};

/* Spawner to box, later: an int32_t, the signal for the program. */

/* Box to spawner. */
struct box_report {
    enum {
        BOX_UP = 1,
        BOX_BORN, /* before it is bubblewrap: it is there */
        BOX_FAILED,
        BOX_ENDED,
        BOX_FULL, /* it had more entries, and ends */
    } kind;
    int32_t step;  /* BOX_FAILED */
    int32_t value; /* BOX_FAILED: errno; BOX_ENDED: status as from wait() */
};

#endif
