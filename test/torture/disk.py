# SPDX-License-Identifier: Apache-2.0
"""What the power part asks of a disk.

cut MOUNT    stops the ext4 at MOUNT at once, without writing out its log or anything else
check DATA   the store there is whole, and each of its blobs is there with its size and its digest
"""
import fcntl
import hashlib
import os
import sqlite3
import struct
import sys

EXT4_IOC_SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32)
NO_LOG_FLUSH = 2


def cut(mount):
    fd = os.open(mount, os.O_RDONLY)
    fcntl.ioctl(fd, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))


def check(data):
    # As the next server will find it: with the log that the last one left.
    store = sqlite3.connect(os.path.join(data, "impresario.db"))
    (verdict,) = store.execute("PRAGMA integrity_check").fetchone()
    if verdict != "ok":
        sys.exit("integrity_check: " + verdict)
    for key, size, digest, content in store.execute(
        "SELECT source_key, source_size, source_digest, data FROM deployment"
        " LEFT JOIN deployment_source ON deployment_id = id WHERE source_key IS NOT NULL"
        " UNION ALL SELECT blob_key, size, NULL, NULL FROM bundle"
    ):
        path = os.path.join(data, "blobs", key)
        if content is None:
            with open(path, "rb") as blob:
                content = blob.read()
        if len(content) != size:
            sys.exit(f"{path} has {len(content)} bytes, its row says {size}")
        if digest and hashlib.sha256(content).hexdigest() != digest:
            sys.exit(f"{path} has not the digest that its row says")


{"cut": cut, "check": check}[sys.argv[1]](sys.argv[2])
