/* SPDX-License-Identifier: ISC */
/* test_message_vectors.c: letters and all around them, for other implementations. */
/*
 * Keys are derived from fixed words and Ed25519 has no randomness, so all but
 * the packet is the same at each run; the packet is one that was made, beside
 * the keys that open it. That is tests/vectors/messages.json, which
 * tests/tools/message_vectors.mjs reads, too. `test_message_vectors write FILE`
 * makes such a file anew, with another packet.
 */
#include "mail/page.h"
#include "vault/inbox.h"
#include "wire/person.h"

#include "vectors.h"

#include "family.h"

#define VECTORS "tests/vectors/messages.json"
#define LETTERS 3

/* ---- deterministic material ---- */

static struct digest
word(const char *what, int i)
{
	return vectors_word("message", what, i);
}

static struct id
id_word(const char *what, int i)
{
	struct digest d = word(what, i);
	struct id id;

	memcpy(id.b, d.b, ID_BYTES);
	return id;
}

static struct devkey *
key_of(int i)
{
	return vectors_key(word("sign", i), word("kem", i));
}

/* ---- two accounts ---- */

/* Ana's list of devices has epoch 1; Ben's has 2, as a device was put out. */
struct account {
	const char *address, *host;
	struct family *f;
	struct buf card; /* v16 */
	struct keyring_card shown;
};

static struct account ana = { .address = "ana@home.example",
	.host = "home.example" },
		      ben = { .address = "ben@other.example",
			      .host = "other.example" };

static void
account_make(struct account *a, int n)
{
	struct family *f = a->f = mem_new(sizeof *f);
	struct id zone = id_word("state zone", n);
	struct key_change first = { 1, word("commitment", n) };
	struct key_change second = { 2, word("second commitment", n) };
	struct digest k = word("messages", n);
	OWN(secret_free)
	struct secret *key = secret_of(bytes_of(k.b, DIGEST_BYTES));
	struct err e = { 0 };

	f->uid = id_word("uid", n);
	for (int i = 0; i < 2; i++) {
		f->keys[i] = key_of(2 * n + i);
		f->devices[i] = (struct device){ .class = CLASS_COMPUTER,
			.rights = RIGHT_APPROVE,
			.dev_id = id_word("device", 2 * n + i) };
		devkey_publish(f->keys[i], &f->devices[i]);
	}
	family_genesis(f, &zone, &first);
	if (n > 0) {
		family_add(f, 1);
		family_remove(f, 0, 1, &second);
	}
	f->ring = keyring_new(&f->uid);
	keyring_put_category(
	    f->ring, CATEGORY_MESSAGES, f->circle.key.epoch, key);
	keyring_put_card(f->ring, f->keys[0], &f->devices[0].dev_id, &a->card);
	struct scan s = scan_of(buf_bytes(&a->card));
	if (keyring_card_open(scan_v16(&s), &f->circle, &a->shown, &e) < 0)
		abort();
}

/* ---- three letters, one of each kind ---- */

static struct buf letters[LETTERS];

static const struct {
	uint8_t kind;
	const char *text; /* NULL: none */
} said[LETTERS] = {
	{ LETTER_TEXT, "Der Schl\u00fcssel liegt unter der Matte \U0001F511" },
	{ LETTER_EDIT, "Der Schl\u00fcssel liegt beim Nachbarn\n" },
	{ LETTER_DELETE, NULL },
};

/* Ana writes; each letter has seen those before it, the newest first. */
static void
write_letter(int n)
{
	OWN(buf_free) struct buf body = { 0 };
	struct id of = id_word("letter", 0);
	uint8_t sig[SIG_BYTES];
	struct letter l = { .kind = said[n].kind,
		.conv = letter_conversation(
		    &(struct letter_party){ ana.f->uid, ana.host },
		    &(struct letter_party){ ben.f->uid, ben.host }),
		.id = id_word("letter", n),
		.author = ana.f->uid,
		.dev_id = ana.f->devices[0].dev_id,
		.circle_seq = ana.f->circle.seq,
		.time_ms = FAMILY_MS + 60000 + (uint64_t)n,
		.clock = (uint64_t)n + 1,
		.n_marks = (uint8_t)n };

	for (int i = 0; i < n; i++)
		l.marks[i] = letter_mark(buf_bytes(&letters[n - 1 - i]));
	if (said[n].text == NULL)
		id_put(&body, &of);
	else
		letter_put_text(
		    &body, n == 0 ? NULL : &of, bytes_str(said[n].text));
	l.body = buf_bytes(&body);
	letter_put_signed(&letters[n], &l);
	devkey_sign(ana.f->keys[0], SIG_LETTER, buf_bytes(&letters[n]), sig);
	buf_put(&letters[n], sig, sizeof sig);
}

static int
generate(void **state)
{
	(void)state;
	account_make(&ana, 0);
	account_make(&ben, 1);
	for (int i = 0; i < LETTERS; i++)
		write_letter(i);
	return 0;
}

static void
account_end(struct account *a)
{
	family_free(&a->f);
	buf_free(&a->card);
}

static int
forget(void **state)
{
	(void)state;
	account_end(&ana);
	account_end(&ben);
	for (int i = 0; i < LETTERS; i++)
		buf_free(&letters[i]);
	return 0;
}

/* ---- as JSON ---- */

static json_t *
hex_id(const struct id *id)
{
	return hex_of(bytes_of(id->b, ID_BYTES));
}

static json_t *
hex_digest(const struct digest *d)
{
	return hex_of(bytes_of(d->b, DIGEST_BYTES));
}

static json_t *
account_json(const struct account *a, int n)
{
	struct digest k = word("messages", n);
	const struct device *d = &a->f->devices[0];

	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:i, s:o, s:o}",
	    "address", a->address, "host", a->host, "uid", hex_id(&a->f->uid),
	    "dev_id", hex_id(&d->dev_id), "sign_pk",
	    hex_of(bytes_of(d->sign_pk, SIG_PK_BYTES)), "messages_key",
	    hex_digest(&k), "epoch", (int)a->shown.epoch, "inbox_pk",
	    hex_of(bytes_of(a->shown.pk, KEM_PK_BYTES)), "card",
	    hex_of(bytes_of(a->card.p + 2, a->card.n - 2)));
}

static json_t *
claim_json(void)
{
	OWN(buf_free) struct buf b = { 0 };
	struct person_claim x;

	person_claim_of(ben.address, &ben.f->circle, &x);
	person_claim_put(&b, &x);
	return json_pack("{s:s, s:o, s:o, s:i, s:o, s:o}", "address", x.address,
	    "uid", hex_id(&x.uid), "root", hex_digest(&x.root), "seq",
	    (int)x.seq, "head", hex_digest(&x.head), "bytes",
	    hex_of(buf_bytes(&b)));
}

static struct letter
letter_at(int n)
{
	struct letter l;
	struct err e = { 0 };

	if (letter_take(buf_bytes(&letters[n]), &l, &e) < 0)
		abort();
	return l;
}

static json_t *
letter_json(int n)
{
	struct letter l = letter_at(n);
	struct id mark = letter_mark(buf_bytes(&letters[n])), of;
	json_t *marks = json_array();
	struct bytes text;
	struct err e = { 0 };

	if (letter_body(&l, &of, &text, &e) < 0)
		abort();
	for (size_t i = 0; i < l.n_marks; i++)
		(void)json_array_append_new(marks, hex_id(&l.marks[i]));
	return json_pack("{s:i, s:o, s:o, s:o, s:o, s:i, s:I, s:i, s:o, s:o, "
			 "s:s%, s:o, s:o}",
	    "kind", l.kind, "conv", hex_id(&l.conv), "id", hex_id(&l.id),
	    "author", hex_id(&l.author), "dev_id", hex_id(&l.dev_id),
	    "circle_seq", (int)l.circle_seq, "time_ms", (json_int_t)l.time_ms,
	    "clock", (int)l.clock, "marks", marks, "of", hex_id(&of), "text",
	    text.n > 0 ? (const char *)text.p : "", text.n, "bytes",
	    hex_of(buf_bytes(&letters[n])), "mark", hex_id(&mark));
}

static json_t *
packet_json(const struct packet *p, struct bytes bytes)
{
	return json_pack("{s:i, s:o, s:o, s:i, s:o}", "letter", 0, "id",
	    hex_id(&p->id), "eph_pk", hex_of(bytes_of(p->eph_pk, KEM_PK_BYTES)),
	    "flags", p->flags, "bytes", hex_of(bytes));
}

#define ITEM_NUMBER 258
#define ITEM_MS (FAMILY_MS + 61000)

/* What Ben gets. */
static void
put_item(struct buf *out, const struct packet *p)
{
	buf_put_u64(out, ITEM_NUMBER);
	buf_put_u64(out, ITEM_MS);
	packet_put_rest(out, &ana.f->uid, p, 1);
}

static json_t *
item_json(const struct packet *p)
{
	OWN(buf_free) struct buf b = { 0 };
	OWN(buf_free) struct buf raw = { 0 };

	put_item(&b, p);
	struct id raw_id = page_raw_id(buf_bytes(&b));
	page_put_raw(&raw, buf_bytes(&b));
	return json_pack("{s:i, s:I, s:o, s:i, s:o, s:o, s:o}", "number",
	    ITEM_NUMBER, "received_ms", (json_int_t)ITEM_MS, "from",
	    hex_id(&ana.f->uid), "slot", 1, "bytes", hex_of(buf_bytes(&b)),
	    "raw_id", hex_id(&raw_id), "raw", hex_of(buf_bytes(&raw)));
}

/* ---- records ---- */

/* Two letters, and one that was taken away: its id and mark. */
static void
put_entries(struct buf *out)
{
	OWN(buf_free) struct buf gone = { 0 };
	struct letter l = letter_at(2);
	struct id mark = letter_mark(buf_bytes(&letters[2]));

	id_put(&gone, &l.id);
	id_put(&gone, &mark);
	for (int i = 0; i < LETTERS; i++)
		page_put_entry(out,
		    &(struct page_entry){ ITEM_MS + (uint64_t)i,
			(uint8_t[]){ 0, PAGE_OUT | PAGE_ASKED, PAGE_GONE }[i],
			buf_bytes(i < 2 ? &letters[i] : &gone) });
}

/* By hand, as page_put compresses what can be, and a second program need not. */
static json_t *
page_json(void)
{
	OWN(buf_free) struct buf entries = { 0 };
	OWN(buf_free) struct buf plain = { 0 };
	json_t *list = json_array();
	struct page_entry x;

	put_entries(&entries);
	buf_put(&plain, (uint8_t[]){ 40, 1, 0 }, 3);
	buf_put_vv(&plain, buf_bytes(&entries));
	struct scan s = scan_of(buf_bytes(&entries));
	while (page_next(&s, &x))
		(void)json_array_append_new(list,
		    json_pack("{s:I, s:i, s:o}", "received_ms",
			(json_int_t)x.received_ms, "flags", x.flags, "letter",
			hex_of(x.letter)));
	return json_pack(
	    "{s:o, s:o}", "entries", list, "bytes", hex_of(buf_bytes(&plain)));
}

static json_t *
conversation_json(void)
{
	OWN(buf_free) struct buf plain = { 0 };
	struct letter l = letter_at(0);
	struct page_conversation c = { .conv = l.conv,
		.read_ms = ITEM_MS + 1,
		.muted_until_ms = ITEM_MS + 3600000 };
	struct id id = page_conversation_id(&c.conv);

	page_put_conversation(&plain, &c);
	return json_pack("{s:o, s:o, s:I, s:I, s:o}", "conv", hex_id(&c.conv),
	    "id", hex_id(&id), "read_ms", (json_int_t)c.read_ms,
	    "muted_until_ms", (json_int_t)c.muted_until_ms, "bytes",
	    hex_of(buf_bytes(&plain)));
}

/* All of the file, around a packet. */
static json_t *
vectors_made(struct bytes packet)
{
	json_t *list = json_array();
	struct packet p;
	struct err e = { 0 };

	if (packet_take(packet, &p, &e) < 0)
		abort();
	for (int i = 0; i < LETTERS; i++)
		(void)json_array_append_new(list, letter_json(i));
	return json_pack("{s:[o, o], s:o, s:o, s:o, s:o, s:o, s:o}", "accounts",
	    account_json(&ana, 0), account_json(&ben, 1), "claim", claim_json(),
	    "letters", list, "packet", packet_json(&p, packet), "item",
	    item_json(&p), "page", page_json(), "conversation",
	    conversation_json());
}

static int
write_vectors(const char *path)
{
	const struct keyring_card *cards[] = { &ana.shown, &ben.shown };
	OWN(buf_free) struct buf packet = { 0 };
	struct keyring_card to[2];

	(void)generate(NULL);
	for (int i = 0; i < 2; i++)
		to[i] = *cards[i];
	inbox_seal(to, 2, buf_bytes(&letters[0]), PACKET_QUIET, &packet);
	int status = vectors_write(path, vectors_made(buf_bytes(&packet)));
	(void)forget(NULL);
	return status;
}

/* ---- tests ---- */

static void
the_vector_file_is_what_we_make(void **state)
{
	json_t *all = vectors_load(VECTORS);
	HEX(packet, json_object_get(all, "packet"), "bytes");

	(void)state;
	assert_vectors(VECTORS, vectors_made(buf_bytes(&packet)));
	json_decref(all);
}

static void
the_packet_opens_for_both(void **state)
{
	const struct account *to[] = { &ana, &ben };
	json_t *all = vectors_load(VECTORS);
	HEX(bytes, json_object_get(all, "packet"), "bytes");
	struct packet p;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(packet_take(buf_bytes(&bytes), &p, &e), 0);
	assert_int_equal(p.n, 2);
	for (size_t i = 0; i < p.n; i++) {
		OWN(buf_free) struct buf item = { 0 };
		OWN(buf_free) struct buf letter = { 0 };
		struct packet_item x;
		buf_put_u64(&item, 1);
		buf_put_u64(&item, 1);
		packet_put_rest(&item, &ana.f->uid, &p, i);
		assert_int_equal(packet_item_take(buf_bytes(&item), &x, &e), 0);
		assert_int_equal(x.slot.epoch, i + 1);
		assert_int_equal(
		    inbox_open(to[i]->f->ring, &to[i]->f->uid, &x, &letter, &e),
		    0);
		assert_true(
		    bytes_equal(buf_bytes(&letter), buf_bytes(&letters[0])));
	}
	json_decref(all);
}

static void
letters_are_signed_by_the_device_they_name(void **state)
{
	(void)state;
	for (int i = 0; i < LETTERS; i++) {
		struct letter l = letter_at(i);
		const struct member *m =
		    circle_member(&ana.f->circle, &l.dev_id);
		assert_non_null(m);
		assert_true(letter_sig_valid(&l, m->device.sign_pk));
	}
}

static void
the_claim_fits_the_list_of_devices(void **state)
{
	json_t *all = vectors_load(VECTORS);
	HEX(bytes, json_object_get(all, "claim"), "bytes");
	struct scan s = scan_of(buf_bytes(&bytes));
	struct person_claim x;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(person_claim_take(&s, &x, &e), 0);
	assert_string_equal(x.address, ben.address);
	assert_true(person_claim_fits(&x, &ben.f->circle));
	assert_false(person_claim_fits(&x, &ana.f->circle));
	json_decref(all);
}

static void
the_page_holds_its_entries(void **state)
{
	json_t *all = vectors_load(VECTORS);
	HEX(bytes, json_object_get(all, "page"), "bytes");
	OWN(buf_free) struct buf want = { 0 };
	OWN(buf_free) struct buf got = { 0 };
	struct err e = { 0 };

	(void)state;
	put_entries(&want);
	assert_int_equal(page_open(buf_bytes(&bytes), &got, &e), 0);
	assert_bytes(got.p, got.n, &want);
	json_decref(all);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vector_file_is_what_we_make),
		cmocka_unit_test(the_packet_opens_for_both),
		cmocka_unit_test(letters_are_signed_by_the_device_they_name),
		cmocka_unit_test(the_claim_fits_the_list_of_devices),
		cmocka_unit_test(the_page_holds_its_entries),
	};

	if (argc > 2 && strcmp(argv[1], "write") == 0)
		return write_vectors(argv[2]);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, generate, forget);
}
