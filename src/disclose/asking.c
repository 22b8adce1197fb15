/* SPDX-License-Identifier: ISC */
/* asking.c: one request to an escrow, at its socket or in its folder. */
#include "disclose/asking.h"

#include "base/file.h"
#include "base/now.h"
#include "client/release.h"
#include "escrow/release.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define WAIT_S 60 /* for the escrow's answer */

void
asking_free(struct asked *a)
{
	buf_free(&a->line);
	buf_free(&a->why);
	keyring_free(&a->keys);
}

static int
unreachable(struct err *e, const char *why)
{
	return err_set(
	    e, ERR_ESCROW_UNREACHABLE, "the escrow cannot be reached: %s", why);
}

/* ---- one that runs ---- */

/* The escrow hears its own user, and files are made as that one makes them:
 * root becomes whom the socket, or the folder, belongs to. */
static int
become_owner(const char *path, bool *became, struct err *e)
{
	struct stat st;

	*became = false;
	if (geteuid() != 0 || stat(path, &st) < 0 || st.st_uid == 0)
		return 0;
	if (setegid(st.st_gid) < 0 || seteuid(st.st_uid) < 0)
		return err_sys(e, "becoming the user that %s is of", path);
	*became = true;
	return 0;
}

static void
be_root_again(void)
{
	if (seteuid(0) < 0 || setegid(0) < 0)
		abort();
}

static int
connect_to(const char *path, int *out, struct err *e)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct timeval wait = { .tv_sec = WAIT_S };
	OWN(fd_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof a.sun_path)
		return err_set(e, ERR_USAGE,
		    "--socket is longer than %zu bytes", sizeof a.sun_path - 1);
	memcpy(a.sun_path, path, strlen(path));
	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) < 0)
		return err_sys(e, "%s", path);
	bool became;
	if (become_owner(path, &became, e) < 0)
		return -1;
	int rc = connect(fd, (const struct sockaddr *)&a, sizeof a);
	if (rc < 0) {
		(void)err_sys(e, "%s", path);
		e->code = ERR_ESCROW_UNREACHABLE;
	}
	if (became)
		be_root_again();
	if (rc < 0)
		return -1;
	*out = fd;
	fd = -1;
	return 0;
}

/* A whole answer, without its length. */
static int
ask_socket(
    const char *path, struct bytes request, struct buf *out, struct err *e)
{
	OWN(fd_close) int fd = -1;
	OWN(buf_free) struct buf frame = { 0 };
	uint8_t head[4];
	size_t got;

	buf_put_v32(&frame, request);
	if (connect_to(path, &fd, e) < 0)
		return -1;
	if (file_write_all(fd, buf_bytes(&frame), e) < 0 ||
	    file_read_full(fd, head, sizeof head, &got, e) < 0 ||
	    got != sizeof head)
		return unreachable(e, "it did not answer");
	uint32_t n = be32(head);
	if (n < 1 || n > ESCROW_FRAME)
		return unreachable(e, "its answer is not well-formed");
	if (file_read_full(fd, buf_grow(out, n), n, &got, e) < 0 || got != n)
		return unreachable(e, "it did not answer in full");
	return 0;
}

/* ---- one that is stopped ---- */

static int
ask_keeper(
    const char *dir, struct bytes request, struct buf *out, struct err *e)
{
	OWN(keeper_free) struct keeper *k = NULL;
	OWN(buf_free) struct buf frame = { 0 };
	bool greeted = false;
	int64_t now = now_ms();
	struct id uid;

	if (keeper_open(dir, KEEPER_SERVE, &k, e) < 0)
		return e->code == ERR_HOME_BUSY
		    ? err_remedy(e,
			  "Give --socket PATH of the escrow that runs, in the "
			  "place of --dir.")
		    : -1;
	(void)release_answer_owner(
	    k, request, &greeted, now > 0 ? (uint64_t)now : 0, &frame, &uid);
	buf_put(out, frame.p + 4, frame.n - 4);
	return 0;
}

static int
ask_folder(
    const char *dir, struct bytes request, struct buf *out, struct err *e)
{
	bool became;

	if (become_owner(dir, &became, e) < 0)
		return -1;
	int rc = ask_keeper(dir, request, out, e);
	if (became)
		be_root_again();
	return rc;
}

/* ---- request and answer ---- */

static void
put_request(const struct asking *a, const struct holding *h,
    const struct id *request, const struct device *to, struct buf *out)
{
	buf_put_u8(out, ESCROW_VERSION);
	buf_put_u8(out, ESCROW_DISCLOSE);
	id_put(out, &h->account.uid);
	id_put(out, request);
	buf_put(out, to->kem_pk, sizeof to->kem_pk);
	buf_put(out, h->escrow, sizeof h->escrow);
	buf_put_u32(out, a->notify_s);
	buf_put_v32(out, buf_bytes(&h->entries));
	buf_put_v32(out, buf_bytes(&h->for_escrow));
	buf_put_v8(out, bytes_str(a->reference));
}

static int
refusal(struct scan *s, struct err *e)
{
	OWN(buf_free) struct buf text = { 0 };
	struct bytes code = scan_v8(s), message = scan_v16(s);

	if (!scan_done(s))
		return unreachable(e, "its answer is not well-formed");
	enum err_code known = err_find((const char *)code.p, code.n);
	buf_put_bytes(&text, message);
	(void)err_set(e, known < ERR_CODES ? known : ERR_RELEASE_REFUSED, "%s",
	    buf_text(&text));
	return e->code == ERR_PERMISSION
	    ? err_remedy(e, "Run this as root or as the escrow's own user.")
	    : -1;
}

/* It is in the journal, signed: without that nothing is done with the rest. */
static int
take_line(struct bytes line, const struct holding *h, struct asked *out,
    struct err *e)
{
	buf_put_bytes(&out->line, line);
	if (escrow_line_parse(buf_bytes(&out->line), &out->parsed, e) < 0 ||
	    out->parsed.verb != ESCROW_DISCLOSE ||
	    out->parsed.outcome != ESCROW_WILL_DO ||
	    !id_equal(&out->parsed.uid, &h->account.uid) ||
	    !sig_valid(SIG_ESCROW_JOURNAL, h->escrow, out->parsed.signed_part,
		out->parsed.sig))
		return err_set(e, ERR_ESCROW_CHANGED,
		    "the escrow did not show that it has written this down");
	digest_of(buf_bytes(&out->line), &out->hash);
	return 0;
}

static int
take_answer(struct bytes x, const struct holding *h, const struct id *request,
    const struct devkey *key, struct asked *out, struct err *e)
{
	struct scan s = scan_of(x);

	if (scan_u8(&s) != 0)
		return refusal(&s, e);
	struct bytes line = scan_v16(&s), why = scan_v8(&s);
	out->closed = scan_u32(&s);
	struct bytes released = scan_v32(&s);
	if (!scan_done(&s))
		return unreachable(e, "its answer is not well-formed");
	if (take_line(line, h, out, e) < 0)
		return -1;
	buf_put_bytes(&out->why, why);
	if (why.n > 0)
		return 0;
	out->keys = keyring_new(&h->account.uid);
	return release_open(released, &h->circle, request, key, out->keys, e);
}

int
asking_do(const struct asking *a, const struct holding *h, struct asked *out,
    struct err *e)
{
	struct device to;
	OWN(devkey_free) struct devkey *key = devkey_new(&to);
	OWN(buf_free) struct buf request = { 0 };
	OWN(buf_free) struct buf answer = { 0 };
	struct id id;

	id_random(&id);
	put_request(a, h, &id, &to, &request);
	if (request.n > ESCROW_FRAME)
		return err_set(e, ERR_TOO_LARGE,
		    "what the escrow must be shown is larger than it takes");
	if ((a->socket != NULL
		    ? ask_socket(a->socket, buf_bytes(&request), &answer, e)
		    : ask_folder(a->dir, buf_bytes(&request), &answer, e)) < 0)
		return -1;
	return take_answer(buf_bytes(&answer), h, &id, key, out, e);
}
