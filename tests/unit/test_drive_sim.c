/* SPDX-License-Identifier: ISC */
/* test_drive_sim.c: the whole engine on disks of memory, cut off anywhere. */
/*
 * Three devices with real zones, packs and databases; their disks are memory, so
 * that power can go at any effect. AUMBRY_DRIVE_SEEDS=N runs that many seeds (12
 * otherwise), AUMBRY_DRIVE_SEED=N one, with all that happens.
 */
#include "content_world.h"
#include "drive/drive.h"
#include "../sim/memdisk.h"

#define DEVICES 3
#define CONTENTS 4096
#define LINES 60
#define BIG 90000 /* bytes: more than one chunk */

struct gear {
	char dir[160], folder[176];
	struct drive *drive;
	struct drive_root *root;
	struct memdisk *disk;
	struct drive_boot boot;
};

struct sim {
	struct world *w;
	struct gear d[DEVICES];
	uint64_t random;
	unsigned next;
	bool killed[CONTENTS]; /* somebody deleted it or wrote over it */
	bool seen[CONTENTS]; /* it was here when the sync began that goes on */
	bool sent[CONTENTS]; /* a sync that had it here came to its end */
	bool talk;
	char why[256];
};

#define TELL(s, ...) \
	do { \
		if ((s)->talk) \
			(void)fprintf(stderr, __VA_ARGS__); \
	} while (0)

static unsigned
draw(struct sim *s, unsigned n)
{
	s->random ^= s->random >> 12;
	s->random ^= s->random << 25;
	s->random ^= s->random >> 27;
	return (unsigned)((s->random * 0x2545f4914f6cdd1dULL) >> 33) % n;
}

static void
wrong(struct sim *s, const char *what, const char *which)
{
	if (s->why[0] == '\0')
		(void)snprintf(s->why, sizeof s->why, "%s: %s", what, which);
	TELL(s, "WRONG %s: %s\n", what, which);
}

/* ---- contents are numbers ---- */

static unsigned
number_of(struct bytes content)
{
	unsigned n = 0;

	if (content.n < 9 || memcmp(content.p, "content ", 8) != 0)
		return 0;
	(void)sscanf((const char *)content.p + 8, "%u", &n);
	return n < CONTENTS ? n : 0;
}

static void
make_content(unsigned n, struct buf *out)
{
	buf_printf(out, "content %u ", n);
	size_t bytes = n % 5 == 0 ? BIG : n % 3 == 0 ? 600 : out->n;
	OWN(buf_free) struct buf more = { 0 };
	if (bytes > out->n) {
		content(n, &more, bytes - out->n);
		buf_put_bytes(out, buf_bytes(&more));
	}
}

static unsigned
number_at(struct memdisk *d, const char *path)
{
	OWN(buf_free) struct buf x = { 0 };
	struct os_stat st;

	return memdisk_stat(d, path, &st) && st.type == NODE_FILE &&
		memdisk_read(d, path, &x)
	    ? number_of(buf_bytes(&x))
	    : 0;
}

/* ---- devices ---- */

static void
open_device(struct sim *s, int i, bool adopt)
{
	struct gear *d = &s->d[i];
	struct err e;

	const struct drive_from from = { .repo = s->w->repo[i],
		.dir = d->dir,
		.device = i == 0 ? "one"
		    : i == 1	 ? "two"
				 : "three" };
	const struct drive_root_ask ask = { .dir = d->folder,
		.folder = "/",
		.make = true,
		.adopt = adopt,
		.os = memdisk_os(d->disk),
		.boot = &d->boot,
		.gone_after_ns = 1 };
	MUST(drive_open(&from, &d->drive, &e));
	MUST(drive_pull(d->drive, &e));
	MUST(drive_root_open(d->drive, &ask, &d->root, &e));
}

static void
close_device(struct gear *d)
{
	drive_root_free(&d->root);
	drive_free(&d->drive);
}

struct walk {
	struct sim *s;
	void (*fn)(struct sim *s, const char *path, unsigned number);
	struct buf text; /* a listing */
};

static bool
ours(const char *path)
{
	return strncmp(path, OS_OWN, strlen(OS_OWN)) == 0;
}

static void
visit(
    void *ctx, const char *path, const struct os_stat *st, struct bytes content)
{
	struct walk *k = ctx;

	if (ours(path))
		return;
	unsigned n = st->type == NODE_FILE ? number_of(content) : 0;
	if (k->fn != NULL && n > 0)
		k->fn(k->s, path, n);
	buf_printf(&k->text, "%s\t%d %d %u %zu\n", path, (int)st->type,
	    st->type == NODE_FILE && st->exec, n,
	    st->type == NODE_FILE ? content.n : 0);
}

static void
listing(struct sim *s, int i, struct buf *out)
{
	struct walk k = { .s = s };

	memdisk_each(s->d[i].disk, visit, &k);
	*out = k.text;
}

static void
is_sent(struct sim *s, const char *path, unsigned n)
{
	(void)path;
	s->sent[n] = true;
}

static void
is_seen(struct sim *s, const char *path, unsigned n)
{
	(void)path;
	s->seen[n] = true;
}

static void
is_sent_if_seen(struct sim *s, const char *path, unsigned n)
{
	(void)path;
	s->sent[n] |= s->seen[n];
}

static void
is_lost(struct sim *s, const char *path, unsigned n)
{
	(void)path;
	s->killed[n] |= !s->sent[n];
}

static void
each_content(
    struct sim *s, int i, void (*fn)(struct sim *, const char *, unsigned))
{
	struct walk k = { .s = s, .fn = fn };

	memdisk_each(s->d[i].disk, visit, &k);
	buf_free(&k.text);
}

/* What a person wrote and nobody has sent yet goes with the power; what was sent
 * does not, though nobody but the Drive waited for the disk. */
static void
cut_off(struct sim *s, int i, enum memdisk_cut cut)
{
	struct gear *d = &s->d[i];

	TELL(s, "    cut off (%d)\n", (int)cut);
	close_device(d);
	if (cut != MEMDISK_KEPT) {
		each_content(s, i, is_lost);
		id_random(&d->boot.id);
		d->boot.since_ns = memdisk_now(d->disk);
	}
	memdisk_restart(d->disk, cut);
	open_device(s, i, false);
}

static void
cut_power(struct sim *s, int i)
{
	cut_off(s, i, (enum memdisk_cut)draw(s, 4));
}

/* Returns how much it did. */
static uint64_t
sync_device(struct sim *s, int i, unsigned effects)
{
	struct gear *d = &s->d[i];
	OWN(drive_report_free) struct drive_report t = { 0 };
	struct drive_sync_ask ask = { .confirm = { { 0 } } };
	struct err e;

	memdisk_crash(d->disk, effects);
	int rc = drive_sync(d->root, NULL, &ask, &t, &e);
	if (rc == 0 && !id_zero(&t.gate)) {
		ask.confirm = t.gate;
		drive_report_free(&t);
		rc = drive_sync(d->root, NULL, &ask, &t, &e);
	}
	memdisk_crash(d->disk, 0);
	if (rc < 0) {
		TELL(s, "    %s (%s)\n", e.msg, err_name(e.code));
		cut_power(s, i);
		return 1;
	}
	for (size_t k = 0; k < t.n_held; k++) {
		TELL(s, "    held %s: %s\n", t.held[k].path, t.held[k].reason);
		if (effects == 0)
			wrong(s, "held", t.held[k].reason);
	}
	each_content(s, i, is_sent);
	return t.commits + t.down_files + t.moved + t.removed + t.trashed;
}

static void
rest(struct sim *s)
{
	uint64_t done = 1;

	for (int k = 0; k < 12 && done > 0 && s->why[0] == '\0'; k++) {
		done = 0;
		for (int i = 0; i < DEVICES; i++)
			done += sync_device(s, i, 0);
	}
	if (done > 0)
		wrong(s, "never comes to rest", "");
}

/* ---- people ---- */

struct pick {
	struct sim *s;
	char path[256];
	unsigned n;
};

static void
pick_one(
    void *ctx, const char *path, const struct os_stat *st, struct bytes content)
{
	struct pick *p = ctx;

	(void)st;
	(void)content;
	if (!ours(path) && path[0] != '\0' && draw(p->s, ++p->n) == 0)
		(void)snprintf(p->path, sizeof p->path, "%s", path);
}

static void
some_path(struct sim *s, int i, char *out, size_t n)
{
	static const char *const names[] = { "a", "b", "c", "d" };
	struct pick p = { .s = s };
	struct os_stat st;

	memdisk_each(s->d[i].disk, pick_one, &p);
	unsigned dice = draw(s, 100);
	if (p.n == 0 || dice < 20)
		(void)snprintf(out, n, "%s", names[draw(s, 4)]);
	else if (dice < 60 && strlen(p.path) < 40 &&
	    memdisk_stat(s->d[i].disk, p.path, &st) && st.type == NODE_DIR)
		(void)snprintf(out, n, "%s/%s", p.path, names[draw(s, 4)]);
	else
		(void)snprintf(out, n, "%s", p.path);
}

static void
kill_below(struct sim *s, int i, const char *path)
{
	struct walk k = { .s = s };
	OWN(buf_free) struct buf all = { 0 };
	size_t n = strlen(path);

	memdisk_each(s->d[i].disk, visit, &k);
	all = k.text;
	for (char *line = (char *)all.p, *end; line != NULL && *line != '\0';
	     line = end + 1) {
		unsigned number = 0;
		const char *tab = strchr(line, '\t');
		end = strchr(line, '\n');
		if (tab == NULL || end == NULL)
			break;
		if (strncmp(line, path, n) != 0 ||
		    (line[n] != '/' && line[n] != '\t'))
			continue;
		(void)sscanf(tab, "\t%*d %*d %u", &number);
		if (number > 0)
			s->killed[number] = true;
	}
}

static void
write_file(struct sim *s, int i, const char *path)
{
	OWN(buf_free) struct buf x = { 0 };
	unsigned was = number_at(s->d[i].disk, path);

	make_content(++s->next, &x);
	if (memdisk_write_bytes(s->d[i].disk, path, buf_bytes(&x)))
		s->killed[was] = true;
	else
		s->killed[s->next] = true;
}

static void
person(struct sim *s, int i)
{
	struct memdisk *d = s->d[i].disk;
	char one[256], two[256];
	unsigned was;

	/* No two things happen at the same time. */
	memdisk_wait(d, 1000000);
	some_path(s, i, one, sizeof one);
	some_path(s, i, two, sizeof two);
	unsigned dice = draw(s, 100);
	TELL(s, "%c %u %s %s\n", 'A' + i, dice, one, two);
	if (dice < 40) {
		write_file(s, i, one);
	} else if (dice < 55) {
		(void)memdisk_mkdir(d, one);
	} else if (dice < 80) {
		was = number_at(d, two);
		if (strcmp(one, two) != 0 && memdisk_rename(d, one, two))
			s->killed[was] = true;
	} else if (dice < 88) {
		was = number_at(d, one);
		if (memdisk_remove(d, one))
			s->killed[was] = true;
	} else if (dice < 93) {
		kill_below(s, i, one);
		(void)memdisk_remove_all(d, one);
	} else if (dice < 97) {
		(void)memdisk_exec(d, one, draw(s, 2) == 0);
	} else {
		(void)memdisk_symlink(d, two, one);
	}
	s->killed[0] = false;
	memdisk_wait(d, 1000000);
}

static void
meddle(void *ctx)
{
	struct sim *s = ctx;
	static int deep;

	if (deep == 0 && draw(s, 10) == 0) {
		deep++;
		TELL(s, "    meanwhile ");
		person(s, 0);
		deep--;
	}
}

/* ---- a seed ---- */

static void
step(struct sim *s)
{
	int i = (int)draw(s, DEVICES);
	unsigned dice = draw(s, 100);

	if (dice < 67) {
		person(s, i);
		return;
	}
	if (dice < 70) {
		TELL(s, "%c off\n", 'A' + i);
		cut_power(s, i);
		return;
	}
	TELL(s, "%c sync %u\n", 'A' + i, dice);
	if (dice < 76)
		s->w->front.lose_answer = true;
	else if (dice < 80)
		atomic_store(&s->w->front.fail_put, 1);
	unsigned effects = dice < 92 ? 0 : 1 + draw(s, 30);
	if (i == 0 && dice > 85)
		memdisk_between(s->d[0].disk, meddle, s);
	struct gear *d = &s->d[i];
	OWN(drive_report_free) struct drive_report t = { 0 };
	struct err e;
	memset(s->seen, 0, sizeof s->seen);
	each_content(s, i, is_seen);
	memdisk_crash(d->disk, effects);
	int rc = drive_sync(
	    d->root, NULL, &(struct drive_sync_ask){ .dry = false }, &t, &e);
	memdisk_crash(d->disk, 0);
	/* From now on no power cut takes it away. */
	if (rc == 0 && t.n_held == 0)
		each_content(s, i, is_sent_if_seen);
	memdisk_between(s->d[0].disk, NULL, NULL);
	s->w->front.lose_answer = false;
	atomic_store(&s->w->front.fail_put, 0);
	if (rc < 0) {
		TELL(s, "    %s (%s)\n", e.msg, err_name(e.code));
		if (effects > 0)
			cut_power(s, i);
	}
}

static void
check_end(struct sim *s)
{
	OWN(buf_free) struct buf first = { 0 };
	char text[32];

	listing(s, 0, &first);
	for (int i = 1; i < DEVICES; i++) {
		OWN(buf_free) struct buf other = { 0 };
		listing(s, i, &other);
		if (!bytes_equal(buf_bytes(&first), buf_bytes(&other))) {
			TELL(s, "one:\n%s", buf_text(&first));
			TELL(s, "other:\n%s", buf_text(&other));
			wrong(s, "two disks differ", s->d[i].folder);
		}
	}
	for (unsigned n = 1; n <= s->next; n++) {
		(void)snprintf(text, sizeof text, " %u ", n);
		bool seen = false;
		for (const char *at = strstr(buf_text(&first), text);
		     at != NULL && !seen; at = strstr(at + 1, text))
			seen = true;
		if (!seen && !s->killed[n])
			wrong(s, "what nobody deleted is gone", text);
	}
}

static struct sim *
begin(uint64_t seed, bool talk)
{
	struct sim *s = mem_new(sizeof *s);
	void *state;

	s->random = seed * 0x9e3779b97f4a7c15ULL + 1;
	s->talk = talk;
	(void)set_up(&state);
	s->w = state;
	for (int i = 0; i < DEVICES; i++) {
		struct gear *d = &s->d[i];
		struct err e;
		const struct memdisk_kind kind = { .fs = { .name_max = 255 },
			.seed = seed + (uint64_t)i,
			.no_btime = draw(s, 8) == 0 };
		(void)open_home(s->w, i, true);
		(void)snprintf(
		    d->dir, sizeof d->dir, "%s/home%d", s->w->dir.path, i);
		(void)snprintf(d->folder, sizeof d->folder, "%s/root%d",
		    s->w->dir.path, i);
		MUST(file_mkdirs(d->folder, 0700, &e));
		d->disk = memdisk_new(&kind);
		id_random(&d->boot.id);
		open_device(s, i, false);
	}
	return s;
}

static void
end(struct sim *s)
{
	void *state = s->w;

	for (int i = 0; i < DEVICES; i++) {
		close_device(&s->d[i]);
		memdisk_free(&s->d[i].disk);
	}
	(void)tear_down(&state);
	free(s);
}

static bool
seed_holds(uint64_t seed, bool talk)
{
	struct sim *s = begin(seed, talk);
	bool holds;

	unsigned n = 10 + draw(s, LINES - 10);
	for (unsigned k = 0; k < n && s->why[0] == '\0'; k++)
		step(s);
	if (s->why[0] == '\0')
		rest(s);
	if (s->why[0] == '\0')
		check_end(s);
	holds = s->why[0] == '\0';
	if (!holds)
		(void)fprintf(stderr, "seed %u: %s\n", (unsigned)seed, s->why);
	end(s);
	return holds;
}

static void
holds_whatever_is_cut_off(void **state)
{
	const char *many = getenv("AUMBRY_DRIVE_SEEDS");
	const char *one = getenv("AUMBRY_DRIVE_SEED");
	uint64_t n = many == NULL ? 12 : strtoull(many, NULL, 10);
	unsigned failed = 0;

	(void)state;
	if (one != NULL) {
		assert_true(seed_holds(strtoull(one, NULL, 10), true));
		return;
	}
	for (uint64_t seed = 1; seed <= n && failed < 5; seed++)
		failed += !seed_holds(seed, false);
	assert_int_equal(failed, 0);
}

/* All come to rest, and have this number at that path: 0 for no content. */
static void
all_have(struct sim *s, const char *path, unsigned number)
{
	struct os_stat st;

	for (int i = 0; i < DEVICES; i++) {
		assert_true(memdisk_stat(s->d[i].disk, path, &st));
		assert_int_equal(number_at(s->d[i].disk, path), number);
	}
}

static void
what_was_sent_outlives_a_power_cut(void **state)
{
	struct os_stat st;

	(void)state;
	for (int cut = MEMDISK_LOST; cut <= MEMDISK_EMPTY; cut++) {
		struct sim *s = begin(1, false);
		struct memdisk *d = s->d[0].disk;
		write_file(s, 0, "moves");
		write_file(s, 0, "goes");
		rest(s);
		memdisk_wait(d, 1000000);
		assert_true(memdisk_mkdir(d, "dir"));
		write_file(s, 0, "dir/new");
		assert_true(memdisk_rename(d, "moves", "dir/moved"));
		assert_true(memdisk_remove(d, "goes"));
		rest(s);
		cut_off(s, 0, (enum memdisk_cut)cut);
		rest(s);
		all_have(s, "dir/moved", 1);
		all_have(s, "dir/new", 3);
		assert_false(memdisk_stat(d, "goes", &st));
		assert_false(memdisk_stat(d, "moves", &st));
		assert_string_equal(s->why, "");
		end(s);
	}
}

struct mover {
	struct memdisk *d;
	unsigned calls; /* until it acts */
};

static void
moves_it(void *ctx)
{
	struct mover *m = ctx;

	if (m->calls > 0 && --m->calls == 0)
		(void)memdisk_rename(m->d, "a", "b");
}

/* What moves away while rows are about to be written is not waited for. */
static void
what_moves_meanwhile_outlives_it_too(void **state)
{
	(void)state;
	for (unsigned calls = 1; calls <= 4; calls++) {
		struct sim *s = begin(1, false);
		struct mover m = { s->d[0].disk, calls };
		write_file(s, 0, "a");
		memdisk_wait(m.d, 1000000);
		memdisk_between(m.d, moves_it, &m);
		(void)sync_device(s, 0, 0);
		memdisk_between(m.d, NULL, NULL);
		cut_off(s, 0, MEMDISK_EMPTY);
		rest(s);
		for (int i = 0; i < DEVICES; i++)
			assert_true(number_at(s->d[i].disk, "a") == 1 ||
			    number_at(s->d[i].disk, "b") == 1);
		assert_string_equal(s->why, "");
		end(s);
	}
}

static void
what_a_power_cut_left_blank_is_no_edit(void **state)
{
	static const char *const names[] = { "cut", "emptied" };
	struct sim *s = begin(1, false);
	struct memdisk *d = s->d[0].disk;

	(void)state;
	for (int i = 0; i < 2; i++) {
		memdisk_wait(d, 1000000);
		write_file(s, 0, names[i]);
	}
	rest(s);
	for (int cut = MEMDISK_ZEROED; cut <= MEMDISK_EMPTY; cut++) {
		/* What was not sent yet, and lost its bytes. */
		assert_true(memdisk_write(d, "cut", "an edit"));
		assert_true(memdisk_write(d, "new", "of a new one"));
		memdisk_wait(d, 1000000);
		cut_off(s, 0, (enum memdisk_cut)cut);
		rest(s);
		all_have(s, "cut", 1);
		all_have(s, "new", 0);
		all_have(s, "emptied", 2);
	}
	/* Whoever does it in this boot means it, and so does who did it in one
	 * that was seen. */
	assert_true(memdisk_write(d, "cut", "an edit"));
	memdisk_wait(d, 1000000);
	cut_off(s, 0, MEMDISK_EMPTY);
	memdisk_wait(d, 1000000);
	assert_true(memdisk_write(d, "emptied", ""));
	rest(s);
	all_have(s, "cut", 1);
	all_have(s, "emptied", 0);
	memdisk_wait(d, 1000000);
	assert_true(memdisk_write(d, "cut", ""));
	cut_off(s, 0, MEMDISK_KEPT);
	rest(s);
	all_have(s, "cut", 0);
	assert_string_equal(s->why, "");
	end(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_whatever_is_cut_off),
		cmocka_unit_test(what_was_sent_outlives_a_power_cut),
		cmocka_unit_test(what_moves_meanwhile_outlives_it_too),
		cmocka_unit_test(what_a_power_cut_left_blank_is_no_edit),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
