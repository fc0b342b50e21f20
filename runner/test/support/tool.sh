#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What these tests need of the server's own binary, so that runner/ can be tested without a build:
# `pack --when-told DIR` and `unpack --tar --into DIR`. The system tests use the real one.
case $1 in
pack) cat >/dev/null && exec tar --sort=name -cf - -C "$3" . ;;
unpack) exec tar -xf - -C "$4" ;;
*) exit 64 ;;
esac
