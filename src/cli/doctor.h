/* SPDX-License-Identifier: Apache-2.0
 *
 * `impresario doctor`: what this machine lacks for running workflows, and how to get it.
 */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

/* Exit status 0: the server can run workflows here; 1: something that it needs is missing. */
int doctor_main(int argc, char **argv);

#endif
