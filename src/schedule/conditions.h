/* SPDX-License-Identifier: ISC */
/* conditions.h: is it a good moment: mains power, a network that costs nothing. */
/*
 * What nobody knows counts as good: machines without UPower or NetworkManager
 * have neither batteries nor bills by the byte that anybody told them of.
 */
#pragma once

#include <stdbool.h>

struct conditions {
	bool on_battery; /* UPower says so */
	bool metered; /* NetworkManager says so, or guesses it */
};

/* Asks both; 5 seconds at most for each. */
void conditions_look(struct conditions *out);
