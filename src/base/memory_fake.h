/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests: a system that can be said to have no memory. What links it has the linker put
 * __wrap_malloc() and its siblings before the system's (meson.build); libraries are not led there.
 */
#ifndef BASE_MEMORY_FAKE_H
#define BASE_MEMORY_FAKE_H

#include <stdbool.h>

extern bool memory_is_out;

#endif
