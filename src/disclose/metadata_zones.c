/* SPDX-License-Identifier: ISC */
/* metadata_zones.c: of histories, records and blobs all but what they hold. */
#include "base/text.h"
#include "disclose/metadata.h"
#include "disclose/outdir.h"
#include "wire/category.h"
#include "wire/head.h"
#include "wire/jsonio.h"

/* Every commit: when by both clocks, by which device, under which circle. */
static int
heads_json(const struct holding *h, const struct holding_zone *z, struct tx *tx,
    json_t *list, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (sql_ask(tx, e, &s,
		"SELECT bytes, received_ms FROM head WHERE uid = ?"
		" AND zone = ? ORDER BY seq",
		"ii", &h->account.uid, &z->zone) < 0)
		return -1;
	for (;;) {
		struct head x;
		if (stmt_next(s, &row, e) < 0)
			return -1;
		if (!row)
			return 0;
		if (head_parse(stmt_got_bytes(s, 0), &x, e) < 0)
			return err_in(e, "zone %s", id_text(&z->zone).s);
		json_t *j = json_object();
		jsonio_put_u64(j, "seq", x.seq);
		jsonio_put_id(j, "device", &x.dev_id);
		metadata_put_time(j, "time", x.time_ms);
		metadata_put_time(j, "received", stmt_got_u64(s, 1));
		jsonio_put_u64(j, "circle_entry", x.circle_seq);
		jsonio_put_u64(j, "key_epoch", x.integrity_epoch);
		(void)json_array_append_new(list, j);
	}
}

static int
zone_json(const struct holding *h, const struct holding_zone *z, struct tx *tx,
    json_t *list, struct err *e)
{
	OWN(buf_free) struct buf hash = { 0 };
	json_t *j = json_object(), *heads = json_array();

	(void)json_array_append_new(list, j);
	jsonio_put_id(j, "zone", &z->zone);
	jsonio_put_text(j, "category",
	    z->category != 0 ? category_name((enum category)z->category)
			     : "aside");
	jsonio_put_u64(j, "seq", z->seq);
	text_hex(&hash, bytes_of(z->head.b, DIGEST_BYTES));
	jsonio_put_text(j, "head", buf_text(&hash));
	jsonio_put_u64(j, "tombstones_gone_below", z->tombstones_gone_below);
	jsonio_put_u64(j, "records", z->records);
	jsonio_put_u64(j, "deleted_records", z->deleted);
	jsonio_put_u64(j, "record_bytes", z->record_bytes);
	jsonio_put_u64(j, "blobs", z->n_blobs);
	jsonio_put_u64(j, "blob_bytes", z->blob_bytes);
	(void)json_object_set_new(j, "heads", heads);
	return heads_json(h, z, tx, heads, e);
}

static int
write_zones(
    const struct holding *h, struct tx *tx, const char *out, struct err *e)
{
	OWN(jsonio_free) json_t *j = json_object();
	json_t *list = json_array(), *loose = NULL;

	(void)json_object_set_new(j, "zones", list);
	for (size_t i = 0; i < h->n_zones; i++)
		if (zone_json(h, &h->zones[i], tx, list, e) < 0)
			return -1;
	if (metadata_rows(tx, &h->account.uid,
		"SELECT zone, id, size, state, since_ms FROM loose"
		" WHERE uid = ? ORDER BY since_ms",
		"zone:h id:h bytes:n state:n since:t", &loose, e) < 0)
		return -1;
	(void)json_object_set_new(j, "uploads", loose);
	return metadata_file(out, "metadata/zones.json", TAKE(j), e);
}

/* ---- tables ---- */

static void
put_hex(struct buf *out, struct bytes x, const char *then)
{
	text_hex(out, x);
	buf_put_str(out, then);
}

static void
put_zone(struct buf *line, const struct holding_zone *z)
{
	put_hex(line, bytes_of(z->zone.b, ID_BYTES), ",");
	buf_put_str(line,
	    z->category != 0 ? category_name((enum category)z->category)
			     : "aside");
	buf_put_str(line, ",");
}

static void
put_record(struct buf *line, struct stmt *s)
{
	struct bytes refs = stmt_got_bytes(s, 7);

	put_hex(line, stmt_got_bytes(s, 0), ",");
	buf_printf(line, "%llu,", (unsigned long long)stmt_got_u64(s, 1));
	text_time(line, stmt_got_i64(s, 2));
	buf_printf(line, ",%llu,%llu,%llu,%llu,",
	    (unsigned long long)stmt_got_u64(s, 3),
	    (unsigned long long)stmt_got_u64(s, 4),
	    (unsigned long long)stmt_got_u64(s, 5),
	    (unsigned long long)stmt_got_u64(s, 6));
	for (size_t i = 0; i + ID_BYTES <= refs.n; i += ID_BYTES)
		put_hex(line, bytes_of(refs.p + i, ID_BYTES),
		    i + 2 * (size_t)ID_BYTES <= refs.n ? " " : "");
	buf_put_str(line, "\n");
}

static int
put_records(const struct holding_zone *z, struct tx *tx, struct outfile *f,
    struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	OWN(buf_free) struct buf line = { 0 };
	bool row;

	if (sql_ask(tx, e, &s,
		"SELECT id, seq, time_ms, version, flags, key_epoch,"
		" LENGTH(ct), refs FROM record WHERE number = ? ORDER BY seq",
		"u", z->number) < 0)
		return -1;
	for (;;) {
		if (stmt_next(s, &row, e) < 0)
			return -1;
		if (!row)
			return 0;
		buf_clear(&line);
		put_zone(&line, z);
		put_record(&line, s);
		if (outfile_put(f, buf_bytes(&line), e) < 0)
			return -1;
	}
}

static int
write_records(
    const struct holding *h, struct tx *tx, const char *out, struct err *e)
{
	OWN(outfile_free) struct outfile f = OUTFILE;

	if (outfile_open(out, "metadata/records.csv", &f, e) < 0 ||
	    outfile_put(&f,
		bytes_str("zone,category,record,seq,time,version,deleted,"
			  "key_epoch,bytes,blobs\n"),
		e) < 0)
		return -1;
	for (size_t i = 0; i < h->n_zones; i++)
		if (put_records(&h->zones[i], tx, &f, e) < 0)
			return -1;
	return outfile_done(&f, e);
}

static int
write_blobs(const struct holding *h, const char *out, struct err *e)
{
	OWN(outfile_free) struct outfile f = OUTFILE;
	OWN(buf_free) struct buf line = { 0 };

	if (outfile_open(out, "metadata/blobs.csv", &f, e) < 0)
		return -1;
	buf_put_str(
	    &line, "zone,category,blob,bytes,time,referenced_by,xxh3_128\n");
	for (size_t i = 0; i < h->n_zones; i++) {
		const struct holding_zone *z = &h->zones[i];
		for (size_t k = 0; k < z->n_blobs; k++) {
			const struct holding_blob *b = &z->blobs[k];
			put_zone(&line, z);
			put_hex(&line, bytes_of(b->id.b, ID_BYTES), ",");
			buf_printf(&line, "%llu,", (unsigned long long)b->size);
			text_time(&line, (int64_t)b->stored_ms);
			buf_printf(
			    &line, ",%llu,", (unsigned long long)b->refs);
			put_hex(
			    &line, bytes_of(b->sum.b, CHECKSUM_BYTES), "\n");
			if (outfile_put(&f, buf_bytes(&line), e) < 0)
				return -1;
			buf_clear(&line);
		}
	}
	return outfile_put(&f, buf_bytes(&line), e) < 0 ? -1
							: outfile_done(&f, e);
}

int
metadata_zones(
    const struct holding *h, struct tx *tx, const char *out, struct err *e)
{
	return write_zones(h, tx, out, e) < 0 ||
		write_records(h, tx, out, e) < 0
	    ? -1
	    : write_blobs(h, out, e);
}
