/* SPDX-License-Identifier: Apache-2.0
 *
 * Between a job and its browser, which are in two boxes. What both see is one folder; in it lies the
 * socket by which a client asks for a browser:
 *
 *     Playwright --3,4--> `chromium`            the job's box: our executable, where Chromium would be
 *          \                 | the socket       hands its descriptors over, brings files, waits
 *           `----3,4---- `impresario cdp`       the browser's box: judges every message
 *                            | a pipe
 *                        Chromium
 *
 * On the socket, which keeps messages apart, the client says first what it wants: the arguments, each
 * ended by a NUL, and with them three descriptors, where commands come from, where answers go, and
 * where words for people go. Then there is JSON. To the client: {"bring": [paths]}, which is answered
 * by {"files": [paths in the shared folder]}; {"place": path}, a folder in which it looks for what is
 * downloaded, answered by {"placed": true} when that leads to the shared folder; either also by
 * {"error": text}. The last is {"status": number}, that of the browser's exit. Who closes the socket
 * has no use for the browser any more.
 */
#ifndef CDP_CDP_H
#define CDP_CDP_H

#include <stdbool.h>

enum { CDP_LISTEN_FD = 3 }; /* of `impresario cdp` */

struct cdp_options {
    const char *chromium; /* the program */
    const char *shared;   /* the folder that both boxes see */
    const char *profiles; /* a folder for what browsers keep, of this box alone */
    bool probe;           /* see cdp/rules.h */
    bool basic;           /* there are no user namespaces: Chromium goes without its own sandbox */
};

/* Serves one client, from its first message on, in a process of its own: returns when the client or
 * the browser has ended, and the other with it. The browser's exit status. */
int cdp_serve(const struct cdp_options *o, int client);

/* In the browser's box: serves whoever connects to descriptor CDP_LISTEN_FD. With the word "probe",
 * for the canary. */
int cdp_main(int argc, char **argv);

/* In the job's box. True when argv[0] is Chromium's name. */
bool cdp_pipe_wanted(const char *argv0);
int cdp_pipe_main(int argc, char **argv);

/* The same with its places told: `socket` leads to what serves, and files are brought to `shared`. */
int cdp_pipe(int socket, const char *shared, int argc, char **argv);

#endif
