/* SPDX-License-Identifier: ISC */
/* daemon_escrow.c: starting, watching and ending that child. */
#include "aumbryd/daemon_escrow.h"

#include "base/file.h"
#include "base/log.h"
#include "base/now.h"

#include <fcntl.h>
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROGRAM "aumbry-escrow"
#define WATCH_FD 3
#define START_MS 10000 /* a token may be slow to open */

struct daemon_escrow {
	char *program, *dir, *socket;
	uid_t uid; /* its own; or ours */
	gid_t gid;
	bool own_user;
	struct daemon_user server; /* who asks */
	pid_t pid; /* with a user of its own: of what watches it */
	int held; /* with a user of its own: closed, it ends */
};

static void
child_free(struct daemon_escrow **c)
{
	if (*c == NULL)
		return;
	free((*c)->program);
	free((*c)->dir);
	free((*c)->socket);
	fd_close(&(*c)->held);
	free(*c);
	*c = NULL;
}

/* The program beside ours. */
static int
find_program(struct daemon_escrow *c, struct err *e)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	if (n < 0)
		return err_sys(e, "/proc/self/exe");
	self[n] = '\0';
	char *slash = strrchr(self, '/');
	if (slash == NULL)
		return err_set(e, ERR_NOT_FOUND, "%s has no folder", self);
	*slash = '\0';
	c->program = file_join(self, PROGRAM);
	return file_exists(c->program)
	    ? 0
	    : err_set(e, ERR_NOT_FOUND, "%s is not there", c->program);
}

static int
find_user(struct daemon_escrow *c, const struct config *conf, struct err *e)
{
	c->uid = geteuid();
	c->gid = getegid();
	if (conf->escrow_user[0] == '\0')
		return 0;
	const struct passwd *p = getpwnam(conf->escrow_user);
	if (p == NULL)
		return err_set(e, ERR_NOT_FOUND,
		    "[escrow] user: there is no user %s", conf->escrow_user);
	if (conf->escrow_dir[0] != '/' || conf->escrow_socket[0] != '/')
		return err_set(e, ERR_USAGE,
		    "[escrow] with a user of its own, dir and socket are "
		    "absolute paths that this user reaches");
	if (c->server.uid == 0 || c->server.uid == p->pw_uid)
		return err_set(e, ERR_USAGE,
		    "[escrow] user keeps nothing apart while the server runs "
		    "as %s: give the data folder to a user of its own, or set "
		    "[server] user",
		    c->server.uid == 0 ? "root" : "the same user");
	c->own_user = true;
	c->uid = p->pw_uid;
	c->gid = p->pw_gid;
	return 0;
}

static bool
answers(const struct daemon_escrow *c)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	OWN(fd_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(a.sun_path, c->socket, strlen(c->socket));
	return fd >= 0 &&
	    connect(fd, (const struct sockaddr *)&a, sizeof a) == 0;
}

/* What the child does before it is the other program; never returns. */
static void
become(const struct daemon_escrow *c)
{
	const struct group *group = getgrgid(c->server.gid);
	char allow[24];
	sigset_t none;
	/* Of a user of its own, the server's group may open the socket. */
	bool opens = c->own_user && group != NULL;
	const char *args[] = { c->program, "serve", "--dir", c->dir, "--socket",
		c->socket, "--init", "--allow-uid", allow,
		opens ? "--group" : NULL, opens ? group->gr_name : NULL, NULL };

	(void)snprintf(allow, sizeof allow, "%u", (unsigned)c->server.uid);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* It must not outlive a server that was killed. */
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	/* That user may not reach the folder that the programs are in. */
	int program = open(c->program, O_RDONLY | O_CLOEXEC);
	if (c->own_user &&
	    (setgroups(1, &c->server.gid) < 0 || setgid(c->gid) < 0 ||
		setuid(c->uid) < 0))
		_exit(126);
	if (c->own_user)
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	(void)execv(c->program, (char *const *)(uintptr_t)args);
	(void)fexecve(program, (char *const *)(uintptr_t)args, environ);
	_exit(127);
}

/* What is left of root: it starts the escrow again when that has died, and
 * ends it when aumbryd has gone. Never returns. */
static void
watch(const struct daemon_escrow *c, int held)
{
	const int64_t began = now_mono_ns();
	sigset_t set;

	(void)dup2(held, WATCH_FD);
	(void)syscall(SYS_close_range, WATCH_FD + 1, ~0u, 0);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigaddset(&set, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	for (;;) {
		int status = 0;
		pid_t child = fork();
		if (child == 0)
			become(c);
		while (child > 0 && waitpid(child, &status, WNOHANG) == 0) {
			struct signalfd_siginfo s = { 0 };
			struct pollfd p[] = { { WATCH_FD, POLLIN, 0 },
				{ signals, POLLIN, 0 } };
			(void)poll(p, 2, -1);
			(void)!read(signals, &s, sizeof s);
			if (p[0].revents == 0 && s.ssi_signo != SIGTERM)
				continue;
			(void)kill(child, SIGTERM);
			(void)waitpid(child, NULL, 0);
			_exit(0);
		}
		log_error("escrow_ended", "status=%d", status);
		/* What cannot even start is told, and not tried for ever. */
		if (child < 0 ||
		    (WIFEXITED(status) &&
			now_mono_ns() - began < START_MS * 1000000LL))
			_exit(1);
		(void)sleep(1);
	}
}

static int
begin(struct daemon_escrow *c, struct err *e)
{
	int ends[2] = { -1, -1 };

	fd_close(&c->held);
	if (c->own_user && pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(e, "%s", c->program);
	c->pid = fork();
	if (c->pid == 0 && c->own_user)
		watch(c, ends[0]);
	if (c->pid == 0)
		become(c);
	c->held = ends[1];
	fd_close(&ends[0]);
	return c->pid < 0 ? err_sys(e, "%s", c->program) : 0;
}

static int
run(struct daemon_escrow *c, struct err *e)
{
	const struct timespec pause = { 0, 10 * 1000000L };
	int64_t until = now_mono_ns() / 1000000 + START_MS;

	if (begin(c, e) < 0)
		return -1;
	while (!answers(c)) {
		int status;
		if (waitpid(c->pid, &status, WNOHANG) == c->pid) {
			c->pid = 0;
			return err_set(e, ERR_ESCROW_UNREACHABLE,
			    "%s ended at its start; its words are above",
			    PROGRAM);
		}
		if (now_mono_ns() / 1000000 > until)
			return err_set(e, ERR_ESCROW_UNREACHABLE,
			    "%s does not answer at %s", PROGRAM, c->socket);
		(void)nanosleep(&pause, NULL);
	}
	return 0;
}

/* Its folder, which its user owns. */
static int
make_dir(const struct daemon_escrow *c, struct err *e)
{
	if (file_mkdirs(c->dir, 0700, e) < 0)
		return -1;
	return c->own_user && chown(c->dir, c->uid, c->gid) < 0
	    ? err_sys(e, "%s", c->dir)
	    : 0;
}

int
daemon_escrow_start(const char *data, const struct config *conf,
    const struct daemon_user *server, struct daemon_escrow **out, struct err *e)
{
	OWN(child_free) struct daemon_escrow *c = mem_new(sizeof *c);
	const struct sockaddr_un room;

	c->held = -1;
	c->server = *server;
	c->dir = conf->escrow_dir[0] == '/' ? mem_text(conf->escrow_dir)
					    : file_join(data, conf->escrow_dir);
	c->socket = mem_text(conf->escrow_socket);
	if (c->socket[0] == '\0' || strlen(c->socket) >= sizeof room.sun_path)
		return err_set(e, ERR_USAGE,
		    "[escrow] socket is an absolute path of at most %zu bytes",
		    sizeof room.sun_path - 1);
	if (find_program(c, e) < 0 || find_user(c, conf, e) < 0 ||
	    make_dir(c, e) < 0)
		return -1;
	if (answers(c))
		return err_set(e, ERR_CONFLICT,
		    "an escrow answers at %s already", c->socket);
	if (run(c, e) < 0) {
		struct daemon_escrow *ended = TAKE(c);
		daemon_escrow_stop(&ended);
		return -1;
	}
	*out = TAKE(c);
	return 0;
}

bool
daemon_escrow_died(struct daemon_escrow *c)
{
	int status;
	struct err e = { 0 };

	if (c == NULL || c->pid == 0 ||
	    waitpid(c->pid, &status, WNOHANG) != c->pid)
		return false;
	log_error("escrow_ended", "status=%d", status);
	c->pid = 0;
	if (c->own_user)
		log_error("escrow_gone",
		    "why=\"it cannot be started again "
		    "by who is not root: restart\"");
	else if (run(c, &e) < 0)
		log_error("escrow_gone", "code=%s why=\"%s\"", err_name(e.code),
		    e.msg);
	return true;
}

void
daemon_escrow_stop(struct daemon_escrow **c)
{
	if (*c == NULL)
		return;
	/* Root's would not take a signal of ours: it sees that this closes. */
	fd_close(&(*c)->held);
	if ((*c)->pid > 0 && ((*c)->own_user || kill((*c)->pid, SIGTERM) == 0))
		(void)waitpid((*c)->pid, NULL, 0);
	child_free(c);
}
