/* SPDX-License-Identifier: ISC */
/* zones.c: commits, changes and blobs over HTTP. */
#include "api/api.h"

#include "base/file.h"
#include "base/now.h"
#include "base/text.h"
#include "factor/factor.h"
#include "http/route.h"
#include "store/inbox.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static int
zone_of(const struct request *q, struct zone_key *key, struct err *e)
{
	const struct caller *me = q->user;

	key->uid = me->uid;
	if (id_parse(bytes_str(q->capture[0]), &key->zone) < 0)
		return err_set(e, ERR_NOT_FOUND, "there is no such zone");
	return 0;
}

struct find_job {
	const struct zone_key *key;
	struct zone_info info;
};

static int
find_job(struct tx *tx, void *arg, struct err *e)
{
	struct find_job *j = arg;

	return zone_find(tx, j->key, &j->info, e);
}

bool
zones_may_read(const struct caller *me, enum category c)
{
	/* A zone that was set aside has a number that is no category. */
	return !me->limited ||
	    (category_known(c) && (me->released >> c & 1) != 0);
}

/* A visitor reads what the escrow gave it the keys of, and nothing else. */
static int
check_reader(const struct server *s, const struct caller *me,
    const struct zone_key *key, struct err *e)
{
	struct find_job j = { .key = key };

	if (!me->limited)
		return 0;
	if (db_read(s->db, find_job, &j, e) < 0)
		return -1;
	return zones_may_read(me, j.info.category)
	    ? 0
	    : err_set(e, ERR_CATEGORY_CLOSED,
		  "the keys of %s were not released to this sign-in",
		  category_name(j.info.category));
}

static int
blob_of(
    const struct request *q, struct zone_key *key, struct id *id, struct err *e)
{
	if (zone_of(q, key, e) < 0)
		return -1;
	if (id_parse(bytes_str(q->capture[1]), id) < 0)
		return err_set(e, ERR_NOT_FOUND, "there is no such blob");
	return 0;
}

/* ---- listing ---- */

int
zones_list(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	struct server *s = app;
	const struct caller *me = q->user;
	OWN(jsonio_free) json_t *out = json_object();
	OWN(mem_free) struct zone_info *list = NULL;
	json_t *zones = json_array();
	size_t n;

	(void)json_object_set_new(out, "zones", zones);
	if (zone_list(s->db, &me->uid, &list, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!category_known(list[i].category) ||
		    !zones_may_read(me, list[i].category))
			continue;
		json_t *z = json_object();
		jsonio_put_id(z, "zone", &list[i].zone);
		jsonio_put_text(z, "category", category_name(list[i].category));
		jsonio_put_u64(z, "seq", list[i].seq);
		(void)json_array_append_new(zones, z);
	}
	jsonio_put(&r->body, out);
	return 0;
}

/* ---- commits ---- */

static int
parse_category(const struct request *q, enum category *out, struct err *e)
{
	const char *name = http_query(q, "category");

	for (unsigned c = CATEGORY_STATE; name != NULL && c < CATEGORY_END; c++)
		if (strcmp(name, category_name((enum category)c)) == 0) {
			*out = (enum category)c;
			return 0;
		}
	return err_set(e, ERR_BAD_REQUEST, "category is none of the known");
}

/* What wants two-factor authentication to be on, as it is said; or NULL. */
static const char *
guarded(enum category c)
{
	return c == CATEGORY_BACKUP  ? "Backup needs"
	    : c == CATEGORY_DRIVE    ? "The Drive needs"
	    : c == CATEGORY_MESSAGES ? "Messages need"
				     : NULL;
}

static int
gate(struct tx *tx, const struct server *s, const struct id *uid,
    enum category c, struct err *e)
{
	const char *what = guarded(c);
	struct account a;

	if (what == NULL)
		return 0;
	if (server_account(tx, uid, &a, e) < 0)
		return -1;
	return a.two_factor == TWO_FACTOR_ON ? 0
					     : factor_required(s, &a, what, e);
}

/* What the records of the commit hold is in the inbox no more. */
static int
parse_taken(
    const struct request *q, enum category c, uint64_t *out, struct err *e)
{
	const char *taken = http_query(q, "taken");

	*out = 0;
	if (taken == NULL)
		return 0;
	return c == CATEGORY_MESSAGES &&
		text_parse_u64(taken, 1, INT64_MAX, out) == 0
	    ? 0
	    : err_set(e, ERR_BAD_REQUEST,
		  "taken is no number, or of another category");
}

struct commit_job {
	struct server *s;
	const struct caller *me;
	struct zone_commit in;
	uint64_t taken; /* of the inbox: filed by this; 0: nothing */
};

static bool
deletes(const struct commit *c)
{
	for (size_t i = 0; i < c->n; i++)
		if ((c->changes[i].flags & CHANGE_DELETED) != 0)
			return true;
	return false;
}

/* Who may only add makes new records: what there is it neither deletes nor
 * writes over. */
static bool
only_adds(const struct commit *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->changes[i].version != 1)
			return false;
	return !deletes(c);
}

/*
 * The head is signed by the device that sends it. A member's key never changes,
 * so this is looked at before the commit waits for the one writer.
 */
static int
check_signer(struct tx *tx, void *arg, struct err *e)
{
	const struct commit_job *j = arg;
	const struct head *h = &j->in.commit->head;
	OWN(circle_free) struct circle circle = { 0 };

	if (account_circle(tx, &j->me->uid, &circle, e) < 0)
		return -1;
	const struct member *m = circle_member(&circle, &h->dev_id);
	return m != NULL && id_equal(&h->dev_id, &j->me->dev_id) &&
		id_equal(&h->signer, &j->me->uid) &&
		head_sig_valid(h, m->device.sign_pk)
	    ? 0
	    : err_set(e, ERR_NOT_A_MEMBER,
		  "the commit is not signed by the device that sends it");
}

/* Under which circle, and that it goes on from the last head. */
static int
judge(struct tx *tx, const struct head *h, void *arg, struct err *e)
{
	struct commit_job *j = arg;
	OWN(circle_free) struct circle circle = { 0 };
	struct zone_info before;
	struct head last;

	if (h->format != HEAD_PZH1)
		return err_set(e, ERR_BAD_REQUEST,
		    "the commit's head is of a shared zone, and this one is "
		    "not shared");
	if (account_circle(tx, &j->me->uid, &circle, e) < 0)
		return -1;
	const struct digest *at = circle_hash_at(&circle, h->circle_seq);
	if (at == NULL || !digest_equal(at, &h->circle_hash))
		return err_set(e, ERR_CIRCLE_FORKED,
		    "the commit names a circle this server does not have");
	const struct member *m = circle_member(&circle, &h->dev_id);
	if (m == NULL || !m->active ||
	    !circle_active_at(&circle, &h->dev_id, h->circle_seq))
		return err_set(e, ERR_NOT_A_MEMBER,
		    "the commit is signed by a device that is not in the "
		    "account");
	if ((m->device.rights & RIGHT_APPEND_ONLY) != 0 &&
	    !only_adds(j->in.commit))
		return err_set(e, ERR_PERMISSION, "this device may only add");
	if (h->integrity_epoch < 1 || h->integrity_epoch > circle.key.epoch)
		return err_set(e, ERR_BAD_REQUEST,
		    "the commit is summed up under keys that there are none "
		    "of");
	if (zone_find(tx, &j->in.key, &before, e) < 0) {
		if (e->code != ERR_NOT_FOUND)
			return -1;
		err_clear(e);
		return 0;
	}
	if (head_parse(zone_head_of(&before), &last, e) < 0)
		return -1;
	if (h->circle_seq < last.circle_seq)
		return err_set(e, ERR_CIRCLE_ROLLED_BACK,
		    "the commit names an older circle than the one before it");
	return h->integrity_epoch >= last.integrity_epoch
	    ? 0
	    : err_set(e, ERR_BAD_REQUEST,
		  "the commit is summed up under older keys than the one "
		  "before it");
}

static int
commit_job(struct tx *tx, void *arg, struct err *e)
{
	struct commit_job *j = arg;

	if (gate(tx, j->s, &j->me->uid, j->in.category, e) < 0)
		return -1;
	return zone_commit(tx, &j->in, e) < 0 ||
		(j->taken > 0 && inbox_take(tx, &j->me->uid, j->taken, e) < 0)
	    ? -1
	    : 0;
}

/* On a full disk commits are what forget and prune need: these go on. Bytes. */
#define COMMIT_IN_RESERVE (1024 * 1024)

/* What lies in the account's trash makes room for what comes. */
static int
commit_or_make_room(struct commit_job *j, struct err *e)
{
	uint64_t freed;

	if (db_write(j->s->db, commit_job, j, e) == 0)
		return 0;
	if (e->code != ERR_QUOTA_EXCEEDED ||
	    zone_empty_trash(
		&j->s->store, &j->me->uid, LIMIT_COMMIT_BYTES, &freed, e) < 0)
		return -1;
	return db_write(j->s->db, commit_job, j, e);
}

int
zones_commit(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	struct server *s = app;
	OWN(commit_free) struct commit commit = { .changes = NULL };
	OWN(jsonio_free) json_t *out = json_object();
	struct commit_job j = { .s = s, .me = q->user };

	if (zone_of(q, &j.in.key, e) < 0 ||
	    parse_category(q, &j.in.category, e) < 0 ||
	    parse_taken(q, j.in.category, &j.taken, e) < 0 ||
	    commit_parse(q->body, &commit, e) < 0)
		return -1;
	if (q->body.n > COMMIT_IN_RESERVE && !deletes(&commit) &&
	    room_to_grow(s->room, e) < 0)
		return -1;
	j.in.commit = &commit;
	j.in.now_ms = now_ms();
	j.in.judge = judge;
	j.in.arg = &j;
	if (db_read(s->db, check_signer, &j, e) < 0 ||
	    commit_or_make_room(&j, e) < 0)
		return -1;
	http_wake(s->http, &j.in.key.zone);
	jsonio_put_u64(out, "seq", commit.head.seq);
	jsonio_put(&r->body, out);
	return 0;
}

/* ---- changes ---- */

/* An answer up to this many bytes is made in memory, a longer one in a file
 * without a name: a zone of a million records has hundreds of MiB. */
#define ANSWER_BYTES ((size_t)1 << 20)

struct answer {
	const struct server *s;
	const struct request *q;
	struct response *r;
};

/* On a full disk in memory: whoever is there must be able to read. */
static int
open_spill(struct answer *a, struct err *e)
{
	if (!room_full(a->s->room))
		return file_unnamed(a->s->data_fd, &a->r->fd, e);
	a->r->fd = memfd_create("answer", MFD_CLOEXEC);
	return a->r->fd < 0 ? err_sys(e, "memory for a long answer") : 0;
}

static int
spill(struct answer *a, struct bytes x, struct err *e)
{
	if (http_hold(a->q, x.n, e) < 0)
		return -1;
	if (a->r->fd < 0 && open_spill(a, e) < 0)
		return -1;
	if (file_write_all(a->r->fd, x, e) < 0) {
		if (e->code == ERR_DISK_FULL_HERE)
			e->code = ERR_SERVER_FULL;
		return err_in(e, "a long answer");
	}
	a->r->fd_length += x.n;
	return 0;
}

static int
append(void *arg, struct bytes x, struct err *e)
{
	struct answer *a = arg;
	struct buf *body = &a->r->body;

	buf_put_bytes(body, x);
	if (body->n < ANSWER_BYTES && a->r->fd < 0)
		return 0;
	if (spill(a, buf_bytes(body), e) < 0)
		return -1;
	buf_clear(body);
	return 0;
}

int
zones_changes(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	struct server *s = app;
	struct answer a = { s, q, r };
	struct zone_key key;
	const char *since = http_query(q, "since");
	const char *heads = http_query(q, "heads_from");
	const char *tables = http_query(q, "tables");
	struct zone_ask ask = { .lines = tables != NULL };

	if (zone_of(q, &key, e) < 0 || check_reader(s, q->user, &key, e) < 0)
		return -1;
	if ((since != NULL &&
		text_parse_u64(since, 0, INT64_MAX, &ask.since) < 0) ||
	    (heads != NULL &&
		text_parse_u64(heads, 0, INT64_MAX, &ask.heads_from) < 0))
		return err_set(
		    e, ERR_BAD_REQUEST, "since or heads_from is no number");
	if (ask.lines && strcmp(tables, "lines") != 0)
		return err_set(e, ERR_BAD_REQUEST, "tables may be lines");
	r->type = "application/octet-stream";
	return zone_changes_as(s->db, &key, &ask, append, &a, e);
}

int
zones_records(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	struct server *s = app;
	struct answer a = { s, q, r };
	struct zone_key key;

	if (zone_of(q, &key, e) < 0 || check_reader(s, q->user, &key, e) < 0)
		return -1;
	if (q->body.n % ID_BYTES != 0)
		return err_set(e, ERR_BAD_REQUEST, "not all is an id");
	r->type = "application/octet-stream";
	return zone_records(s->db, &key, q->body, append, &a, e);
}

/* ---- blobs ---- */

struct upload {
	struct zone_upload u;
	struct blob_writer *writer;
};

static int
gate_job(struct tx *tx, void *arg, struct err *e)
{
	struct commit_job *j = arg;
	struct zone_info z;

	/* Nobody fills folders that no commit stands behind. */
	return zone_find(tx, &j->in.key, &z, e) < 0
	    ? -1
	    : gate(tx, j->s, &j->me->uid, z.category, e);
}

static int
put_begin(void *app, const struct request *q, void **state, struct err *e)
{
	struct server *s = app;
	struct commit_job j = { .s = s, .me = q->user };
	OWN(buf_free) struct buf sum = { 0 };
	OWN(mem_free) struct upload *up = mem_new(sizeof *up);
	const char *hex = http_header(q, "X-Aumbry-Checksum");
	struct id id;

	if (blob_of(q, &j.in.key, &id, e) < 0)
		return -1;
	if (hex == NULL || text_unhex(&sum, bytes_str(hex)) < 0 ||
	    sum.n != CHECKSUM_BYTES || q->length == UINT64_MAX)
		return err_set(e, ERR_BAD_REQUEST,
		    "a blob needs its length and X-Aumbry-Checksum");
	if (db_read(s->db, gate_job, &j, e) < 0)
		return -1;
	up->u.name.uid = j.in.key.uid;
	up->u.name.zone = j.in.key.zone;
	up->u.name.id = id;
	up->u.sum.size = q->length;
	memcpy(up->u.sum.sum.b, sum.p, CHECKSUM_BYTES);
	if (zone_blob_begin(&s->store, &up->u, now_ms(), e) < 0)
		return -1;
	if (!up->u.have &&
	    blob_begin(s->blobs, &up->u.name, &up->u.sum, &up->writer, e) < 0) {
		struct err ignored;
		(void)!zone_blob_cancel(&s->store, &up->u, now_ms(), &ignored);
		return -1;
	}
	*state = TAKE(up);
	return 0;
}

static int
put_data(void *app, void *state, struct bytes x, struct err *e)
{
	struct upload *up = state;

	(void)app;
	return up->u.have ? 0 : blob_add(up->writer, x, e);
}

static void
put_abort(void *app, void *state)
{
	struct server *s = app;
	struct upload *up = state;
	struct err ignored;

	if (!up->u.have) {
		blob_abort(&up->writer);
		/* When this fails too, the collection does it. */
		(void)!zone_blob_cancel(&s->store, &up->u, now_ms(), &ignored);
	}
	free(up);
}

static int
put_end(void *app, const struct request *q, void *state, struct response *r,
    struct err *e)
{
	struct server *s = app;
	struct upload *up = state;
	struct commit_job j = { .s = s,
		.me = q->user,
		.in.key = { up->u.name.uid, up->u.name.zone } };

	/* The account may have ended while it came. */
	if (db_read(s->db, gate_job, &j, e) < 0) {
		put_abort(app, state);
		return -1;
	}
	if (!up->u.have) {
		if (blob_finish(&up->writer, e) < 0) {
			put_abort(app, state);
			return -1;
		}
		if (zone_blob_done(&s->store, &up->u, now_ms(), e) < 0) {
			free(up);
			return -1;
		}
	}
	r->status = up->u.have ? 200 : 201;
	buf_put_str(&r->body, "{}");
	free(up);
	return 0;
}

const struct http_sink zones_blob_put = { put_begin, put_data, put_end,
	put_abort };

int
zones_blob_get(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	struct server *s = app;
	struct zone_key key;
	struct zone_blob blob;
	struct id id;
	uint64_t from = 0, n;

	if (blob_of(q, &key, &id, e) < 0 ||
	    check_reader(s, q->user, &key, e) < 0 ||
	    zone_blob_open(&s->store, &key, &id, &r->fd, &blob, e) < 0)
		return -1;
	n = blob.sum.size;
	if (route_range(http_header(q, "Range"), blob.sum.size, &from, &n)) {
		r->status = 206;
		response_header(r, "Content-Range", "bytes %llu-%llu/%llu",
		    (unsigned long long)from,
		    (unsigned long long)(from + n - 1),
		    (unsigned long long)blob.sum.size);
	}
	r->type = "application/octet-stream";
	r->fd_offset = from;
	r->fd_length = n;
	return 0;
}

int
zones_blob_delete(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	struct server *s = app;
	struct zone_key key;
	struct id id;

	if (blob_of(q, &key, &id, e) < 0 ||
	    zone_blob_delete(&s->store, &key, &id, now_ms(), e) < 0)
		return -1;
	buf_put_str(&r->body, "{}");
	return 0;
}

int
zones_blob_exists(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	struct server *s = app;
	uint8_t bits[(LIMIT_EXISTS_IDS + 7) / 8];
	struct zone_key key;
	size_t n = q->body.n / ID_BYTES;

	if (zone_of(q, &key, e) < 0 ||
	    zone_blob_exists(&s->store, &key, q->body, now_ms(), bits, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		buf_put_u8(&r->body, bits[i / 8] >> (i % 8) & 1);
	r->type = "application/octet-stream";
	return 0;
}
