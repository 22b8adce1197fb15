/* SPDX-License-Identifier: ISC */
/* now.h: the two clocks. */
#pragma once

#include <stdint.h>
#include <time.h>

/* UTC, milliseconds since 1970; steps when somebody sets it. */
int64_t now_ms(void);
/* Never steps; only differences mean something. */
int64_t now_mono_ns(void);
/* That clock, ms from now: until when a condition is waited for. */
struct timespec now_mono_after(int64_t ms);
