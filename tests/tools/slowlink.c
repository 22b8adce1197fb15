/* SPDX-License-Identifier: ISC */
/* slowlink.c: a line with a delay, loss and a rate, for kernels without netem. */
/*
 *     slowlink NS DEVICE NS DEVICE DELAY_MS LOSS_PERCENT MBIT
 *
 * Makes a TUN device in each of two network namespaces (ip netns add) and
 * carries what comes out of one into the other, until it is ended. The delay is
 * of one way; MBIT is of each way, 0: as fast as it goes. What is lost is the
 * same in each run, packet for packet.
 */
#include "base/buf.h"
#include "base/file.h"
#include "base/now.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PACKETS 16384 /* on their way at once: 50 ms of 4 Gbit/s */
#define PACKET_BYTES 2048
#define BURST 64 /* of one device before the other's turn */
/* A router's queue before a slow line; what comes then is lost. */
#define QUEUE_NS 100000000
#define MS 1000000 /* ns */

struct packet {
	int64_t due;
	size_t n;
	uint8_t bytes[PACKET_BYTES];
};

struct way {
	int from, to;
	int64_t free_at; /* when the line has sent what waits for it */
	unsigned head, tail;
	struct packet *ring;
};

struct line {
	double delay_ms, loss, mbit;
};

static int
device(const char *ns, const char *name)
{
	char path[PATH_MAX];
	struct ifreq ask = { .ifr_flags = IFF_TUN | IFF_NO_PI };

	(void)snprintf(path, sizeof path, "/run/netns/%s", ns);
	(void)snprintf(ask.ifr_name, sizeof ask.ifr_name, "%s", name);
	OWN(fd_close) int space = open(path, O_RDONLY | O_CLOEXEC);
	if (space < 0 || setns(space, CLONE_NEWNET) < 0) {
		perror(path);
		exit(1);
	}
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ask) < 0) {
		perror("/dev/net/tun");
		exit(1);
	}
	return fd;
}

/* When a packet that comes now has come through; -1: never. */
static int64_t
due(struct way *w, const struct line *l, size_t n)
{
	int64_t now = now_mono_ns();
	int64_t start = w->free_at > now ? w->free_at : now;

	if (drand48() * 100 < l->loss || start - now > QUEUE_NS)
		return -1;
	if (l->mbit > 0)
		start += (int64_t)((double)n * 8000 / l->mbit);
	w->free_at = start;
	return start + (int64_t)(l->delay_ms * MS);
}

static bool
full(const struct way *w)
{
	return w->head - w->tail == PACKETS;
}

static void
take(struct way *w, const struct line *l)
{
	for (int i = 0; i < BURST && !full(w); i++) {
		struct packet *p = &w->ring[w->head % PACKETS];
		ssize_t n = read(w->from, p->bytes, sizeof p->bytes);
		if (n <= 0)
			return;
		p->n = (size_t)n;
		p->due = due(w, l, p->n);
		if (p->due >= 0)
			w->head++;
	}
}

static void
give(struct way *w)
{
	for (; w->head != w->tail; w->tail++) {
		const struct packet *p = &w->ring[w->tail % PACKETS];
		if (p->due > now_mono_ns())
			return;
		/* A device that takes none: lost, as on any line. */
		if (write(w->to, p->bytes, p->n) < 0)
			continue;
	}
}

/* Until a packet comes, or one is due. */
static void
rest(const struct way *ways)
{
	struct pollfd fds[2];
	int64_t wait = 100 * MS;

	for (int i = 0; i < 2; i++) {
		const struct way *w = &ways[i];
		fds[i] = (struct pollfd){ full(w) ? -1 : w->from, POLLIN, 0 };
		if (w->head == w->tail)
			continue;
		int64_t left = w->ring[w->tail % PACKETS].due - now_mono_ns();
		wait = left < 0 ? 0 : left < wait ? left : wait;
	}
	(void)ppoll(fds, 2, &(struct timespec){ .tv_nsec = wait }, NULL);
}

int
main(int argc, char **argv)
{
	if (argc != 8)
		return 2;
	const struct line l = { strtod(argv[5], NULL), strtod(argv[6], NULL),
		strtod(argv[7], NULL) };
	int one = device(argv[1], argv[2]), other = device(argv[3], argv[4]);
	struct way ways[2] = { { one, other, 0, 0, 0,
				   mem_array(PACKETS, sizeof(struct packet)) },
		{ other, one, 0, 0, 0,
		    mem_array(PACKETS, sizeof(struct packet)) } };

	srand48(1);
	for (;;) {
		rest(ways);
		for (int i = 0; i < 2; i++) {
			take(&ways[i], &l);
			give(&ways[i]);
		}
	}
}
