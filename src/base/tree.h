/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole folders at once.
 */
#ifndef BASE_TREE_H
#define BASE_TREE_H

/* Deletes a folder and all in it, following no link; what is not there is gone already. 0, or -1
 * with errno and part of it left. */
int tree_remove(const char *path);

#endif
