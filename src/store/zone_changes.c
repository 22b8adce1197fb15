/* SPDX-License-Identifier: ISC */
/* zone_changes.c: what changed in a zone, as a stream of frames. */
#include "store/zone_in.h"

#define STREAM_BYTES (64 * 1024) /* handed to the sink at once */

struct stream {
	const struct zone_key *key;
	struct zone_ask ask;
	struct bytes ids; /* of zone_records */
	zone_sink_fn *sink;
	void *arg;
	struct digest_state *sha; /* of lines; NULL: before the first */
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
	uint64_t after = t->ask.heads_from > t->ask.since
	    ? t->ask.heads_from - 1
	    : t->ask.since;
	zone_bind_key(s, t->key);
	stmt_u64(s, 3, after);
	while (stmt_next(s, &row, e) == 0) {
		if (!row)
			return 0;
		struct bytes head = stmt_got_bytes(s, 0);
		if (head.n != head_length(head))
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

static void
put_record(struct stream *t, uint64_t seq, const struct change *c)
{
	if (t->ask.lines && (c->flags & CHANGE_TABLE) != 0) {
		if (t->sha == NULL)
			t->sha = digest_new();
		change_put_line(&t->out, t->sha, seq, c);
		return;
	}
	buf_put_u8(&t->out, FRAME_RECORD);
	buf_put_u64(&t->out, seq);
	change_put(&t->out, c);
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
	stmt_u64(s, 2, t->ask.since);
	while (stmt_next(s, &row, e) == 0) {
		if (!row)
			return 0;
		if (got_change(s, &c, e) < 0)
			return -1;
		put_record(t, stmt_got_u64(s, 0), &c);
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
	if (t->ask.since > 0 && t->ask.since < now.tombstones_gone_below)
		return err_set(e, ERR_RESYNC,
		    "deletions before %llu are gone, changes since %llu would "
		    "not tell them",
		    (unsigned long long)now.tombstones_gone_below,
		    (unsigned long long)t->ask.since);
	if (stream_heads(t, tx, e) < 0 ||
	    stream_records(t, tx, now.number, e) < 0)
		return -1;
	digest_of(zone_head_of(&now), &hash);
	buf_put_u8(&t->out, FRAME_END);
	buf_put_u64(&t->out, now.seq);
	digest_put(&t->out, &hash);
	return flush(t, 1, e);
}

static int
stream_some(struct tx *tx, struct stream *t, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	struct zone_info now;
	struct change c;
	bool row;

	if (zone_find(tx, t->key, &now, e) < 0 ||
	    stmt_new(tx,
		"SELECT seq, id, version, flags, key_epoch, refs, ct"
		" FROM record WHERE number = ? AND id = ?",
		&s, e) < 0)
		return -1;
	for (size_t at = 0; at + ID_BYTES <= t->ids.n; at += ID_BYTES) {
		stmt_u64(s, 1, now.number);
		stmt_bytes(s, 2, bytes_of(t->ids.p + at, ID_BYTES));
		if (stmt_next(s, &row, e) < 0)
			return -1;
		if (!row)
			continue;
		if (got_change(s, &c, e) < 0)
			return -1;
		put_record(t, stmt_got_u64(s, 0), &c);
		if (stmt_next(s, &row, e) < 0 || flush(t, STREAM_BYTES, e) < 0)
			return -1;
	}
	return flush(t, 1, e);
}

static int
run(struct tx *tx, void *arg, struct err *e)
{
	struct stream *t = arg;

	if (t->ask.since > INT64_MAX)
		t->ask.since = INT64_MAX;
	buf_room(&t->out, STREAM_BYTES + 1024);
	int rc = t->ids.n > 0 ? stream_some(tx, t, e) : stream_all(tx, t, e);
	digest_free(&t->sha);
	buf_free(&t->out);
	return rc;
}

int
zone_changes_in(struct tx *tx, const struct zone_key *key, uint64_t since,
    zone_sink_fn *sink, void *arg, struct err *e)
{
	struct stream t = {
		.key = key, .ask = { .since = since }, .sink = sink, .arg = arg
	};

	return run(tx, &t, e);
}

int
zone_changes_as(struct db *db, const struct zone_key *key,
    const struct zone_ask *ask, zone_sink_fn *sink, void *arg, struct err *e)
{
	struct stream t = { .key = key, .ask = *ask, .sink = sink, .arg = arg };

	return db_read(db, run, &t, e);
}

int
zone_changes(struct db *db, const struct zone_key *key, uint64_t since,
    zone_sink_fn *sink, void *arg, struct err *e)
{
	const struct zone_ask ask = { .since = since };

	return zone_changes_as(db, key, &ask, sink, arg, e);
}

int
zone_records(struct db *db, const struct zone_key *key, struct bytes ids,
    zone_sink_fn *sink, void *arg, struct err *e)
{
	struct stream t = { .key = key, .ids = ids, .sink = sink, .arg = arg };

	return ids.n < ID_BYTES ? 0 : db_read(db, run, &t, e);
}
