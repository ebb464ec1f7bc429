/* Ports that are kernel interfaces, named warp<port>: what the original's KNI was for. With
 * --tap-netns the interface is made in that network namespace: all the driver's descriptors belong
 * to it, so that link state and addresses work. */
#include "common/util/log.h"
#include "engine/l1_port/port_priv.h"

#include <rte_bus_vdev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

int tap_enter(const struct options *o)
{
	char path[OPTION_TEXT_MAX + 32];
	int home, there;

	if (o->tap_netns[0] == '\0')
		return -1;
	snprintf(path, sizeof(path), "/var/run/netns/%s", o->tap_netns);
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	there = open(path, O_RDONLY | O_CLOEXEC);
	if (there < 0 || home < 0 || setns(there, CLONE_NEWNET) != 0) {
		log_line(loglevel_ERR, "error: --tap-netns %s: %s: does 'ip netns list' name it?",
			o->tap_netns, strerror(errno));
		close(home);
		home = -2;
	}
	close(there);
	return home;
}

void tap_leave(int home)
{
	if (home < 0)
		return;
	if (setns(home, CLONE_NEWNET) != 0)
		log_line(loglevel_ERR, "error: back from the network namespace: %s",
			strerror(errno));
	close(home);
}

/* In the interfaces' network namespace, to ask for them later. */
static int ask_fd = -1;
static int index_of[PORTS_MAX];

/* The index of an interface there, 0: there is none. */
static int index_now(uint32_t port)
{
	struct ifreq r = {0};

	snprintf(r.ifr_name, sizeof(r.ifr_name), "warp%u", port);
	return ioctl(ask_fd, SIOCGIFINDEX, &r) == 0 ? r.ifr_ifindex : 0;
}

bool port_lost(uint32_t port)
{
	return ports[port].kind == port_kind_TAP && index_of[port] != 0
		&& index_now(port) != index_of[port];
}

int tap_create(const struct options *o)
{
	char name[32], args[64];
	int home = tap_enter(o), rc;
	uint16_t dev;

	if (home == -2)
		return -ENOENT;
	snprintf(name, sizeof(name), "net_tap%u", n_ports);
	snprintf(args, sizeof(args), "iface=warp%u", n_ports);
	rc = rte_vdev_init(name, args);
	if (ask_fd < 0)
		ask_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	index_of[n_ports] = index_now(n_ports);
	tap_leave(home);
	if (rc != 0 || rte_eth_dev_get_port_by_name(name, &dev) != 0
		|| port_add(dev, port_kind_TAP) == NULL) {
		log_line(loglevel_ERR,
			"error: TAP warp%u: %s; is /dev/net/tun there, and are you root?", n_ports,
			rte_strerror(rc < 0 ? -rc : ENODEV));
		return rc < 0 ? rc : -ENODEV;
	}
	return 0;
}
