/* SPDX-License-Identifier: ISC */
/* letters.c: two devices of two accounts, and many letters between them. */
/*
 *     letters HOME OTHER fill N    N letters, in turns, into the messages of HOME
 *     letters HOME OTHER seal N    how long sealing to 1, 20 and 64 accounts, and
 *                                  opening with a look at the signature, takes:
 *                                  the median of N times, microseconds
 *     letters HOME OTHER bodies N  what HOME posts for N letters to OTHER, a line
 *                                  each
 *     letters HOME OTHER post WHAT HOME sends OTHER a letter in which WHAT is
 *                                  wrong: nothing, conversation, signature,
 *                                  device, author, third, text, kind, clock,
 *                                  mark, short, epoch; or edit:ID, delete:ID
 */
#include "base/now.h"
#include "client/self_zones.h"
#include "mail/mail.h"
#include "vault/inbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMIT_PAGES 200

struct pair {
	struct self *one, *other;
	struct id conv;
	uint64_t clock;
	struct id marks[LETTER_MARKS];
	uint8_t n_marks;
};

static void
write_letter(struct pair *p, const char *text, struct buf *out)
{
	OWN(buf_free) struct buf body = { 0 };
	const struct self *by = p->clock % 2 == 0 ? p->one : p->other;
	uint8_t sig[SIG_BYTES];
	struct letter l = { .kind = LETTER_TEXT,
		.conv = p->conv,
		.author = by->uid,
		.dev_id = by->dev_id,
		.circle_seq = by->circle.seq,
		.time_ms = (uint64_t)now_ms(),
		.clock = ++p->clock,
		.n_marks = p->n_marks };

	id_random(&l.id);
	memcpy(l.marks, p->marks, sizeof l.marks);
	letter_put_text(&body, NULL, bytes_str(text));
	l.body = buf_bytes(&body);
	letter_put_signed(out, &l);
	devkey_sign(by->key, SIG_LETTER, buf_bytes(out), sig);
	buf_put(out, sig, sizeof sig);
	memmove(p->marks + 1, p->marks, (LETTER_MARKS - 1) * sizeof *p->marks);
	p->marks[0] = letter_mark(buf_bytes(out));
	if (p->n_marks < LETTER_MARKS)
		p->n_marks++;
}

/* ---- fill ---- */

static void
make_page(struct pair *p, unsigned n, struct buf *plain)
{
	OWN(buf_free) struct buf entries = { 0 };

	for (unsigned i = 0; i < n; i++) {
		OWN(buf_free) struct buf letter = { 0 };
		char text[160];
		(void)snprintf(text, sizeof text,
		    "number %llu: about what the two of us said that we would "
		    "do on the day after, at half past %llu",
		    (unsigned long long)p->clock,
		    (unsigned long long)(p->clock * 7919 % 1013));
		write_letter(p, text, &letter);
		const struct page_entry x = { .received_ms = p->clock,
			.letter = buf_bytes(&letter) };
		page_put_entry(&entries, &x);
	}
	page_put(plain, buf_bytes(&entries));
}

static int
fill(struct pair *p, unsigned long n, struct err *e)
{
	OWN(zcopy_free) struct zcopy *z = NULL;
	struct id zone;

	if (self_zone(p->one, CATEGORY_MESSAGES, &zone, e) < 0 ||
	    zcopy_open(&p->one->writer,
		&(struct zcopy_of){
		    p->one->local, p->one->depot, &zone, CATEGORY_MESSAGES },
		&z, e) < 0 ||
	    zcopy_pull(z, e) < 0)
		return -1;
	while (n > 0) {
		struct zcopy_edit edits[COMMIT_PAGES] = { 0 };
		struct buf plains[COMMIT_PAGES] = { 0 };
		size_t k = 0;
		for (; k < COMMIT_PAGES && n > 0; k++) {
			unsigned take =
			    n < PAGE_LETTERS ? (unsigned)n : PAGE_LETTERS;
			make_page(p, take, &plains[k]);
			id_random(&edits[k].id);
			edits[k].plain = buf_bytes(&plains[k]);
			n -= take;
		}
		int rc = zcopy_commit(z, edits, k, NULL, NULL, e);
		for (size_t i = 0; i < k; i++)
			buf_free(&plains[i]);
		if (rc < 0)
			return -1;
	}
	return 0;
}

/* ---- seal ---- */

static int
by_size(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void
say_median(const char *what, size_t n, int64_t *took, unsigned long times)
{
	qsort(took, times, sizeof *took, by_size);
	(void)printf(
	    "%s %zu %lld\n", what, n, (long long)(took[times / 2] / 1000));
}

static int
open_it(struct pair *p, struct bytes packet, struct err *e)
{
	OWN(buf_free) struct buf rest = { 0 };
	OWN(buf_free) struct buf item = { 0 };
	OWN(buf_free) struct buf letter = { 0 };
	struct packet_item got;
	struct packet in;
	struct letter l;

	if (packet_take(packet, &in, e) < 0)
		return -1;
	packet_put_rest(&rest, &p->one->uid, &in, 0);
	buf_put_u64(&item, 1);
	buf_put_u64(&item, 1);
	buf_put_bytes(&item, buf_bytes(&rest));
	if (packet_item_take(buf_bytes(&item), &got, e) < 0 ||
	    inbox_open(p->one->keyring, &p->one->uid, &got, &letter, e) < 0 ||
	    letter_take(buf_bytes(&letter), &l, e) < 0)
		return -1;
	const struct member *by = circle_member(&p->one->circle, &l.dev_id);
	return by != NULL && letter_sig_valid(&l, by->device.sign_pk)
	    ? 0
	    : err_set(e, ERR_INTERNAL, "it is not signed");
}

static int
seal(struct pair *p, unsigned long times, struct err *e)
{
	static const size_t counts[] = { 2, 21, 65 }; /* one's own slot, too */
	OWN(buf_free) struct buf letter = { 0 };
	OWN(buf_free) struct buf packet = { 0 };
	OWN(mem_free) int64_t *took = mem_array(times, sizeof *took);
	struct keyring_card to[PACKET_SLOTS];

	write_letter(
	    p, "some hundred bytes of text, as people write them", &letter);
	for (size_t i = 0; i < PACKET_SLOTS; i++) {
		to[i].epoch = keyring_epoch(p->one->keyring);
		to[i].uid = p->one->uid;
		if (keyring_inbox_pk(
			p->one->keyring, to[i].epoch, to[i].pk, e) < 0)
			return -1;
	}
	for (size_t i = ARRAY_SIZE(counts); i-- > 0;) {
		for (unsigned long k = 0; k < times; k++) {
			buf_clear(&packet);
			took[k] = -now_mono_ns();
			inbox_seal(
			    to, counts[i], buf_bytes(&letter), 0, &packet);
			took[k] += now_mono_ns();
		}
		say_median("seal", counts[i] - 1, took, times);
	}
	for (unsigned long k = 0; k < times; k++) {
		took[k] = -now_mono_ns();
		if (open_it(p, buf_bytes(&packet), e) < 0)
			return -1;
		took[k] += now_mono_ns();
	}
	say_median("open", 1, took, times);
	return 0;
}

/* ---- post ---- */

static void
draw_draft(const struct pair *p, const char *what, struct letter *l)
{
	*l = (struct letter){ .kind =
				  strcmp(what, "kind") == 0 ? 200 : LETTER_TEXT,
		.conv = p->conv,
		.author = p->one->uid,
		.dev_id = p->one->dev_id,
		.circle_seq = p->one->circle.seq,
		.time_ms = (uint64_t)now_ms(),
		.clock = strcmp(what, "clock") == 0 ? LETTER_CLOCK_MAX : 1000 };
	id_random(&l->id);
	if (strcmp(what, "conversation") == 0)
		id_random(&l->conv);
	if (strcmp(what, "device") == 0)
		l->dev_id = p->other->dev_id;
	if (strcmp(what, "author") == 0)
		l->author = p->other->uid;
	if (strcmp(what, "third") == 0)
		id_random(&l->author);
	if (strncmp(what, "edit:", 5) == 0)
		l->kind = LETTER_EDIT;
	if (strncmp(what, "delete:", 7) == 0)
		l->kind = LETTER_DELETE;
	if (strcmp(what, "mark") == 0) {
		l->n_marks = 1;
		id_random(&l->marks[0]);
	}
}

static void
make_wrong(const struct pair *p, const char *what, struct buf *out)
{
	OWN(buf_free) struct buf body = { 0 };
	OWN(buf_free) struct buf text = { 0 };
	uint8_t sig[SIG_BYTES];
	struct letter l;
	struct id of;

	draw_draft(p, what, &l);
	buf_printf(&text, "wrong: %s", what);
	if (strcmp(what, "text") == 0)
		buf_put_u8(&text, 0xff);
	if (l.kind == LETTER_TEXT || l.kind == 200)
		letter_put_text(&body, NULL, buf_bytes(&text));
	else if (id_parse(bytes_str(strchr(what, ':') + 1), &of) < 0)
		abort();
	else if (l.kind == LETTER_EDIT)
		letter_put_text(&body, &of, buf_bytes(&text));
	else
		id_put(&body, &of);
	l.body = buf_bytes(&body);
	letter_put_signed(out, &l);
	devkey_sign(p->one->key, SIG_LETTER, buf_bytes(out), sig);
	if (strcmp(what, "signature") == 0)
		sig[0] ^= 1;
	buf_put(out, sig, sizeof sig);
	if (strcmp(what, "short") == 0)
		out->n--;
}

static int
cards(const struct pair *p, struct keyring_card to[static 2], struct err *e)
{
	const struct self *both[] = { p->one, p->other };

	for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
		to[i].uid = both[i]->uid;
		to[i].epoch = keyring_epoch(both[i]->keyring);
		if (keyring_inbox_pk(
			both[i]->keyring, to[i].epoch, to[i].pk, e) < 0)
			return -1;
	}
	return 0;
}

static int
bodies(struct pair *p, unsigned long n, struct err *e)
{
	struct keyring_card to[2];

	if (cards(p, to, e) < 0)
		return -1;
	for (p->clock = 0; n > 0; n--) {
		OWN(jsonio_free) json_t *ask = json_object();
		OWN(buf_free) struct buf letter = { 0 };
		OWN(buf_free) struct buf packet = { 0 };
		p->clock += p->clock % 2; /* all are of HOME */
		write_letter(p,
		    "some hundred bytes of text, as people write them",
		    &letter);
		inbox_seal(to, 2, buf_bytes(&letter), 0, &packet);
		jsonio_put_bytes(ask, "packet", buf_bytes(&packet));
		OWN(mem_free) char *line = json_dumps(ask, JSON_COMPACT);
		if (line == NULL || puts(line) == EOF)
			return err_set(e, ERR_IO, "nobody reads it");
	}
	return 0;
}

static int
post(struct pair *p, const char *what, struct err *e)
{
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(buf_free) struct buf letter = { 0 };
	OWN(buf_free) struct buf packet = { 0 };
	struct keyring_card to[2];

	if (cards(p, to, e) < 0)
		return -1;
	to[1].epoch += strcmp(what, "epoch") == 0;
	make_wrong(p, what, &letter);
	inbox_seal(to, 2, buf_bytes(&letter), 0, &packet);
	jsonio_put_bytes(ask, "packet", buf_bytes(&packet));
	return control_call(p->one->remote, "POST", "/v1/inbox", ask, NULL, e);
}

static int
run(char **argv, struct err *e)
{
	OWN(self_free) struct self *one = NULL;
	OWN(self_free) struct self *other = NULL;
	unsigned long n = strtoul(argv[4], NULL, 10);

	if (self_open(argv[1], &one, e) < 0 || self_connect(one, e) < 0 ||
	    self_state(one, e) < 0 || self_open(argv[2], &other, e) < 0)
		return -1;
	const struct letter_party a = { one->uid, one->host };
	const struct letter_party b = { other->uid, other->host };
	struct pair p = {
		.one = one, .other = other, .conv = letter_conversation(&a, &b)
	};
	return strcmp(argv[3], "fill") == 0  ? fill(&p, n, e)
	    : strcmp(argv[3], "seal") == 0   ? seal(&p, n, e)
	    : strcmp(argv[3], "bodies") == 0 ? bodies(&p, n, e)
					     : post(&p, argv[4], e);
}

int
main(int argc, char **argv)
{
	struct err e;

	if (argc != 5) {
		(void)fputs("letters HOME OTHER fill|seal|bodies N|post WHAT\n",
		    stderr);
		return 2;
	}
	if (run(argv, &e) == 0)
		return 0;
	(void)fprintf(stderr, "letters: %s (%s)\n", e.msg, err_name(e.code));
	return 1;
}
