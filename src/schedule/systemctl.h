/* SPDX-License-Identifier: ISC */
/* systemctl.h: asking systemd, by its own programs. */
/*
 * They reach the manager of a user also where there is no session bus, which a
 * library for D-Bus would not. What they say goes nowhere: the answer is
 * whether they succeed, and nothing they are asked is a secret.
 */
#pragma once

#include <stdbool.h>

/* systemctl [--user] VERB [OPTION] [UNIT]; NULL leaves one out. False also where
 * there is no systemd. */
bool systemctl(
    bool system, const char *verb, const char *option, const char *unit);
/* loginctl enable-linger, for this user. */
bool systemctl_linger(void);
