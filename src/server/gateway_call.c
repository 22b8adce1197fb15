/* SPDX-License-Identifier: ISC */
/* gateway_call.c: one phone call, by a command. */
#include "server/gateway_in.h"

#include "base/file.h"
#include "base/log.h"
#include "base/now.h"
#include "base/spawn.h"
#include "base/text.h"
#include "server/template.h"
#include "wire/jsonio.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_MS 200 /* for the end of the server, and the next limit */
#define TIDY_MS 2000 /* after SIGTERM */
#define WORDS_KEPT 300 /* bytes of standard error that are logged */

/* ---- its words ---- */

void
gateway_words_free(char ***words)
{
	if (*words == NULL)
		return;
	for (char **w = *words; *w != NULL; w++)
		free(*w);
	free(*words);
	*words = NULL;
}

char **
gateway_words(const char *command)
{
	char **words = mem_array(strlen(command) / 2 + 2, sizeof *words);
	size_t n = 0;

	for (;;) {
		command += strspn(command, " \t");
		size_t len = strcspn(command, " \t");
		if (len == 0)
			return words;
		words[n] = mem_new(len + 1);
		memcpy(words[n++], command, len);
		command += len;
	}
}

static char **
filled(char *const *words, const struct gateway_message *m)
{
	/* gateway_check lets no more than the number be there. */
	struct template_values v = { m->number, "", "" };
	size_t n = 0;

	while (words[n] != NULL)
		n++;
	char **out = mem_array(n + 1, sizeof *out);
	for (size_t i = 0; i < n; i++) {
		OWN(buf_free) struct buf b = { 0 };
		template_fill(&b, words[i], TEMPLATE_PLAIN, &v);
		out[i] = mem_text(buf_text(&b));
	}
	return out;
}

/* ---- running it ---- */

struct run {
	pid_t pid; /* also its group */
	int pidfd, words; /* what ends it, and its standard error */
	struct buf said;
};

static void
run_free(struct run *r)
{
	fd_close(&r->pidfd);
	fd_close(&r->words);
	buf_free(&r->said);
}

static void
put_message(int fd, const struct gateway_message *m)
{
	OWN(jsonio_free) json_t *j = json_object();
	OWN(buf_free) struct buf line = { 0 };

	jsonio_put_text(j, "number", m->number);
	jsonio_put_text(j, "code", m->code);
	jsonio_put_text(j, "message", m->message);
	jsonio_put(&line, j);
	buf_put_u8(&line, '\n');
	/* Far below what a pipe holds, so it never waits. Whether it is read
	 * is the command's business. */
	if (write(fd, line.p, line.n) < 0)
		log_warn("call_failed", "why=\"it takes no input\"");
}

static bool
begin(char *const *words, const struct gateway_message *m, struct run *r)
{
	OWN(gateway_words_free) char **argv = filled(words, m);
	int input[2], output[2];

	if (pipe2(input, O_CLOEXEC) < 0)
		return false;
	OWN(fd_close) int in = input[0];
	OWN(fd_close) int to = input[1];
	if (pipe2(output, O_CLOEXEC) < 0)
		return false;
	r->words = output[0];
	OWN(fd_close) int out = output[1];
	int rc = spawn_begin(&(struct spawn){ .argv = (const char *const *)argv,
				 .fds = { in, -1, out },
				 .own_group = true },
	    &r->pid);
	if (rc != 0) {
		log_warn("call_failed", "why=\"%s\"", strerror(rc));
		return false;
	}
	r->pidfd = pidfd_open(r->pid, 0);
	put_message(to, m);
	return true;
}

/* Read what there is of its words; the first are kept. */
static void
hear(struct run *r)
{
	char some[512];
	ssize_t n = read(r->words, some, sizeof some);

	if (n <= 0) {
		fd_close(&r->words);
		return;
	}
	size_t room = WORDS_KEPT - r->said.n;
	buf_put(&r->said, some, (size_t)n < room ? (size_t)n : room);
}

/* Until it ends, its time is over, or the server stops. */
static bool
watch(struct run *r, int64_t limit_ms, void (*rings)(void *ctx), void *ctx,
    const atomic_bool *stop)
{
	int64_t began = now_mono_ns();
	bool ringing = false;

	for (;;) {
		struct pollfd fds[] = { { r->pidfd, POLLIN, 0 },
			{ r->words, POLLIN, 0 } };
		int64_t ms = (now_mono_ns() - began) / 1000000;
		if (atomic_load(stop) || ms >= limit_ms)
			return false;
		if (!ringing && ms >= GATEWAY_RINGS_MS) {
			ringing = true;
			rings(ctx);
		}
		if (poll(fds, 2, LOOK_MS) <= 0)
			continue;
		if (fds[1].revents != 0)
			hear(r);
		else if (fds[0].revents != 0)
			return true;
	}
}

/* It may have said the code in one way or another: no digit is logged. */
static void
tell(const struct gateway_message *m, const struct run *r, int64_t limit_ms,
    bool ended, int status)
{
	OWN(buf_free) struct buf b = { 0 };

	text_show(&b, buf_bytes(&r->said));
	for (size_t i = 0; i < b.n; i++)
		if (b.p[i] >= '0' && b.p[i] <= '9')
			b.p[i] = '#';
	log_warn("call_failed", "number=..%s %s=%lld said=\"%s\"",
	    gateway_tail(m),
	    !ended		      ? "killed_after_ms"
		: WIFSIGNALED(status) ? "signal"
				      : "status",
	    !ended		      ? (long long)limit_ms
		: WIFSIGNALED(status) ? WTERMSIG(status)
				      : WEXITSTATUS(status),
	    buf_text(&b));
}

bool
gateway_call(char *const *words, const struct gateway_message *m,
    int64_t limit_ms, void (*rings)(void *ctx), void *ctx,
    const atomic_bool *stop)
{
	OWN(run_free) struct run r = { .pidfd = -1, .words = -1 };
	int status = 0;

	if (!begin(words, m, &r))
		return false;
	bool ended = r.pidfd >= 0 && watch(&r, limit_ms, rings, ctx, stop);
	/* Not reaped yet, so that the group is still its own: what it left
	 * behind ends with it. One that runs may tidy up first. */
	if (!ended) {
		struct pollfd fd = { r.pidfd, POLLIN, 0 };
		(void)kill(-r.pid, SIGTERM);
		(void)poll(&fd, 1, TIDY_MS);
	}
	(void)kill(-r.pid, SIGKILL);
	while (waitpid(r.pid, &status, 0) < 0 && errno == EINTR)
		;
	if (ended && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	if (!atomic_load(stop))
		tell(m, &r, limit_ms, ended, status);
	return false;
}
