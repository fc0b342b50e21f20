/* SPDX-License-Identifier: Apache-2.0
 *
 * Every bound that a stranger can meet, in one place, each with its reason. Those that an operator
 * may want to change are settings (settings.def) and only their defaults stand here.
 */
#ifndef BASE_BOUNDS_H
#define BASE_BOUNDS_H

enum {
    /* JSON deeper than this is never meant; parsers and printers recurse. */
    LIMIT_JSON_DEPTH = 64,

    /* Values in one text of JSON: each takes up to 140 bytes when it is parsed, so that 16 MiB of empty
     * arrays would take 760 MiB. A result of 5 MiB that somebody means has some 200 000. */
    LIMIT_JSON_VALUES = 1000 * 1000,

    /* A connection that was opened, or a request line that came: the rest of the head must be there
     * within this many seconds in all. Heads are one packet; who trickles one is no client. */
    LIMIT_HEAD_SECONDS = 20,

    /* Connections at once, where descriptors allow them: further ones wait in the kernel's queue. One that
     * is slow or idle costs some 22 KiB, all of them 352 MiB. */
    LIMIT_CONNECTIONS = 16 * 1024,

    /* A body, or an answer, must flow with so many bytes a second, and may be so many seconds late.
     * Slower than any line that people use; 64 MiB may take most of a day, 2 MiB half an hour. */
    LIMIT_SLOWEST = 1024,
    LIMIT_LATE_SECONDS = 30,

    /* Silence on a kept connection: more than the 60 s that clients poll with. */
    LIMIT_IDLE_SECONDS = 75,

    /* A request body that is held in memory: params (1 MiB) and what surrounds them. */
    LIMIT_BODY = 2 * 1024 * 1024,

    /* A body that anybody may send, without a key: a command's name and a few facts about it. */
    LIMIT_EVENT = 16 * 1024,

    /* A body whose `source` streams to disk: a 47 MiB archive after base64. */
    LIMIT_UPLOAD = 64 * 1024 * 1024,

    /* An archive of up to so much is held in memory while it comes and kept in a row of the store: what
     * people write themselves packs to less. Several hundred at once are no burden. */
    LIMIT_SMALL_SOURCE = 32 * 1024,

    /* All of an upload's JSON but `source`: four short fields. */
    LIMIT_UPLOAD_REST = 64 * 1024,

    /* A body is read where its request came, as long as that takes less than a millisecond or so. */
    LIMIT_BODY_AT_ONCE = 64 * 1024,

    /* A request for an AI build, with what its client recorded, and how many entries of that. */
    LIMIT_BUILD_BODY = 32 * 1024 * 1024,
    LIMIT_LOG_ENTRIES = 20000,

    /* `params` and the like, as compact JSON. */
    LIMIT_PARAMS = 1024 * 1024,

    /* An archive, unpacked: files, their bytes, and one path. Real ones hold 5 files, 1.5 MB. */
    LIMIT_UNPACKED_MIB = 512,
    LIMIT_ENTRIES = 20000,
    LIMIT_PATH = 1024,

    /* What the public client prints in full, and a person can still read. */
    LIMIT_BUILD_ERROR = 16 * 1024,

    /* How often a browser is started for a job when that is what fails: a fault of the server or of its
     * machine may pass, and nothing of the tenant's has run. */
    LIMIT_JOB_STARTS = 3,

    /* One message to a browser: Playwright sends files of up to 50 MB in one, as base64. And one from a
     * browser, which is not held; a picture of a page can be long. */
    LIMIT_CDP_COMMAND = 96 * 1024 * 1024,
    LIMIT_CDP_ANSWER = 256 * 1024 * 1024,

    /* Browsers that one job may have at a time, and files that it may choose at once. */
    LIMIT_BROWSERS = 16,
    LIMIT_CHOSEN_FILES = 1000,

    /* One line from a sandbox; a screenshot in base64 is the longest that is meant. */
    LIMIT_FRAME = 16 * 1024 * 1024,

    /* What one job may say, and what one build may. */
    LIMIT_LOG_LINE = 64 * 1024,
    LIMIT_JOB_LOG = 50 * 1024 * 1024,
    LIMIT_BUILD_LOG = 4 * 1024 * 1024,

    /* Lines of one job that the store has not kept yet: two commits' worth. With more its output is not
     * read, and what it prints waits in the box, not before the writes of others. */
    LIMIT_LOG_WAITING = 512,

    /* A handler's return value, as JSON. */
    LIMIT_RESULT = 5 * 1024 * 1024,
    LIMIT_JOB_ERROR = 64 * 1024,

    /* What is left of a failed job's page, and the pictures that a model gets: as runner/PROTOCOL.md has
     * them, base64 for pictures. */
    LIMIT_SCREENSHOT = 4 * 1024 * 1024,
    LIMIT_HTML = 2 * 1024 * 1024,
    LIMIT_IMAGE = 3 * 1024 * 1024,
    LIMIT_CHANGED = 4 * 1024,

    /* Set aside for when the system gives no memory: the answers and outcomes that may be under way then,
     * of which a result, as the store takes it and as JSON, is the largest. Addresses, until it is used. */
    MEM_RESERVE = 32 * 1024 * 1024,
    /* What a registry says of one package, and one package, as they come; the longest that are public
     * have a tenth of that. What is parsed at once takes several times its size in memory. */
    LIMIT_PACKUMENT = 64 * 1024 * 1024,
    LIMIT_PACKAGE = 512 * 1024 * 1024,
    LIMIT_PACKAGE_URL = 2048,

    /* Of all that installs may ask at once; npm opens 15 connections, and two builds run at a time. */
    LIMIT_FETCHES = 32,

    /* What was fetched for installs and nobody asked for since. */
    LIMIT_UNUSED_PACKAGE_DAYS = 90,

    LIMIT_NAME = 200,         /* a workflow's name, characters */
    LIMIT_WAIT_SECONDS = 60,  /* Node's fetch gives up after 300 s */
    LIMIT_WAITERS = 250,      /* requests of one tenant that wait: each holds a connection */
    LIMIT_CREDENTIAL = 65536, /* a credential's value, bytes */

    /* Rows that a list with filters looks at for one answer, found or not: a page may have less than was
     * asked for, and a cursor to go on. They take some 10 ms of a thread that serves everybody. */
    LIMIT_WALK = 10000,

    /* A disk with less than a twentieth free takes nothing new, so that what is there can go on
     * working. A large one has room enough at 1 GiB, a small one still needs 64 MiB. */
    DISK_RESERVE_SHARE = 20,
    DISK_RESERVE_MOST = 1024 * 1024 * 1024,
    DISK_RESERVE_LEAST = 64 * 1024 * 1024,
};

#endif
