/* SPDX-License-Identifier: ISC */
/* now.h: the two clocks. */
#pragma once

#include <stdint.h>
#include <time.h>

int64_t now_ms(void); /* UTC, milliseconds since 1970 */
int64_t now_mono_ns(void); /* never steps; only differences mean something */
/* That clock, ms from now: until when a condition is waited for. */
struct timespec now_mono_after(int64_t ms);
