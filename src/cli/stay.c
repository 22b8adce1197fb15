/* SPDX-License-Identifier: ISC */
/* stay.c: aumbry drive stay: folders kept in sync until it ends. */
/*
 * One thread does everything; a second one has the request that waits at the
 * server, and wakes it. So an idle device has one request parked, and no timer
 * but those of what it has seen once.
 */
#include "cli/stay.h"

#include "base/file.h"
#include "base/now.h"
#include "base/stop.h"
#include "client/self_wait.h"
#include "schedule/conditions.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define LONGEST_MS INT64_C(3600000) /* of one wait: clocks may be set */
#define WAIT_S 50 /* a parked request; below LIMIT_POLL_S */
#define REST_MAX_S 32 /* between two that say the same */
#define COST_NS INT64_C(60000000000) /* between looks at what a network costs */

/* ---- the request that waits ---- */

/* Until the other thread has pulled, there is nothing to wait for. */
static void
await_pull(struct stay *s)
{
	(void)pthread_mutex_lock(&s->lock);
	while (s->news && !atomic_load(&s->ends)) {
		struct timespec until = now_mono_after(1000);
		(void)pthread_cond_timedwait(&s->pulled, &s->lock, &until);
	}
	(void)pthread_mutex_unlock(&s->lock);
}

static void
tell_news(struct stay *s)
{
	(void)pthread_mutex_lock(&s->lock);
	s->news = true;
	(void)pthread_mutex_unlock(&s->lock);
	(void)eventfd_write(s->news_fd, 1);
}

/* Was it taken in, what was told? */
static bool
took_in(struct stay *s, uint64_t seq, bool circle)
{
	return zcopy_seq(drive_zone(s->d.drive)) != seq ||
	    (circle && !atomic_load(&s->circle));
}

/*
 * What was told is not taken in now, as in a pause or while the folder is away:
 * the server would say the same at once, and again.
 */
static void
rest(struct stay *s, uint64_t seq, bool circle, unsigned seconds)
{
	const struct timespec until = now_mono_after(1000 * (int64_t)seconds);
	int rc = 0;

	(void)pthread_mutex_lock(&s->lock);
	while (rc == 0 && !atomic_load(&s->ends) && !took_in(s, seq, circle))
		rc = pthread_cond_timedwait(&s->pulled, &s->lock, &until);
	(void)pthread_mutex_unlock(&s->lock);
}

static void *
wait_for_news(void *arg)
{
	struct stay *s = arg;
	struct zcopy *z = drive_zone(s->d.drive);
	unsigned rest_s = 1;

	while (!atomic_load(&s->ends)) {
		struct self_wait_zone zone = { .zone = *zcopy_zone(z),
			.seq = zcopy_seq(z) };
		struct self_wait w = { .zones = &zone,
			.n = 1,
			.wait_s = WAIT_S,
			.ends = &s->ends };
		struct err e;
		/* What fails whoever syncs finds out. */
		bool news =
		    self_wait(s->d.self, &w, &e) < 0 || zone.news || w.circle;
		if (w.circle)
			atomic_store(&s->circle, true);
		if (news && !took_in(s, zone.seq, w.circle)) {
			tell_news(s);
			await_pull(s);
		}
		if (!news || took_in(s, zone.seq, w.circle)) {
			rest_s = 1;
			continue;
		}
		rest(s, zone.seq, w.circle, rest_s);
		rest_s = rest_s < REST_MAX_S ? 2 * rest_s : REST_MAX_S;
	}
	return NULL;
}

/* Asked once a minute, and only when something is to be done. */
static bool
too_dear(struct stay *s, int64_t now)
{
	struct conditions c;

	if (s->limits.metered) {
		s->costs = false;
		return false;
	}
	if (now < s->cost_at)
		return s->costs;
	conditions_look(&c);
	s->cost_at = now + COST_NS;
	s->costs = c.metered;
	return s->costs;
}

/* ---- staying ---- */

static void
take_watched(struct stay_root *r, int64_t now)
{
	bool all = false;

	if (r->watch == NULL)
		return;
	int64_t in = watch_take(r->watch, now, &r->dirs, &all);
	r->all |= all;
	r->watch_due = in < 0 ? STAY_NEVER : now + in;
}

static void
sync_due(struct stay *s, int64_t now)
{
	struct err e;

	for (size_t i = 0; i < s->n && !stop_order_asked(); i++) {
		struct stay_root *r = s->roots[i];
		take_watched(r, now);
		if (now >= r->whole_at) {
			r->all = true;
			r->whole_at = STAY_NEVER; /* until that is done */
		}
		bool waits = r->back_off > 0 && now < r->due;
		if (waits ||
		    (!r->all && r->dirs.n == 0 && now < r->due && !r->news))
			continue;
		if (too_dear(s, now)) {
			r->due = s->cost_at;
			continue;
		}
		r->news = false;
		(void)!stay_sync(s, r, NULL, &e);
	}
}

static int64_t
next_due(const struct stay *s)
{
	int64_t due = STAY_NEVER;

	for (size_t i = 0; i < s->n; i++) {
		const struct stay_root *r = s->roots[i];
		if (r->due < due)
			due = r->due;
		if (r->back_off == 0 && r->watch_due < due)
			due = r->watch_due;
		if (r->whole_at < due)
			due = r->whole_at;
	}
	return due;
}

static void
took_news(struct stay *s)
{
	eventfd_t n;
	struct err ignored; /* then it is told again */

	if (eventfd_read(s->news_fd, &n) == 0)
		for (size_t i = 0; i < s->n; i++)
			s->roots[i]->news = true;
	if (atomic_load(&s->circle) && self_refresh(s->d.self, &ignored) == 0)
		atomic_store(&s->circle, false);
}

static void
has_pulled(struct stay *s)
{
	(void)pthread_mutex_lock(&s->lock);
	s->news = false;
	(void)pthread_cond_broadcast(&s->pulled);
	(void)pthread_mutex_unlock(&s->lock);
}

static void
poll_once(struct stay *s)
{
	struct pollfd fds[2 + STAY_ROOTS_MAX];
	struct stay_root *of[2 + STAY_ROOTS_MAX] = { 0 };
	nfds_t n = 2;
	int64_t now = now_mono_ns(), due = next_due(s), ms = -1;

	if (stay_paused(s)) {
		int64_t left = s->paused_until - now_ms();
		/* It is looked again then. */
		due = now + (left < LONGEST_MS ? left : LONGEST_MS) * 1000000;
	}
	if (due != STAY_NEVER)
		ms = due <= now ? 0 : (due - now) / 1000000 + 1;
	fds[0] = (struct pollfd){ s->news_fd, POLLIN, 0 };
	fds[1] = (struct pollfd){ s->socket, POLLIN, 0 };
	for (size_t i = 0; i < s->n && i < STAY_ROOTS_MAX; i++)
		if (s->roots[i]->watch != NULL && !stay_paused(s)) {
			of[n] = s->roots[i];
			fds[n++] =
			    (struct pollfd){ watch_fd(s->roots[i]->watch),
				    POLLIN, 0 };
		}
	if (ms > LONGEST_MS)
		ms = LONGEST_MS;
	if (poll(fds, n, (int)ms) < 0)
		return;
	if ((fds[0].revents & POLLIN) != 0)
		took_news(s);
	for (nfds_t i = 2; i < n; i++)
		if ((fds[i].revents & POLLIN) != 0)
			take_watched(of[i], now_mono_ns());
	if ((fds[1].revents & POLLIN) != 0)
		stay_answer(s);
}

static int
stay_on(struct stay *s, struct err *e)
{
	pthread_condattr_t mono;
	pthread_t waiter;

	(void)pthread_condattr_init(&mono);
	(void)pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&s->pulled, &mono);
	(void)pthread_mutex_init(&s->lock, NULL);
	if (pthread_create(&waiter, NULL, wait_for_news, s) != 0)
		return err_set(e, ERR_IO, "no thread for what waits");
	while (!stop_order_asked()) {
		if (!stay_paused(s)) {
			sync_due(s, now_mono_ns());
			stay_tidy(s);
		}
		has_pulled(s);
		if (!stop_order_asked())
			poll_once(s);
	}
	atomic_store(&s->ends, true);
	has_pulled(s);
	(void)pthread_join(waiter, NULL);
	return 0;
}

static void
stay_free(struct stay *s)
{
	while (s->n > 0)
		stay_drop(s, s->roots[s->n - 1]);
	free(s->roots);
	stay_close(s);
	fd_close(&s->news_fd);
	cli_drive_free(&s->d);
}

/* A server that cannot be reached now is waited for. */
static int
open_drive(struct stay *s, struct err *e)
{
	unsigned wait_s = 2;
	bool said = false;

	for (;;) {
		if (cli_drive_open(s->cli, &s->d, e) == 0)
			return 0;
		if ((e->code != ERR_SERVER_UNREACHABLE &&
			e->code != ERR_SERVER_BUSY) ||
		    stop_order_asked())
			return -1;
		if (!said)
			cli_say(s->cli, "%s (%s); waiting", e->msg,
			    err_name(e->code));
		said = true;
		(void)sleep(wait_s);
		wait_s = wait_s >= 30 ? 60 : 2 * wait_s;
	}
}

int
stay_one(struct cli *cli, struct cli_drive *d, const char *path, struct err *e)
{
	OWN(stay_free)
	struct stay s = { .cli = cli,
		.d = *d,
		.socket = -1,
		.news_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };

	*d = (struct cli_drive){ .lock = -1 };
	if (s.news_fd < 0)
		return err_sys(e, "eventfd");
	stay_add(&s, path);
	stop_order_begin();
	int rc = stay_on(&s, e);
	stop_order_end();
	return rc;
}

int
cli_drive_stay(void *line, const void *options, struct err *e)
{
	OWN(stay_free)
	struct stay s = {
		.cli = line, .d = { .lock = -1 }, .socket = -1, .news_fd = -1
	};

	(void)options;
	stop_order_begin();
	s.news_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s.news_fd < 0)
		return err_sys(e, "eventfd");
	if (open_drive(&s, e) < 0 || stay_listen(&s, e) < 0 ||
	    stay_load(&s, e) < 0)
		return -1;
	stay_pause_load(&s);
	stay_limit(&s);
	cli_say(s.cli, "Ready: %zu folders are kept in sync.", s.n);
	int rc = stay_on(&s, e);
	stop_order_end();
	return rc;
}
