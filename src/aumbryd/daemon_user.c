/* SPDX-License-Identifier: ISC */
/* daemon_user.c: dropping root. */
#include "aumbryd/daemon_user.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int
daemon_user_find(const char *data, const struct config *c,
    struct daemon_user *out, struct err *e)
{
	struct stat st;

	*out = (struct daemon_user){ geteuid(), getegid(), false };
	if (geteuid() != 0)
		return 0;
	if (c->user[0] != '\0') {
		const struct passwd *p = getpwnam(c->user);
		if (p == NULL)
			return err_set(e, ERR_NOT_FOUND,
			    "[server] user: there is no user %s", c->user);
		out->uid = p->pw_uid;
		out->gid = p->pw_gid;
	} else {
		if (stat(data, &st) < 0)
			return err_sys(e, "%s", data);
		out->uid = st.st_uid;
		out->gid = st.st_gid;
	}
	out->drops = out->uid != 0;
	return 0;
}

/* All that is left of root: to listen on a port below 1024. */
static int
keep_ports(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct caps[2] = { { 0 }, { 0 } };

	caps[0].effective = caps[0].permitted = 1u << CAP_NET_BIND_SERVICE;
	return (int)syscall(SYS_capset, &head, caps);
}

int
daemon_user_become(const struct daemon_user *u, struct err *e)
{
	const struct passwd *p = getpwuid(u->uid);

	if (!u->drops)
		return 0;
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 ||
	    (p != NULL ? initgroups(p->pw_name, u->gid) : setgroups(0, NULL)) <
		0 ||
	    setresgid(u->gid, u->gid, u->gid) < 0 ||
	    setresuid(u->uid, u->uid, u->uid) < 0 || keep_ports() < 0)
		return err_sys(e, "becoming user %u", (unsigned)u->uid);
	/* No core file, and nobody of that user looks into the memory. */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return setuid(0) < 0 && errno == EPERM
	    ? 0
	    : err_set(e, ERR_INTERNAL, "root could be had again");
}
