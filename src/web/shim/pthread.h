/* SPDX-License-Identifier: ISC */
/* pthread.h: locks where there is but one thread. The types are wasi-libc's. */
#pragma once

#include <sys/types.h>

#define PTHREAD_MUTEX_RECURSIVE 1
#define NOTHING(name, type) \
	static inline int name(type x) \
	{ \
		(void)x; \
		return 0; \
	}

NOTHING(pthread_mutexattr_init, pthread_mutexattr_t *)
NOTHING(pthread_mutexattr_destroy, pthread_mutexattr_t *)
NOTHING(pthread_mutex_destroy, pthread_mutex_t *)
NOTHING(pthread_mutex_lock, pthread_mutex_t *)
NOTHING(pthread_mutex_unlock, pthread_mutex_t *)

static inline int
pthread_mutexattr_settype(pthread_mutexattr_t *a, int type)
{
	(void)a;
	(void)type;
	return 0;
}

static inline int
pthread_mutex_init(pthread_mutex_t *m, const pthread_mutexattr_t *a)
{
	(void)m;
	(void)a;
	return 0;
}
