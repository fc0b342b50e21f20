/* SPDX-License-Identifier: Apache-2.0
 *
 * How addresses, names and choices look when people write them. No name is resolved here.
 */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

bool text_is_ip(const char *text);      /* 127.0.0.1, ::1 */
bool text_is_host(const char *text);    /* letters, digits, dots, dashes; also an IPv4 address */
bool text_is_address(const char *text); /* host:port, 127.0.0.1:80, [::1]:80 */
bool text_is_network(const char *text); /* 10.0.0.0/8, fd00::/8 */
bool text_is_url(const char *text);     /* begins with http:// or https:// and a host */

/* What a URL leads to, as host:port, for the caller to free; NULL: nothing that can be told. */
char *address_of_url(const char *url);

/* As npm bounds them. */
enum { PACKAGE_NAME_MOST = 214 };

/* Whether the first `n` bytes name a package of npm's: react, @types/node. */
bool text_is_package(const char *text, size_t n);

/* Whether `text` is one of the choices in "a|b|c". */
bool text_is_one_of(const char *text, const char *choices);

#endif
