/* SPDX-License-Identifier: ISC */
/* zone_changes.c: what changed in a zone, as a stream of frames. */
#include "store/zone_in.h"

#define STREAM_BYTES (64 * 1024) /* handed to the sink at once */

struct stream {
	const struct zone_key *key;
	uint64_t since;
	zone_sink_fn *sink;
	void *arg;
	struct buf out;
};

static int
flush(struct stream *t, size_t at_least, struct err *e)
{
	if (t->out.n < at_least || t->out.n == 0)
		return 0;
	if (t->sink(t->arg, buf_bytes(&t->out), e) < 0)
		return -1;
	buf_clear(&t->out);
	return 0;
}

static int
stream_heads(struct stream *t, struct tx *tx, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (stmt_new(tx,
		"SELECT bytes FROM head"
		" WHERE uid = ? AND zone = ? AND seq > ? ORDER BY seq",
		&s, e) < 0)
		return -1;
	zone_bind_key(s, t->key);
	stmt_u64(s, 3, t->since);
	while (stmt_next(s, &row, e) == 0) {
		if (!row)
			return 0;
		struct bytes head = stmt_got_bytes(s, 0);
		if (head.n != HEAD_BYTES)
			return err_set(e, ERR_STATE_DAMAGED,
			    "a stored head has %zu bytes", head.n);
		buf_put_u8(&t->out, FRAME_HEAD);
		buf_put_bytes(&t->out, head);
		if (flush(t, STREAM_BYTES, e) < 0)
			return -1;
	}
	return -1;
}

static int
got_change(struct stmt *s, struct change *c, struct err *e)
{
	stmt_got_copy(s, 1, c->id.b, ID_BYTES);
	c->version = stmt_got_u64(s, 2);
	c->flags = (uint8_t)stmt_got_u64(s, 3);
	c->key_epoch = (uint32_t)stmt_got_u64(s, 4);
	c->refs = stmt_got_bytes(s, 5);
	c->ct = stmt_got_bytes(s, 6);
	if (c->refs.n % ID_BYTES != 0 || c->refs.n > LIMIT_REFS * ID_BYTES ||
	    c->ct.n > LIMIT_RECORD_BYTES)
		return err_set(e, ERR_STATE_DAMAGED,
		    "record %s is not as it was stored", id_text(&c->id).s);
	return 0;
}

static int
stream_records(struct stream *t, struct tx *tx, uint64_t number, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	struct change c;
	bool row;

	if (stmt_new(tx,
		"SELECT seq, id, version, flags, key_epoch, refs, ct"
		" FROM record WHERE number = ? AND seq > ? ORDER BY seq",
		&s, e) < 0)
		return -1;
	stmt_u64(s, 1, number);
	stmt_u64(s, 2, t->since);
	while (stmt_next(s, &row, e) == 0) {
		if (!row)
			return 0;
		if (got_change(s, &c, e) < 0)
			return -1;
		buf_put_u8(&t->out, FRAME_RECORD);
		buf_put_u64(&t->out, stmt_got_u64(s, 0));
		change_put(&t->out, &c);
		if (flush(t, STREAM_BYTES, e) < 0)
			return -1;
	}
	return -1;
}

static int
stream_all(struct tx *tx, struct stream *t, struct err *e)
{
	struct zone_info now;
	struct digest hash;

	if (zone_find(tx, t->key, &now, e) < 0)
		return -1;
	if (t->since > 0 && t->since < now.tombstones_gone_below)
		return err_set(e, ERR_RESYNC,
		    "deletions before %llu are gone, changes since %llu would "
		    "not tell them",
		    (unsigned long long)now.tombstones_gone_below,
		    (unsigned long long)t->since);
	if (stream_heads(t, tx, e) < 0 ||
	    stream_records(t, tx, now.number, e) < 0)
		return -1;
	digest_of(bytes_of(now.head, HEAD_BYTES), &hash);
	buf_put_u8(&t->out, FRAME_END);
	buf_put_u64(&t->out, now.seq);
	digest_put(&t->out, &hash);
	return flush(t, 1, e);
}

static int
run(struct tx *tx, void *arg, struct err *e)
{
	struct stream *t = arg;

	if (t->since > INT64_MAX)
		t->since = INT64_MAX;
	buf_room(&t->out, STREAM_BYTES + 1024);
	int rc = stream_all(tx, t, e);
	buf_free(&t->out);
	return rc;
}

int
zone_changes_in(struct tx *tx, const struct zone_key *key, uint64_t since,
    zone_sink_fn *sink, void *arg, struct err *e)
{
	struct stream t = { key, since, sink, arg, { 0 } };

	return run(tx, &t, e);
}

int
zone_changes(struct db *db, const struct zone_key *key, uint64_t since,
    zone_sink_fn *sink, void *arg, struct err *e)
{
	struct stream t = { key, since, sink, arg, { 0 } };

	return db_read(db, run, &t, e);
}
