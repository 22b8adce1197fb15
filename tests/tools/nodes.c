/* SPDX-License-Identifier: ISC */
/* nodes.c: a Drive of very many nodes, or of odd ones that no command makes. */
/*
 *     nodes HOME make N    commit N nodes to the Drive: a directory for each 100
 *     nodes HOME take      pull the Drive as a command does; prints how many
 *                          records there are, seconds, and seconds of CPU
 *     nodes HOME odd TYPE FLAGS DEPTH NAME
 *                          commit one node, both numbers as node.h has them,
 *                          below DEPTH directories in each other, called d;
 *                          "orphan": in one that is not there
 */
#include "base/now.h"
#include "base/text.h"
#include "client/self.h"
#include "client/self_zones.h"
#include "drive/drive.h"
#include "tree/node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define IN_DIR 100 /* nodes of one directory, itself counted */

struct opened {
	struct self *self;
	struct repo *repo;
	struct drive *drive;
};

static void
opened_free(struct opened *o)
{
	drive_free(&o->drive);
	repo_free(&o->repo);
	self_free(&o->self);
}

static int
open_drive(struct opened *o, struct err *e)
{
	struct self *s = o->self;
	struct id zone;

	if (self_zone(s, CATEGORY_DRIVE, &zone, e) < 0)
		return -1;
	const struct repo_from from = { .self = &s->writer,
		.local = s->local,
		.depot = s->depot,
		.dir = s->dir,
		.zones = {
		    [CATEGORY_DRIVE] = &zone, [CATEGORY_KEYCHAIN] = &zone } };
	if (repo_open(&from, &o->repo, e) < 0)
		return -1;
	const struct drive_from drive = { .repo = o->repo,
		.dir = s->dir,
		.uid = s->uid,
		.dev_id = s->dev_id,
		.device = "bench" };
	return drive_open(&drive, &o->drive, e);
}

/* Files of 16 bytes; each hundredth node is the directory of the next ones. */
static void
put(struct buf *out, uint64_t i, const struct id *dir, const struct id *dev)
{
	OWN(buf_free) struct buf content = { 0 };
	char name[32];
	bool is_dir = i % IN_DIR == 0;
	const struct node_content c = { .size = 16,
		.form = NODE_INLINE,
		.bytes = bytes_str("sixteen of bytes") };

	node_content_put(&content, &c);
	(void)snprintf(name, sizeof name, "%s-%07llu",
	    is_dir ? "folder" : "file", (unsigned long long)i);
	node_put(out,
	    &(struct node){ .type = is_dir ? NODE_DIR : NODE_FILE,
		.parent = is_dir ? (struct id){ { 0 } } : *dir,
		.name = bytes_str(name),
		.dev = *dev,
		.mtime_s = 1700000000,
		.changed_ms = 1700000000000,
		.edits = 1,
		.content =
		    is_dir ? (struct bytes){ 0 } : buf_bytes(&content) });
}

static int
make(struct opened *o, const char *number, struct err *e)
{
	static struct zcopy_edit edits[LIMIT_COMMIT_RECORDS];
	static struct buf plain[LIMIT_COMMIT_RECORDS];
	struct id dir = { { 0 } };
	uint64_t n, i = 0;
	int rc = 0;

	if (text_parse_u64(number, 1, 1000000, &n) < 0)
		return err_set(e, ERR_USAGE, "N is no number");
	while (i < n && rc == 0) {
		size_t k = 0;
		for (; k < LIMIT_COMMIT_RECORDS && i < n; k++, i++) {
			id_random(&edits[k].id);
			if (i % IN_DIR == 0)
				dir = edits[k].id;
			plain[k].n = 0;
			put(&plain[k], i, &dir, &o->self->dev_id);
			edits[k].plain = buf_bytes(&plain[k]);
		}
		rc =
		    zcopy_commit(drive_zone(o->drive), edits, k, NULL, NULL, e);
	}
	for (size_t k = 0; k < LIMIT_COMMIT_RECORDS; k++)
		buf_free(&plain[k]);
	return rc;
}

static int
odd(struct opened *o, char **args, struct err *e)
{
	struct zcopy_edit edits[LIMIT_COMMIT_RECORDS] = { { .expect = 0 } };
	OWN(buf_free) struct buf content = { 0 };
	uint64_t type, flags, depth;
	struct id up = { { 0 } };
	int rc = 0;

	if (strcmp(args[2], "orphan") == 0) {
		id_random(&up);
		args[2] = "0";
	}
	if (text_parse_u64(args[0], NODE_FILE, NODE_SHARE, &type) < 0 ||
	    text_parse_u64(args[1], 0, NODE_FLAGS, &flags) < 0 ||
	    text_parse_u64(args[2], 0, 100000, &depth) < 0)
		return err_set(
		    e, ERR_USAGE, "TYPE, FLAGS or DEPTH is no number");
	const struct node_content c = {
		.size = 3, .form = NODE_INLINE, .bytes = bytes_str("odd")
	};
	node_content_put(&content, &c);
	for (uint64_t i = 0; i <= depth && rc == 0;) {
		struct buf plain[LIMIT_COMMIT_RECORDS] = { { 0 } };
		size_t k = 0;
		for (; k < LIMIT_COMMIT_RECORDS && i <= depth; k++, i++) {
			struct node n = { .type = NODE_DIR,
				.parent = up,
				.name = bytes_str("d"),
				.dev = o->self->dev_id,
				.mtime_s = 1700000000,
				.changed_ms = 1700000000000,
				.edits = 1 };
			if (i == depth) {
				n.type = (enum node_type)type;
				n.flags = (uint16_t)flags;
				n.name = bytes_str(args[3]);
				n.target = bytes_str("target");
				n.share_owner = n.share_zone = n.dev;
			}
			if (n.type == NODE_FILE)
				n.content = buf_bytes(&content);
			id_random(&edits[k].id);
			up = edits[k].id;
			node_put(&plain[k], &n);
			edits[k].plain = buf_bytes(&plain[k]);
		}
		rc =
		    zcopy_commit(drive_zone(o->drive), edits, k, NULL, NULL, e);
		while (k > 0)
			buf_free(&plain[--k]);
	}
	return rc;
}

static double
cpu_s(void)
{
	struct rusage u;

	(void)getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	    (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static int
count(void *ctx, const struct zcopy_record *r, struct err *e)
{
	uint64_t *n = ctx;

	(void)r;
	(void)e;
	++*n;
	return 0;
}

static int
take(struct opened *o, struct err *e)
{
	int64_t start = now_mono_ns();
	double cpu = cpu_s();
	uint64_t n = 0;

	if (drive_pull(o->drive, e) < 0)
		return -1;
	double s = (double)(now_mono_ns() - start) / 1e9;
	cpu = cpu_s() - cpu;
	if (zcopy_each(drive_zone(o->drive), 0, count, &n, e) < 0)
		return -1;
	(void)printf("%llu %.2f %.2f\n", (unsigned long long)n, s, cpu);
	return 0;
}

int
main(int argc, char **argv)
{
	OWN(opened_free) struct opened o = { 0 };
	struct err e = { 0 };
	bool makes = argc == 4 && strcmp(argv[2], "make") == 0;
	bool odds = argc == 7 && strcmp(argv[2], "odd") == 0;

	if (!makes && !odds && (argc != 3 || strcmp(argv[2], "take") != 0))
		return 2;
	if (self_open(argv[1], &o.self, &e) < 0 ||
	    self_connect(o.self, &e) < 0 || self_refresh(o.self, &e) < 0 ||
	    self_state(o.self, &e) < 0 || open_drive(&o, &e) < 0 ||
	    (makes	   ? make(&o, argv[3], &e)
		    : odds ? odd(&o, argv + 3, &e)
			   : take(&o, &e)) < 0) {
		(void)fprintf(
		    stderr, "nodes: %s\n(%s)\n", e.msg, err_name(e.code));
		return 1;
	}
	return 0;
}
