/* SPDX-License-Identifier: ISC */
/* now.c: the two clocks. */
#include "base/now.h"

#include <time.h>

int64_t
now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t
now_mono_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

struct timespec
now_mono_after(int64_t ms)
{
	int64_t at = now_mono_ns() + ms * 1000000;

	return (struct timespec){ .tv_sec = (time_t)(at / 1000000000),
		.tv_nsec = (long)(at % 1000000000) };
}
