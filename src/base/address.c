/* SPDX-License-Identifier: Apache-2.0 */
#include "base/address.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>

/* Digits alone, no more than `most`. */
static bool is_number(const char *text, long most)
{
    size_t n = strspn(text, "0123456789");

    return n > 0 && n <= 6 && text[n] == '\0' && strtol(text, NULL, 10) <= most;
}

bool text_is_ip(const char *text)
{
    unsigned char address[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

bool text_is_host(const char *text)
{
    for (const char *at = text; *at; at++) {
        if (!isalnum((unsigned char)*at) && !strchr("-._", *at))
            return false;
    }
    return *text != '\0' && strlen(text) <= 253;
}

bool text_is_address(const char *text)
{
    const char *colon = strrchr(text, ':');
    bool brackets = *text == '[' && colon && colon > text + 1 && colon[-1] == ']';

    if (!colon || !is_number(colon + 1, 65535))
        return false;
    scoped(mem_free) char *host = brackets ? mem_text_n(text + 1, (size_t)(colon - text) - 2)
                                           : mem_text_n(text, (size_t)(colon - text));
    return brackets ? text_is_ip(host) : text_is_host(host);
}

bool text_is_network(const char *text)
{
    const char *slash = strchr(text, '/');

    if (!slash || !is_number(slash + 1, strchr(text, ':') ? 128 : 32))
        return false;
    scoped(mem_free) char *ip = mem_text_n(text, (size_t)(slash - text));
    return text_is_ip(ip);
}

bool text_is_url(const char *text)
{
    const char *rest = strncmp(text, "http://", 7) == 0    ? text + 7
                       : strncmp(text, "https://", 8) == 0 ? text + 8
                                                           : "";
    return isalnum((unsigned char)*rest) || *rest == '[';
}

char *address_of_url(const char *url)
{
    bool tls = strncmp(url, "https://", 8) == 0;

    if (!text_is_url(url))
        return NULL;
    const char *start = url + (tls ? 8 : 7), *end = start + strcspn(start, "/?#\\");
    const char *at = memrchr(start, '@', (size_t)(end - start));
    scoped(mem_free) char *place =
        mem_text_n(at ? at + 1 : start, (size_t)(end - (at ? at + 1 : start)));
    scoped(mem_free) char *full = mem_format("%s:%s", place, tls ? "443" : "80");
    bool has_port = text_is_address(place);

    return has_port ? take(place) : text_is_address(full) ? take(full) : NULL;
}

bool text_is_one_of(const char *text, const char *choices)
{
    size_t n = strlen(text);

    for (const char *at = choices;; at += strcspn(at, "|") + 1) {
        if (strcspn(at, "|") == n && memcmp(at, text, n) == 0)
            return true;
        if (at[strcspn(at, "|")] == '\0')
            return false;
    }
}

static const char package_chars[] = "abcdefghijklmnopqrstuvwxyz"
                                    "ABCDEFGHIJKLMNOPQRSTUVWXYZ" /* some old packages have them */
                                    "0123456789-._~";

/* One of the parts of a name that a slash separates. */
static bool is_part(const char *text, size_t n)
{
    return n > 0 && strspn(text, package_chars) >= n && text[0] != '.' && text[0] != '_';
}

bool text_is_package(const char *text, size_t n)
{
    if (n > PACKAGE_NAME_MOST)
        return false;
    if (*text != '@')
        return is_part(text, n);
    const char *slash = memchr(text, '/', n);
    return slash && is_part(text + 1, (size_t)(slash - text) - 1) &&
           is_part(slash + 1, n - (size_t)(slash - text) - 1);
}
