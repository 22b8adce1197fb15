/* SPDX-License-Identifier: ISC */
/* hist.h: which former contents of a file are kept, and for how long. */
/*
 * Pure. A version was what the file held from when it was written until the
 * next one took its place; its age counts from then on, so that the good form of
 * a file that was left alone for years outlives a day of bad ones.
 *
 *   all      whatever was replaced within this time
 *   daily    what the file held as a day ended (UTC), for so long
 *   weekly   the same as a week ended, on Sunday
 *   least    so many of the newest, however old
 *
 * When there is no room for all of these, what was there for the shortest time
 * goes: of a file that is saved every minute the old forms stay.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hist_policy {
	uint64_t all_ms, daily_ms, weekly_ms;
	size_t least;
	size_t room; /* versions, at most */
	size_t room_bytes; /* of them in all */
	uint64_t trash_ms;
};

/* 24 hours, 30 days, a year, 5; as many as a history holds; 30 days. */
struct hist_policy hist_default(void);

/* A former content, and what the rules say of it. */
struct hist_version {
	uint64_t changed_ms; /* when it was written */
	size_t bytes; /* that it takes in the history */
	bool keep; /* out */
};

/*
 * Judge n versions, newest first.
 *
 * current_ms  when what the file holds now was written.
 */
void hist_judge(const struct hist_policy *p, uint64_t now_ms,
    uint64_t current_ms, struct hist_version *v, size_t n);

/* Has it been in the trash for so long that it goes? */
bool hist_expired(
    const struct hist_policy *p, uint64_t now_ms, uint64_t trashed_ms);
