/* SPDX-License-Identifier: ISC */
/* backup.c: options in, snapshot out. */
#include "backup/backup_in.h"

#include "backup/prune.h"
#include "files/secretfile.h"
#include "base/file.h"
#include "base/now.h"
#include "base/text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define TRIES 3 /* of a backup whose packs are pruned meanwhile */

/* One cache per account and set of roots. */
static char *
seen_path(const struct run *r)
{
	OWN(digest_free) struct digest_state *d = digest_new();
	OWN(buf_free) struct buf name = { 0 };
	struct digest hash;

	digest_add(d, bytes_of(r->repo->self.uid.b, ID_BYTES));
	for (size_t i = 0; i < r->n_roots; i++)
		digest_add(d, bytes_of(r->roots[i], strlen(r->roots[i]) + 1));
	digest_end(d, &hash);
	buf_put_str(&name, "seen-");
	text_hex(&name, bytes_of(hash.b, 16));
	return file_join(r->repo->cache_dir, buf_text(&name));
}

/* What decides how a file is stored, beside the file. */
static struct digest
rules_of(const struct backup_options *o)
{
	OWN(digest_free) struct digest_state *d = digest_new();
	struct digest out;

	secretfile_rules(d);
	for (size_t i = 0; i < o->n_secrets; i++)
		digest_add(
		    d, bytes_of(o->secrets[i], strlen(o->secrets[i]) + 1));
	digest_end(d, &out);
	return out;
}

/* What is known before the work starts, refused if it could not be read. */
static int
name_it(struct run *r, struct snapshot *s, struct err *e)
{
	buf_put_str(&s->host, r->o->host);
	buf_put_str(&s->user, r->o->user);
	buf_put_str(&s->version, r->o->version);
	for (size_t i = 0; i < r->n_roots; i++)
		snapshot_add_path(s, bytes_str(r->roots[i]));
	for (size_t i = 0; i < r->o->n_tags; i++)
		snapshot_add_tag(s, bytes_str(r->o->tags[i]));
	return snapshot_check_words(s, e);
}

static void
describe(struct run *r, struct snapshot *s, int64_t started_ms)
{
	const struct backup_progress *t = &r->result->totals;
	struct sink_totals k = sink_totals(r->sink);

	id_random(&s->id);
	s->time_ms = (uint64_t)started_ms;
	s->duration_ms = r->result->duration_ms;
	s->dev_id = r->repo->self.dev_id;
	s->partial = t->errors > 0;
	s->files = t->files;
	s->dirs = t->dirs;
	s->others = t->others;
	s->bytes = t->bytes;
	s->new_bytes = k.new_bytes;
	s->stored_bytes = k.stored_bytes;
	s->errors = t->errors;
	sink_packs(r->sink, CATEGORY_KEYCHAIN, &s->keychain_packs);
}

static bool
used(void *ctx, enum category c, const struct id *pack)
{
	struct run *r = ctx;

	if (!sink_uses(r->sink, c, pack))
		return false;
	r->uses_condemned[c] = true;
	return true;
}

struct gone_check {
	struct run *r;
	enum category category;
};

static int
gone_one(void *ctx, const struct id *id, struct err *e)
{
	struct gone_check *g = ctx;

	if (!sink_uses(g->r->sink, g->category, id))
		return 0;
	return err_set(
	    e, ERR_CONFLICT, "another device pruned what this backup uses");
}

/* Asked before each try to commit: is all that the snapshot uses there? */
static int
nothing_gone(void *ctx, struct err *e)
{
	struct run *r = ctx;
	struct gone_check backup = { r, CATEGORY_BACKUP };
	struct gone_check keychain = { r, CATEGORY_KEYCHAIN };

	return zcopy_pull(r->repo->parts[CATEGORY_KEYCHAIN].zone, e) < 0 ||
		zcopy_gone(r->repo->parts[CATEGORY_BACKUP].zone, r->backup_seq,
		    gone_one, &backup, e) < 0 ||
		zcopy_gone(r->repo->parts[CATEGORY_KEYCHAIN].zone,
		    r->keychain_seq, gone_one, &keychain, e) < 0
	    ? -1
	    : 0;
}

/*
 * The snapshot, its refs records when it needs many packs, the end of the run,
 * and the pardon of what was condemned and is used again: one commit.
 */
static int
commit_snapshot(struct run *r, struct snapshot *s, struct err *e)
{
	OWN(buf_free) struct buf packs = { 0 };
	OWN(buf_free) struct buf plain = { 0 };
	OWN(buf_free) struct buf more = { 0 };
	OWN(buf_free) struct buf pardoned = { 0 };

	sink_packs(r->sink, CATEGORY_BACKUP, &packs);
	if (prune_condemned(r->repo, used, r, &pardoned, e) < 0 ||
	    (r->uses_condemned[CATEGORY_KEYCHAIN] &&
		prune_hold_up(r->repo, CATEGORY_KEYCHAIN, e) < 0))
		return -1;
	size_t n = packs.n / ID_BYTES;
	size_t extra = n > LIMIT_REFS ? (n - 1) / LIMIT_REFS : 0;
	size_t free_ids = pardoned.n / ID_BYTES;
	if (free_ids > LIMIT_COMMIT_RECORDS / 2)
		free_ids = LIMIT_COMMIT_RECORDS / 2; /* prune does the rest */
	OWN(mem_free)
	struct zcopy_edit *edits =
	    mem_array(2 + extra + free_ids, sizeof *edits);
	buf_put_u8(&more, SNAPSHOT_REFS_KIND);
	id_put(&more, &s->id);
	for (size_t i = 0; i <= extra; i++) {
		size_t left = n - i * LIMIT_REFS;
		edits[i].refs = bytes_of(packs.p + i * LIMIT_REFS * ID_BYTES,
		    (left < LIMIT_REFS ? left : LIMIT_REFS) * ID_BYTES);
		edits[i].plain = buf_bytes(&more);
		if (i > 0) {
			id_random(&edits[i].id);
			id_put(&s->more_refs, &edits[i].id);
		}
	}
	snapshot_put(&plain, s);
	edits[0].id = s->id;
	edits[0].plain = buf_bytes(&plain);
	size_t at = 1 + extra;
	edits[at++] = (struct zcopy_edit){ .id = r->run, .deleted = true };
	for (size_t i = 0; i < free_ids; i++, at++) {
		memcpy(edits[at].id.b, pardoned.p + i * ID_BYTES, ID_BYTES);
		edits[at].deleted = true;
	}
	return zcopy_commit(r->repo->parts[CATEGORY_BACKUP].zone, edits, at,
	    nothing_gone, r, e);
}

static int
finish(struct run *r, struct snapshot *s, int64_t started_ms, struct err *e)
{
	for (int l = 0; l < LANE_END; l++)
		backup_submit(r, (enum lane)l);
	if (sink_settle(r->sink, e) < 0 || backup_drain(r, e) < 0 ||
	    tree_out_end(r->tree, &s->tree, &s->index, e) < 0 ||
	    sink_flush(r->sink, e) < 0)
		return -1;
	r->result->duration_ms = (uint64_t)(now_ms() - started_ms);
	describe(r, s, started_ms);
	if (commit_snapshot(r, s, e) < 0)
		return err_in(e, "recording the snapshot");
	r->result->snapshot = s->id;
	r->result->totals.new_bytes = s->new_bytes;
	r->result->totals.stored_bytes = s->stored_bytes;
	return 0;
}

/* Caches only: the backup stands without them. */
static void
save_caches(struct run *r)
{
	const struct backup_progress *t = &r->result->totals;
	struct err ignored;

	(void)!repo_save(r->repo, &ignored);
	(void)!seen_out_end(
	    r->seen_out, &(struct seen_totals){ t->files, t->bytes }, &ignored);
}

static int
begin(
    struct run *r, const char *cache, const struct digest *rules, struct err *e)
{
	assert(r->repo != NULL);
	r->backup_seq = chunkmap_seq(r->repo->parts[CATEGORY_BACKUP].map);
	r->keychain_seq = chunkmap_seq(r->repo->parts[CATEGORY_KEYCHAIN].map);
	if (prune_run_begin(r->repo, &r->run, e) < 0)
		return -1;
	r->begun = true;
	r->sink = lane_sink(r->repo, r->o->threads);
	r->tree = tree_out_new(r->sink, r->repo->cache_dir);
	return seen_out_new(cache, rules, &r->seen_out, e);
}

static int
run_all(struct run *r, struct err *e)
{
	OWN(snapshot_free) struct snapshot s = { 0 };
	OWN(mem_free) char *cache = NULL;
	const struct backup_options *o = r->o;
	struct digest rules = rules_of(o);
	int64_t started_ms = now_ms();

	if (backup_find_roots(r, e) < 0 || name_it(r, &s, e) < 0 ||
	    backup_rules_load(r, e) < 0)
		return -1;
	cache = r->repo != NULL ? seen_path(r) : mem_text("");
	r->seen = seen_open(cache, &rules);
	r->capture = capture_new();
	if (!o->dry_run && begin(r, cache, &rules, e) < 0)
		return -1;
	backup_count_begin(r);
	if (backup_walk(r, e) < 0)
		return -1;
	if (r->roots_done == 0) {
		*e = r->first;
		return -1;
	}
	r->result->totals.path = "";
	if (!o->dry_run && finish(r, &s, started_ms, e) < 0)
		return -1;
	r->begun = false;
	r->result->duration_ms = (uint64_t)(now_ms() - started_ms);
	r->result->partial = r->result->totals.errors > 0;
	if (!o->dry_run)
		save_caches(r);
	return 0;
}

/*
 * A run that failed is over: prune need not wait for it. What is on its way
 * is stored and recorded, or dropped, before that. A server that is away is not
 * asked; then the next backup of this device ends the run.
 */
static void
end_run(struct run *r, const struct err *why)
{
	struct repo *repo = r->repo;
	struct id run = r->run;
	bool begun = r->begun;
	struct err ignored;

	if (r->sink != NULL)
		sink_abandon(r->sink, why);
	backup_run_free(r);
	if (begun && why->code != ERR_SERVER_UNREACHABLE)
		(void)!prune_run_end(repo, &run, &ignored);
}

static int
run_once(struct repo *repo, const struct backup_options *o,
    struct backup_result *out, struct err *e)
{
	OWN(backup_run_free)
	struct run r = {
		.repo = repo, .o = o, .result = out, .detail = CAPTURE_DETAIL
	};

	*out = (struct backup_result){ 0 };
	(void)fd_raise(); /* one for each level of the tree */
	if (run_all(&r, e) == 0)
		return 0;
	end_run(&r, e);
	return -1;
}

int
backup_run(struct repo *repo, const struct backup_options *o,
    struct backup_result *out, struct err *e)
{
	for (int tries = 0;; tries++) {
		if (run_once(repo, o, out, e) == 0)
			return 0;
		/* Pruned under our feet: what is gone is stored again. */
		if (e->code != ERR_CONFLICT || tries >= TRIES || repo == NULL ||
		    repo_refresh(repo, e) < 0)
			return -1;
	}
}
