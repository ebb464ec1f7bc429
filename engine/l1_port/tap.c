/* Ports that are kernel interfaces, named warp<port>: what the original's KNI was for. */
#include "engine/l1_port/port_priv.h"

#include "common/util/log.h"

#include <rte_bus_vdev.h>
#include <rte_errno.h>

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int tap_create(const struct options *o)
{
	char name[32], args[64];
	uint16_t dev;
	int rc;

	(void)o;
	snprintf(name, sizeof(name), "net_tap%u", n_ports);
	snprintf(args, sizeof(args), "iface=warp%u", n_ports);
	rc = rte_vdev_init(name, args);
	if (rc != 0 || rte_eth_dev_get_port_by_name(name, &dev) != 0 || port_add(dev, port_kind_TAP) == NULL) {
		log_line(3, "error: TAP warp%u: %s; is /dev/net/tun there, and are you root?", n_ports,
			rte_strerror(rc < 0 ? -rc : ENODEV));
		return rc < 0 ? rc : -ENODEV;
	}
	return 0;
}

int tap_move(const struct port *p, const char *netns)
{
	char iface[16];
	int status;
	pid_t pid;

	snprintf(iface, sizeof(iface), "warp%u", p->id);
	pid = fork();
	if (pid == 0) {
		execlp("ip", "ip", "link", "set", iface, "netns", netns, (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		log_line(3, "error: %s could not be moved into network namespace %s: does 'ip netns list' name it?",
			iface, netns);
		return -ENOENT;
	}
	return 0;
}
