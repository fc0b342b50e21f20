/* SPDX-License-Identifier: Apache-2.0
 *
 * The commands that need the server's own parts.
 */
#ifndef SERVE_H
#define SERVE_H

int serve_main(int argc, char **argv);   /* impresario serve */
int key_main(int argc, char **argv);     /* impresario key create|list|revoke */
int audit_main(int argc, char **argv);   /* impresario audit list|verify */
int backup_main(int argc, char **argv);  /* impresario backup FILE */
int restore_main(int argc, char **argv); /* impresario restore FILE */
int routes_main(int argc, char **argv);  /* impresario routes: the API described */

#endif
