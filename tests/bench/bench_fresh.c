/* SPDX-License-Identifier: ISC */
/* bench_fresh.c: a fresh device takes a zone, beside the network. */
/*
 * bench_fresh [RECORDS [BYTES]]: a zone of that many records, in commits of
 * 1,000, is made under "."; then a new copy pulls it from a file.
 */
#include "../unit/scratch_dir.h"

#include "link/depot_local.h"
#include "store/zone.h"

#include "base/file.h"
#include "base/now.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define PIECE (64 * 1024) /* as they come from a socket */

static void
must(int rc, const struct err *e)
{
	if (rc == 0)
		return;
	(void)fprintf(stderr, "%s: %s\n", err_name(e->code), e->msg);
	exit(1);
}

static int
to_file(void *arg, struct bytes x, struct err *e)
{
	return file_write_all(*(int *)arg, x, e);
}

/* ---- a depot that is a file of frames ---- */

struct frames {
	struct depot base;
	const char *path;
};

static int
changes(struct depot *d, const struct id *zone, uint64_t since,
    uint64_t heads_from, const struct depot_sink *sink, struct err *e)
{
	static uint8_t piece[PIECE];
	OWN(fd_close)
	int fd = open(((struct frames *)(void *)d)->path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	(void)zone;
	(void)since;
	(void)heads_from;
	sink->begin(sink->ctx);
	while ((n = read(fd, piece, sizeof piece)) > 0)
		if (sink->take(sink->ctx, bytes_of(piece, (size_t)n), e) < 0)
			return -1;
	return 0;
}

static void
no_free(struct depot *d)
{
	(void)d;
}

/* ---- what it takes ---- */

static atomic_long peak_kib;
static atomic_bool over;

static long
anon_kib(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];
	long kib = 0;

	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		if (strncmp(line, "RssAnon:", 8) == 0)
			kib = strtol(line + 8, NULL, 10);
	if (f != NULL)
		(void)fclose(f);
	return kib;
}

static void *
watch(void *arg)
{
	const struct timespec pause = { 0, 5000000 };

	while (!atomic_load(&over)) {
		long now = anon_kib();
		if (now > atomic_load(&peak_kib))
			atomic_store(&peak_kib, now);
		(void)nanosleep(&pause, NULL);
	}
	return arg;
}

static double
cpu_s(void)
{
	struct rusage u;

	(void)getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	    (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* ---- making it ---- */

static void
make_zone(const char *dir, struct depot_local_repo *r, size_t n, size_t size)
{
	static uint8_t plain[LIMIT_RECORD_BYTES];
	OWN(mem_free) char *state = file_join(dir, "one.db");
	OWN(local_free) struct local *local = NULL;
	OWN(zcopy_free) struct zcopy *z = NULL;
	struct zcopy_edit *edits =
	    mem_array(LIMIT_COMMIT_RECORDS, sizeof *edits);
	struct err e;

	must(local_open(state, &local, &e), &e);
	must(zcopy_open(&r->writer,
		 &(struct zcopy_of){
		     local, r->depot, &r->backup, CATEGORY_BACKUP },
		 &z, &e),
	    &e);
	for (size_t done = 0; done < n; done += LIMIT_COMMIT_RECORDS) {
		for (size_t i = 0; i < LIMIT_COMMIT_RECORDS; i++) {
			edits[i] = (struct zcopy_edit){ .plain = bytes_of(
							    plain, size) };
			id_random(&edits[i].id);
		}
		must(zcopy_commit(
			 z, edits, LIMIT_COMMIT_RECORDS, NULL, NULL, &e),
		    &e);
	}
	free(edits);
}

static void
write_frames(
    const char *repo, const struct depot_local_repo *r, const char *path)
{
	OWN(mem_free) char *file = file_join(repo, "repo.db");
	OWN(db_free) struct db *db = NULL;
	OWN(fd_close)
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	struct zone_key key = { r->uid, r->backup };
	struct err e;

	must(db_open(file, DB_OWN, &db, &e), &e);
	must(zone_changes(db, &key, 0, to_file, &fd, &e), &e);
}

static void
pull(const char *dir, struct depot_local_repo *r, const char *frames)
{
	static const struct depot_ops ops = { .changes = changes,
		.free = no_free };
	struct frames depot = { { &ops }, frames };
	OWN(mem_free) char *state = file_join(dir, "two.db");
	OWN(local_free) struct local *local = NULL;
	OWN(zcopy_free) struct zcopy *z = NULL;
	pthread_t watcher;
	struct err e;

	(void)pthread_create(&watcher, NULL, watch, NULL);
	double cpu = cpu_s();
	int64_t start = now_mono_ns();
	must(local_open(state, &local, &e), &e);
	must(zcopy_open(&r->writer,
		 &(struct zcopy_of){
		     local, &depot.base, &r->backup, CATEGORY_BACKUP },
		 &z, &e),
	    &e);
	must(zcopy_pull(z, &e), &e);
	double s = (double)(now_mono_ns() - start) / 1e9;
	cpu = cpu_s() - cpu;
	atomic_store(&over, true);
	(void)pthread_join(watcher, NULL);
	(void)printf("fresh_seconds\t%.2f\n", s);
	(void)printf("fresh_cpu_seconds\t%.2f\n", cpu);
	(void)printf("fresh_peak_anon_mib\t%.1f\n",
	    (double)atomic_load(&peak_kib) / 1024);
}

int
main(int argc, char **argv)
{
	size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
	size_t size = argc > 2 ? strtoul(argv[2], NULL, 10) : 200;
	OWN(scratch_free) struct scratch dir = scratch_new();
	OWN(depot_local_free) struct depot_local_repo *r = NULL;
	struct err e;

	OWN(mem_free) char *repo = file_join(dir.path, "repo");
	OWN(mem_free) char *frames = file_join(dir.path, "frames");
	must(depot_local_create(repo, bytes_str("bench"), &e), &e);
	must(depot_local_open(repo, bytes_str("bench"), &r, &e), &e);
	make_zone(dir.path, r, n, size);
	write_frames(repo, r, frames);
	pull(dir.path, r, frames);
	return 0;
}
