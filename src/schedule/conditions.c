/* SPDX-License-Identifier: ISC */
/* conditions.c: UPower and NetworkManager, asked over the system bus. */
#include "schedule/conditions.h"

#include <stdint.h>
#include <systemd/sd-bus.h>

#define CALL_US (5 * 1000 * 1000ULL) /* a service that hangs holds nobody up */
#define UPOWER "org.freedesktop.UPower"
#define NETWORK "org.freedesktop.NetworkManager"
/* source  NetworkManager's NMMetered. */
#define METERED_YES 1
#define METERED_GUESS_YES 3

void
conditions_look(struct conditions *out)
{
	sd_bus *bus = NULL;
	int battery = 0;
	uint32_t metered = 0;

	if (sd_bus_open_system(&bus) >= 0 &&
	    sd_bus_set_method_call_timeout(bus, CALL_US) >= 0) {
		if (sd_bus_get_property_trivial(bus, UPOWER,
			"/org/freedesktop/UPower", UPOWER, "OnBattery", NULL,
			'b', &battery) < 0)
			battery = 0;
		if (sd_bus_get_property_trivial(bus, NETWORK,
			"/org/freedesktop/NetworkManager", NETWORK, "Metered",
			NULL, 'u', &metered) < 0)
			metered = 0;
	}
	sd_bus_flush_close_unref(bus);
	out->on_battery = battery != 0;
	out->metered = metered == METERED_YES || metered == METERED_GUESS_YES;
}
