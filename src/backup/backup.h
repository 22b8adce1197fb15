/* SPDX-License-Identifier: ISC */
/* backup.h: one backup of some roots into a repository. */
#pragma once

#include "backup/snapshot.h"

struct backup_progress {
	uint64_t files, dirs, others, bytes, new_bytes, stored_bytes, errors;
	/* What there will be in the end, about; 0 while that is not known. */
	uint64_t all_files, all_bytes;
	const char *path; /* being read now; raw bytes */
};

struct backup_options {
	const char *const *paths; /* as typed */
	size_t n_paths;
	const char *const *tags;
	size_t n_tags;
	const char *const *excludes; /* patterns */
	size_t n_excludes;
	const char *const *exclude_files; /* -: standard input */
	size_t n_exclude_files;
	const char *const *secrets; /* patterns of more secret files */
	size_t n_secrets;
	bool one_file_system;
	bool dry_run;
	bool verify; /* read unchanged files all the same */
	/* The folder that the repository is, which is left out; 0: none. */
	uint64_t repo_dev, repo_ino;
	const char *host, *user, *version;
	unsigned threads; /* 0: one per core */
	/* One file could not be stored, or not in a settled state. */
	void (*warn)(void *ctx, struct bytes path, const struct err *why);
	void (*progress)(void *ctx, const struct backup_progress *p);
	/*
	 * After so many seconds somebody wants to know all_files and all_bytes;
	 * 0: nobody does.
	 */
	unsigned count_after_s;
	/* Says true: end in order, with ERR_STOPPED. NULL: never. Any thread. */
	bool (*stop)(void);
	void *ctx;
};

struct backup_result {
	struct id snapshot; /* zeros in a dry run */
	struct backup_progress totals;
	uint64_t duration_ms;
	bool partial; /* something is missing: read-incomplete */
};

/*
 * Back up. Stored packs are recorded as they fill, so a run that was cut off is
 * continued by the next. A run that fails takes back its record, so that prune
 * need not wait for it.
 *
 * r       NULL: a dry run, as for a repository that is not made yet.
 * errors  not-found when no root is there; the server's and the disk's;
 *         stopped.
 */
MUST_CHECK int backup_run(struct repo *r, const struct backup_options *o,
    struct backup_result *out, struct err *e);
