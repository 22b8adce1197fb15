/* SPDX-License-Identifier: ISC */
/* tool.c: spawn, read, wait, and no longer than it may take. */
#include "profile/tool.h"

#include "base/file.h"
#include "base/now.h"
#include "base/spawn.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_MS 1000 /* between two looks at the clock */

struct running {
	const struct tool *t;
	struct buf *out, said;
	pid_t pid;
	int pidfd, output, words;
	size_t limit; /* bytes that *out may have then */
};

static void
running_free(struct running *r)
{
	fd_close(&r->pidfd);
	fd_close(&r->output);
	fd_close(&r->words);
	buf_free(&r->said);
}

/* Ours, but in the C locale, without questions, and without what is ours. */
static char **
environment(void)
{
	static char locale[] = "LC_ALL=C.UTF-8", plain[] = "LANGUAGE=",
		    quiet[] = "DEBIAN_FRONTEND=noninteractive";
	static const char *const out[] = {
		"LC_ALL=", "LANGUAGE=", "DEBIAN_FRONTEND=", "AUMBRY_"
	};
	size_t n = 0, kept = 0;

	while (environ[n] != NULL)
		n++;
	char **env = mem_array(n + 4, sizeof *env);
	for (size_t i = 0; i < n; i++) {
		bool stays = true;
		for (size_t j = 0; j < ARRAY_SIZE(out); j++)
			if (strncmp(environ[i], out[j], strlen(out[j])) == 0)
				stays = false;
		if (stays)
			env[kept++] = environ[i];
	}
	env[kept++] = locale;
	env[kept++] = plain;
	env[kept] = quiet;
	return env;
}

/* In memory, so that it waits for nobody who does not read. */
static int
input_of(struct bytes x, int *fd, struct err *e)
{
	*fd = x.n == 0 ? open("/dev/null", O_RDONLY | O_CLOEXEC)
		       : memfd_create("input", MFD_CLOEXEC);
	if (*fd < 0)
		return err_sys(e, "standard input");
	if (x.n == 0)
		return 0;
	if (file_write_all(*fd, x, e) < 0)
		return -1;
	return lseek(*fd, 0, SEEK_SET) < 0 ? err_sys(e, "standard input") : 0;
}

static int
begin(struct running *r, struct err *e)
{
	OWN(fd_close) int in = -1;
	OWN(fd_close) int out = -1;
	OWN(fd_close) int words = -1;
	int ends[2];

	if (input_of(r->t->input, &in, e) < 0)
		return -1;
	if (r->out != NULL) {
		if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
			return err_sys(e, "%s", r->t->argv[0]);
		r->output = ends[0];
		out = ends[1];
		(void)fcntl(out, F_SETFL, 0);
		if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
			return err_sys(e, "%s", r->t->argv[0]);
		r->words = ends[0];
		words = ends[1];
		(void)fcntl(words, F_SETFL, 0);
	}
	bool told = r->out != NULL;
	OWN(mem_free) char **env = environment();
	int rc = spawn_begin(&(struct spawn){ .argv = r->t->argv,
				 .env = env,
				 .fds = { in, told ? out : STDERR_FILENO,
				     told ? words : STDERR_FILENO },
				 .own_group = told },
	    &r->pid);
	if (rc != 0) {
		errno = rc;
		/* EACCES: in a folder of PATH that this user may not look
		 * into it could be. */
		return rc == ENOENT || rc == EACCES
		    ? err_set(e, ERR_NOT_FOUND, "%s is not installed",
			  r->t->argv[0])
		    : err_sys(e, "%s", r->t->argv[0]);
	}
	r->pidfd = pidfd_open(r->pid, 0);
	return 0;
}

/* Read what there is; false at its end, or when it is more than the limit. */
static bool
hear(int *fd, struct buf *out, size_t most, bool *over)
{
	uint8_t some[16384];

	for (;;) {
		ssize_t n = read(*fd, some, sizeof some);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0) {
			fd_close(fd);
			return false;
		}
		size_t room = out->n < most ? most - out->n : 0;
		if ((size_t)n > room)
			*over = true;
		buf_put(out, some, (size_t)n < room ? (size_t)n : room);
		if (*over)
			return false;
	}
}

/* Until it ends. What it left running behind itself is not waited for. */
static int
watch(struct running *r, struct err *e)
{
	int64_t end_ns = now_mono_ns() + r->t->seconds * 1000000000LL;
	bool over = false, more = false;

	for (;;) {
		struct pollfd fds[] = { { r->pidfd, POLLIN, 0 },
			{ r->output, POLLIN, 0 }, { r->words, POLLIN, 0 } };
		(void)poll(fds, ARRAY_SIZE(fds), LOOK_MS);
		if (r->output >= 0)
			(void)hear(&r->output, r->out, r->limit, &over);
		if (r->words >= 0)
			(void)hear(&r->words, &r->said, TOOL_WORDS, &more);
		if (over)
			return err_set(e, ERR_TOO_LARGE,
			    "%s printed more than %zu bytes", r->t->argv[0],
			    r->t->limit);
		if ((fds[0].revents & POLLIN) != 0)
			return 0;
		if (now_mono_ns() >= end_ns)
			return err_set(e, ERR_IO,
			    "%s did not end within %u seconds", r->t->argv[0],
			    r->t->seconds);
	}
}

/* Its first line of words, for people. */
static int
failed(struct running *r, int status, struct err *e)
{
	OWN(buf_free) struct buf shown = { 0 };
	const uint8_t *end =
	    r->said.n == 0 ? NULL : memchr(r->said.p, '\n', r->said.n);
	size_t n = end == NULL ? r->said.n : (size_t)(end - r->said.p);

	text_show(&shown, bytes_of(r->said.p, n));
	if (shown.n > 0)
		return err_set(
		    e, ERR_IO, "%s: %s", r->t->argv[0], buf_text(&shown));
	if (WIFSIGNALED(status))
		return err_set(e, ERR_IO, "%s was ended by signal %d",
		    r->t->argv[0], WTERMSIG(status));
	return err_set(e, ERR_IO, "%s ended with status %d", r->t->argv[0],
	    WEXITSTATUS(status));
}

int
tool_run(const struct tool *t, struct buf *out, struct err *e)
{
	OWN(running_free)
	struct running r = { .t = t,
		.out = out,
		.limit = out == NULL ? 0 : out->n + t->limit,
		.pidfd = -1,
		.output = -1,
		.words = -1 };
	int status = 0;

	if (begin(&r, e) < 0)
		return -1;
	int rc = watch(&r, e);
	if (rc < 0)
		(void)kill(out != NULL ? -r.pid : r.pid, SIGKILL);
	while (waitpid(r.pid, &status, 0) < 0 && errno == EINTR)
		;
	if (rc < 0)
		return -1;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0
	    ? 0
	    : failed(&r, status, e);
}
