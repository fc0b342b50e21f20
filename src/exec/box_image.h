/* SPDX-License-Identifier: Apache-2.0
 *
 * The program box_main.c, built on its own and carried inside of our executable, so that there is
 * one file to install and the two always fit.
 */
#ifndef EXEC_BOX_IMAGE_H
#define EXEC_BOX_IMAGE_H

#include <stdint.h>

extern const char box_image[];
extern const uint64_t box_image_size;

#endif
