#!/usr/bin/python3
"""Runs a command as a unit's [Service] has it run, without systemd: mounts, capabilities and filters of system calls as systemd.exec(5)
describes them, made by the kernel's own means (filters by libseccomp, as systemd's are). Control groups are left alone, so
DevicePolicy= is not held here. A setting that is not known here ends it: none goes untried unseen.

usage: confine.py [--show DIR] [--write DIR] UNIT COMMAND [ARGUMENT...]
--show DIR     stays to be seen where the unit hides what is around it, for what is installed at a place of the test's own
--write DIR    the same, and may be written to
"""
import ctypes
import ctypes.util
import errno
import os
import pathlib
import re
import resource
import socket
import struct
import subprocess
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
NEWNS, NEWUTS = 0x00020000, 0x04000000
NAMESPACES = (NEWNS, NEWUTS, 0x02000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
MS_RDONLY, MS_BIND, MS_REC, MS_PRIVATE = 1, 4096, 16384, 1 << 18
SYS_MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, ATTR_RDONLY = 442, -100, 0x8000, 1
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 24, 38, 47, 4
NE, LT, EQ, GT, MASKED_EQ = 1, 2, 4, 6, 7
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
EXEC_WRITE, EXEC, SHM_EXEC, SUID_SGID = 0x6, 0x4, 0o100000, (0o4000, 0o2000)
# systemd's business alone, or of no consequence to what may be done
OTHER = {"Type", "ExecStart", "ExecStartPre", "ExecStopPost", "Restart", "RestartSec", "RestartPreventExitStatus", "TimeoutStartSec",
         "TimeoutStopSec", "KillSignal", "KillMode", "WatchdogSec", "OOMScoreAdjust", "DevicePolicy", "SystemCallErrorNumber",
         "AmbientCapabilities", "PrivateMounts", "SystemCallArchitectures"}
TUNABLES = ("/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs", "/proc/acpi", "/proc/scsi", "/sys")


def service(unit):
    """[(key, value)] of its [Service], in their order."""
    text = pathlib.Path(unit).read_text().split("[Service]\n")[1].split("\n[")[0]
    return re.findall(r"^(\w+)=(.*)$", text, re.M)


def filter_groups():
    """{"@name": [calls and groups]} as this systemd has them."""
    said = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager"], capture_output=True, text=True, check=True).stdout
    return {name: re.findall(r"^    ([@\w-]+)$", calls, re.M) for name, calls in re.findall(r"^(@[\w-]+)\n((?:    .*\n?)+)", said, re.M)}


def calls_of(words, groups):
    """The calls that words and groups are."""
    names, left = set(), list(words)
    while left:
        name = left.pop()
        if name.startswith("@"):
            left += groups[name]
        else:
            names.add(name)
    return names


def allowed(settings):
    """The calls that SystemCallFilter= lets through; None: there is none."""
    lines = [v for k, v in settings if k == "SystemCallFilter"]
    if not lines:
        return None
    groups = filter_groups()
    names = calls_of(["@default"], groups)
    for line in lines:
        said = calls_of(line.lstrip("~").split(), groups)
        names = names - said if line.startswith("~") else names | said
    return names


# ---- mounts


def done(rc):
    if rc < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return rc


def mount(source, target, kind=None, flags=0, options=None):
    encoded = [x.encode() if x is not None else None for x in (str(source), str(target), kind)]
    done(LIBC.mount(*encoded, ctypes.c_ulong(flags), options.encode() if options else None))


def set_read_only(path, on):
    """It and all mounts below."""
    attr = struct.pack("4Q", ATTR_RDONLY if on else 0, 0 if on else ATTR_RDONLY, 0, 0)
    done(LIBC.syscall(SYS_MOUNT_SETATTR, AT_FDCWD, str(path).encode(), AT_RECURSIVE, attr, len(attr)))


def own_mount(path, read_only):
    """Makes it a mount of its own, so that it can be what the rest is not."""
    if os.path.exists(path):
        mount(path, path, flags=MS_BIND | MS_REC)
        set_read_only(path, read_only)


def hide(*paths):
    for path in paths:
        if os.path.isdir(path) and not os.path.islink(path):
            mount("none", path, "tmpfs", MS_RDONLY, "mode=000")


def private_tmp(kept):
    """Empty ones; what is kept is there again."""
    fds = [(d, os.open(d, os.O_PATH)) for d in kept]
    for tmp in ("/tmp", "/var/tmp"):
        mount("none", tmp, "tmpfs", 0, "mode=1777")
    for d, fd in fds:
        os.makedirs(d, exist_ok=True)
        mount(f"/proc/self/fd/{fd}", d, flags=MS_BIND)
        os.close(fd)


def mounts(on, settings, shown, written):
    done(LIBC.unshare(NEWNS | (NEWUTS if "ProtectHostname" in on else 0)))
    mount("none", "/", flags=MS_REC | MS_PRIVATE)
    if "ProtectHome" in on:
        hide("/home", "/root", "/run/user")
    if "PrivateTmp" in on:
        private_tmp([*shown, *written])
    if dict(settings).get("ProtectProc") == "invisible":
        mount("proc", "/proc", "proc", 0, "hidepid=invisible")
    writable = [p.lstrip("-+") for k, v in settings if k == "ReadWritePaths" for p in v.split()]
    for path in [*writable, *written]:
        own_mount(path, False)
    if dict(settings).get("ProtectSystem") == "strict":
        set_read_only("/", True)
        for path in ("/dev", "/proc", "/sys", *writable, *written, *(("/tmp", "/var/tmp") if "PrivateTmp" in on else ())):
            if os.path.exists(path):
                set_read_only(path, False)
        for d in shown:
            own_mount(d, True)
    if "ProtectKernelTunables" in on:
        for path in TUNABLES:
            own_mount(path, True)
    if "ProtectControlGroups" in on:
        own_mount("/sys/fs/cgroup", True)
    if "ProtectKernelModules" in on:
        hide("/usr/lib/modules")


# ---- filters


class Compare(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


class Filter:
    """One of seccomp's; all that are loaded hold. A call that no rule is about has the action that it begins with."""

    def __init__(self, action=ALLOW):
        self.lib = ctypes.CDLL("libseccomp.so.2")
        self.lib.seccomp_init.restype = ctypes.c_void_p
        self.at = ctypes.c_void_p(self.lib.seccomp_init(ctypes.c_uint32(action)))

    def rule(self, action, name, *compares):
        """Of a call whose arguments compare so: (which, how, a[, b])."""
        nr = self.lib.seccomp_syscall_resolve_name(name.encode())
        if nr == -1:  # this library does not know it; systemd would pass over it as well
            return
        rows = (Compare * max(1, len(compares)))(*(Compare(*c) for c in compares))
        rc = self.lib.seccomp_rule_add_array(self.at, ctypes.c_uint32(action), nr, len(compares), rows)
        if rc not in (0, -errno.EDOM):  # EDOM: of another machine
            raise OSError(-rc, name)

    def refuse(self, names, error=errno.EPERM):
        for name in names:
            self.rule(ERRNO | error, name)
        return self

    def load(self):
        rc = self.lib.seccomp_load(self.at)
        if rc != 0:
            raise OSError(-rc, "seccomp_load")


def address_families(value):
    """Those between two that are allowed, and below and above all."""
    f, some = Filter(), sorted(int(getattr(socket, name)) for name in value.split())
    refuse = ERRNO | errno.EAFNOSUPPORT
    f.rule(refuse, "socket", (0, LT, some[0]))
    f.rule(refuse, "socket", (0, GT, some[-1]))
    for n in set(range(some[0], some[-1])) - set(some):
        f.rule(refuse, "socket", (0, EQ, n))
    return f


def write_execute(_):
    f, refuse = Filter(), ERRNO | errno.EPERM
    f.rule(refuse, "mmap", (2, MASKED_EQ, EXEC_WRITE, EXEC_WRITE))
    f.rule(refuse, "mprotect", (2, MASKED_EQ, EXEC, EXEC))
    f.rule(refuse, "pkey_mprotect", (2, MASKED_EQ, EXEC, EXEC))
    f.rule(refuse, "shmat", (2, MASKED_EQ, SHM_EXEC, SHM_EXEC))
    return f


def namespaces(_):
    f = Filter().refuse(["unshare", "setns"]).refuse(["clone3"], errno.ENOSYS)
    for flag in NAMESPACES:
        f.rule(ERRNO | errno.EPERM, "clone", (0, MASKED_EQ, flag, flag))
    return f


def realtime(_):
    f = Filter().refuse(["sched_setattr"])
    f.rule(ERRNO | errno.EPERM, "sched_setscheduler", (1, GT, 5))
    for policy in (1, 2, 4):
        f.rule(ERRNO | errno.EPERM, "sched_setscheduler", (1, EQ, policy))
    return f


def suid_sgid(_):
    f = Filter().refuse(["openat2"], errno.ENOSYS)
    for name, mode in (("chmod", 1), ("fchmod", 1), ("fchmodat", 2), ("mkdir", 1), ("mkdirat", 2), ("mknod", 1), ("mknodat", 2),
                       ("open", 2), ("openat", 3), ("creat", 1)):
        for bit in SUID_SGID:
            f.rule(ERRNO | errno.EPERM, name, (mode, MASKED_EQ, bit, bit))
    return f


def personality(_):
    f = Filter()
    f.rule(ERRNO | errno.EPERM, "personality", (0, NE, LIBC.personality(0xFFFFFFFF)))
    return f


def groups_refused(*words):
    return lambda _: Filter().refuse(calls_of(words, filter_groups()))


FILTERS = {"RestrictAddressFamilies": address_families, "MemoryDenyWriteExecute": write_execute, "RestrictNamespaces": namespaces,
           "RestrictRealtime": realtime, "RestrictSUIDSGID": suid_sgid, "LockPersonality": personality,
           "ProtectClock": groups_refused("@clock"), "ProtectKernelModules": groups_refused("@module"),
           "ProtectKernelLogs": groups_refused("syslog"), "ProtectHostname": groups_refused("sethostname", "setdomainname")}
MOUNTS = {"ProtectSystem", "ReadWritePaths", "ProtectHome", "PrivateTmp", "ProtectProc", "ProtectControlGroups", "ProtectKernelTunables",
          "ProtectKernelModules", "ProtectHostname"}


def privileges(on, settings):
    if ("CapabilityBoundingSet", "") in settings:
        LIBC.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
        for cap in range(64):
            LIBC.prctl(PR_CAPBSET_DROP, cap, 0, 0, 0)
    if "NoNewPrivileges" in on:
        done(LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def enter(unit, shown=(), written=()):
    """This process, and all that it starts, is held to the unit's settings from here on."""
    settings = service(unit)
    on = {k for k, v in settings if v not in ("", "no", "false")}
    values = dict(settings)
    known = OTHER | MOUNTS | set(FILTERS) | {"User", "UMask", "LimitMEMLOCK", "CapabilityBoundingSet", "NoNewPrivileges", "SystemCallFilter"}
    if values.keys() - known or values.get("User", "root") != "root" or values.get("CapabilityBoundingSet", ""):
        raise SystemExit(f"confine.py: {unit}: not known here: {values.keys() - known or 'its User= or CapabilityBoundingSet='}")
    filters = [FILTERS[k](values[k]) for k in FILTERS if k in on]
    if (names := allowed(settings)) is not None:
        filters.append(Filter(ERRNO | getattr(errno, values["SystemCallErrorNumber"])))
        for name in names:
            filters[-1].rule(ALLOW, name)
    if on & MOUNTS:
        mounts(on, settings, shown, written)
    if "LimitMEMLOCK" in on:
        try:
            resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        except ValueError:  # this is given, not taken, and who runs us has it not to give
            pass
    os.umask(int(values.get("UMask", "0022"), 8))
    privileges(on, settings)
    for f in filters:
        f.load()


def main():
    args, places = sys.argv[1:], {"--show": [], "--write": []}
    while args and args[0] in places:
        places[args[0]].append(os.path.realpath(args[1]))
        args = args[2:]
    if len(args) < 2:
        raise SystemExit(__doc__)
    enter(args[0], places["--show"], places["--write"])
    os.execvp(args[1], args[1:])


if __name__ == "__main__":
    main()
