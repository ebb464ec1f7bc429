"""What config/ has for fleets: Ansible's playbooks, by its own tools and run once; Kubernetes' manifests, by the API's own description and by what
they say of each other and of our programs; the image's packages."""
import copy
import itertools
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess

import kube
import pytest
import yaml
from pyclient import client  # noqa: F401: first, for warp17_client
from test_ports import veth  # noqa: F401: a fixture
from warp17 import BUILD, CLI, TOP, wait_for
from warp17_client import fleet_plan

ANSIBLE, KUBERNETES = TOP / "config/ansible", TOP / "config/kubernetes"
OURS = ("kustomize.config.k8s.io/v1beta1", "k8s.cni.cncf.io/v1", "monitoring.coreos.com/v1")
# secrets that config.yaml tells how to make: what is in them
SECRETS = {"warp17-token": {"token"}, "warp17-tls": {"tls.crt", "tls.key", "ca.crt"}}


def run(*args, **kw):
    return subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, **kw)


def ansible(tmp_path, *args, cwd=ANSIBLE):
    env = {**os.environ, "ANSIBLE_LOCAL_TEMP": str(tmp_path / "local"), "ANSIBLE_REMOTE_TEMP": str(tmp_path / "remote"),
           "ANSIBLE_NOCOLOR": "1", "ANSIBLE_CONFIG": str(ANSIBLE / "ansible.cfg"), "HOME": str(tmp_path)}
    return run("ansible-playbook", *args, cwd=cwd, env=env)


# ---- Ansible


def test_playbooks_are_playbooks(tmp_path):
    done = ansible(tmp_path, "-i", "inventory.example.yml", "--syntax-check", "site.yml", "fleet.yml")
    assert done.returncode == 0 and not done.stderr, done.stderr


@pytest.mark.long
def test_ansible_lint_has_nothing_to_say(tmp_path):
    tree = tmp_path / "ansible"
    shutil.copytree(ANSIBLE, tree)
    lint = lambda: run("ansible-lint", "--offline", "--nocolor", "--project-dir", tree, "site.yml", "fleet.yml", "roles", cwd=tree,
                       env={**os.environ, "HOME": str(tmp_path)})
    done = lint()
    assert done.returncode == 0 and "0 failure(s), 0 warning(s)" in done.stderr, done.stdout + done.stderr
    handlers = tree / "roles/warp17/handlers/main.yml"
    handlers.write_text(handlers.read_text().replace("ansible.builtin.systemd", "service", 1))
    assert lint().returncode != 0  # it looks at the role, too


@pytest.fixture
def fleet_host(tmp_path):
    """An inventory with this machine as an engine's, whose files go into a directory of the test."""
    pki = tmp_path / "pki"
    pki.mkdir()
    for f in ("ca.crt", "rpc.crt", "rpc.key"):
        (pki / f).write_text(f"{f} of the test\n")
    host = {"ansible_connection": "local", "ansible_python_interpreter": "/usr/bin/python3", "ansible_become": False,
            "warp17_services": False, "warp17_sysconfdir": str(tmp_path / "etc"), "warp17_stunnel_dir": str(tmp_path),
            "warp17_token": "0123456789abcdef", "warp17_ring_if_pairs": 1, "warp17_lcores": "0@0,1@1", "warp17_conf": {"TCB_POOL_SZ": 16},
            "warp17_tls_ca": str(pki / "ca.crt"), "warp17_tls_cert": str(pki / "rpc.crt"), "warp17_tls_key": str(pki / "rpc.key")}
    path = tmp_path / "inventory.json"

    def inventory(**changes):
        path.write_text(json.dumps({"warp17_engines": {"hosts": {"here": {**host, **changes}}},
                                    "warp17_controller": {"hosts": {"here": None}}}))
        return path
    return inventory


def changed(done):
    return int(re.search(r"changed=(\d+)", done.stdout)[1])


@pytest.mark.long
def test_the_role_configures_a_host_and_again_changes_nothing(tmp_path, fleet_host):
    play = lambda *more: ansible(tmp_path, "-i", fleet_host(), "site.yml", "--tags", "configuration", *more)
    done = play()
    assert done.returncode == 0 and changed(done) >= 6, done.stdout + done.stderr
    etc = tmp_path / "etc"
    assert (etc / "rpc.token").read_text() == "0123456789abcdef\n"
    assert [oct((etc / f).stat().st_mode & 0o777) for f in ("rpc.token", "rpc.key")] == ["0o600", "0o600"]
    conf = (etc / "warp17.conf").read_text()
    assert all(f"\n{line}\n" in conf for line in (
        "LCORES=0@0,1@1", "RING_IF_PAIRS=1", 'TCB_POOL_SZ="16"', 'RPC_LISTEN="127.0.0.1:42424"', f"RPC_TOKEN_FILE={etc}/rpc.token"))
    assert judged(etc / "warp17.conf", tmp_path) == ""
    front = (tmp_path / "warp17.conf").read_text()
    assert f"key = {etc}/rpc.key" in front and "connect = 127.0.0.1:42424" in front
    again = play()
    assert again.returncode == 0 and changed(again) == 0, again.stdout


@pytest.mark.long
@pytest.mark.parametrize("change, why", [({"warp17_token": "short"}, "warp17_token: expected 16 to 255"),
                                         ({"warp17_ring_if_pairs": 0}, "warp17_devices: expected a list of PCI addresses"),
                                         ({"warp17_devices": ["eth0"]}, "warp17_devices: expected a list of PCI addresses"),
                                         ({"warp17_tls_key": ""}, "warp17_tls_ca, warp17_tls_cert")])
def test_the_role_refuses_what_is_wrong_and_changes_nothing(tmp_path, fleet_host, change, why):
    done = ansible(tmp_path, "-i", fleet_host(**change), "site.yml", "--tags", "configuration")
    assert done.returncode == 2 and (why in done.stdout or "token" in why and "censored" in done.stdout), done.stdout
    assert changed(done) == 0 and not (tmp_path / "etc").exists()


@pytest.mark.long
def test_what_the_role_would_do_on_a_fresh_host_is_asked_without_a_change(tmp_path, fleet_host):
    (tmp_path / "source.tar.gz").write_text("not opened")
    inventory = fleet_host(warp17_source=str(tmp_path / "source.tar.gz"), warp17_build_dir=str(tmp_path / "src"))
    done = ansible(tmp_path, "-i", inventory, "site.yml", "--tags", "install,configuration", "--check")
    assert done.returncode == 0 and changed(done) >= 8, done.stdout
    assert not (tmp_path / "src").exists() and not (tmp_path / "etc").exists()


@pytest.mark.long
def test_a_run_is_fetched_and_judged(tmp_path, fleet_host):
    """fleet.yml on this machine, of programs at a place of the inventory's own: it passes, and fails with its reason."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/warp17-fleet").symlink_to(TOP / "scripts/warp17-fleet")
    plan = yaml.safe_load((TOP / "examples/plans/http.yaml").read_text())
    engine = {"name": "one", **{k: plan[k] for k in ("engine", "ports", "cases")}}
    plan["cases"][1]["criterion"] = {"run-time": 1}
    play = lambda *more: ansible(tmp_path, "-i", fleet_host(warp17_prefix=str(tmp_path), warp17_run_dir=str(tmp_path / "run")), "fleet.yml",
                                 "-e", f"warp17_plan={tmp_path}/plan.yml", "-e", f"warp17_reports={tmp_path}/reports", *more)
    for expect, code, verdict in (({}, 0, "PASSED"), ({"transactions": 1}, 2, "FAILED: ")):
        plan["cases"][1]["expect"] = expect
        (tmp_path / "plan.yml").write_text(yaml.safe_dump({"schema": "warp17-fleet/1.0", "name": "{{ inventory_hostname }}", "engines": [engine]}))
        done = play()
        assert done.returncode == code and verdict in done.stdout, done.stdout + done.stderr
        doc = json.loads((tmp_path / "reports/result.json").read_text())
        assert doc["exit_code"] == (0 if code == 0 else 1) and doc["plan"]["name"] == "here" and doc["plan"]["timeout_s"] == 3600
        assert {f.name for f in (tmp_path / "reports").iterdir()} == {"result.json", "series.csv", "junit.xml", "report.html"}
    missing = play("-e", "warp17_prefix=/nowhere")
    assert missing.returncode == 2 and "/nowhere/bin/warp17-fleet" in missing.stdout


@pytest.mark.long
def test_the_role_waits_where_its_programs_listen(tmp_path, fleet_host):
    (tmp_path / "play.yml").write_text(json.dumps([{
        "hosts": "warp17_engines", "gather_facts": False,
        "tasks": [{"ansible.builtin.import_role": {"name": str(ANSIBLE / "roles/warp17"), "tasks_from": "listening"}}]}]))
    with socket.create_server(("127.0.0.1", 0)) as rpc, socket.create_server(("127.0.0.2", 0)) as tls, \
            socket.create_server(("::1", 0), family=socket.AF_INET6) as six:
        of = lambda s, at: f"{at}:{s.getsockname()[1]}"
        for front in (of(tls, "127.0.0.2"), of(six, "::"), of(six, "[::1]"), of(rpc, "0.0.0.0")):
            done = ansible(tmp_path, "-i", fleet_host(warp17_rpc_listen=of(rpc, "127.0.0.1"), warp17_tls_listen=front), str(tmp_path / "play.yml"))
            assert done.returncode == 0, done.stdout


def judged(conf, tmp_path):
    """What the launcher says of a warp17.conf: nothing, if it takes it."""
    done = run(TOP / "scripts/warp17", "status", "--prefix", "w17-no-such-engine", env={**os.environ, "WARP17_CONFIG": str(conf)})
    return "" if done.returncode == 3 else done.stderr


# ---- Kubernetes


def manifests():
    """{path below config/kubernetes: document}"""
    return {str(f.relative_to(KUBERNETES)): yaml.safe_load(f.read_text()) for f in sorted(KUBERNETES.glob("*/*.yaml"))}


def names(of):
    return {(d["kind"], d["metadata"]["name"]): d for d in of if "metadata" in d}


def overlay(name):
    """What kubectl apply -k makes of a directory: {(kind, name): document}."""
    k = yaml.safe_load((KUBERNETES / name / "kustomization.yaml").read_text())
    assert set(k) <= {"apiVersion", "kind", "namespace", "resources", "patches"} and k["kind"] == "Kustomization"
    there = {}
    for r in k["resources"]:
        path = (KUBERNETES / name / r).resolve()
        there.update(overlay(path.name) if path.is_dir() else names([yaml.safe_load(path.read_text())]))
    for p in k.get("patches", []):
        patch = yaml.safe_load((KUBERNETES / name / p["path"]).read_text())
        key = (patch["kind"], patch["metadata"]["name"])
        there[key] = kube.merged(there[key], patch)
    assert all(d["metadata"].get("namespace", k["namespace"]) == k["namespace"] for d in there.values())
    return there


def test_every_manifest_is_in_an_overlay_or_says_why_not():
    used = {f"{d}/{r}" for d in ("base", "sriov", "fleet")
            for k in [yaml.safe_load((KUBERNETES / d / "kustomization.yaml").read_text())]
            for r in k["resources"] + [p["path"] for p in k.get("patches", [])] if r.endswith(".yaml")}
    left = set(manifests()) - used - {f"{d}/kustomization.yaml" for d in ("base", "sriov", "fleet")}
    assert left == {"base/servicemonitor.yaml"} and "not among the resources" in (KUBERNETES / "base/servicemonitor.yaml").read_text()


def every_overlay():
    return [d for name in ("base", "sriov", "fleet") for d in overlay(name).values()]


def test_the_api_takes_every_manifest():
    for d in every_overlay():
        if d["apiVersion"] not in OURS:
            assert kube.wrong(d) == []


def test_the_description_of_the_api_finds_what_is_wrong():
    engine = overlay("base")["StatefulSet", "warp17-engine"]
    pod = lambda d: d["spec"]["template"]["spec"]
    for spoil, why in ((lambda d: pod(d).update(hugePages=1), "there is no hugePages"),
                       (lambda d: d["spec"].pop("selector"), "`selector`, must not be `None`"),
                       (lambda d: d["spec"].update(replicas="2"), "'2' given, expected int"),
                       (lambda d: pod(d)["containers"][0].pop("name"), "`name`, must not be `None`"),
                       (lambda d: d["spec"]["template"]["metadata"]["annotations"].update({"prometheus.io/port": 9417}), "expected a text"),
                       (lambda d: d.update(apiVersion="apps/v9"), "there is no kind apps/v9")):
        bad = copy.deepcopy(engine)
        spoil(bad)
        assert any(why in w for w in kube.wrong(bad)), why


def pods():
    """(document, its pod's spec) of all that make pods, in all overlays."""
    return [(d, d["spec"]["template"]) for d in every_overlay() if "template" in d.get("spec", {})]


def test_pods_name_what_is_there():
    there = names(every_overlay())
    for d, template in pods():
        spec = template["spec"]
        volumes = {v["name"]: v for v in spec["volumes"]}
        for v in volumes.values():
            if "configMap" in v:
                assert ("ConfigMap", v["configMap"]["name"]) in there
            if "secret" in v:
                keys = SECRETS[v["secret"]["secretName"]]
                assert {i["key"] for i in v["secret"].get("items", [])} <= keys and v["secret"]["defaultMode"] == 0o400
            if "persistentVolumeClaim" in v:
                assert ("PersistentVolumeClaim", v["persistentVolumeClaim"]["claimName"]) in there
        mounted = {m["name"] for c in spec["containers"] for m in c["volumeMounts"]}
        assert mounted == set(volumes)
        if "selector" in d["spec"]:
            assert d["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
            assert ("Service", d["spec"]["serviceName"]) in there
        net = template["metadata"].get("annotations", {}).get("k8s.v1.cni.cncf.io/networks")
        assert net is None or ("NetworkAttachmentDefinition", net) in there


def test_the_engine_has_hugepages_whole_cpus_and_few_rights():
    for name, more in (("base", set()), ("sriov", {"IPC_LOCK"})):
        spec = overlay(name)["StatefulSet", "warp17-engine"]["spec"]["template"]["spec"]
        assert spec["shareProcessNamespace"]  # the engine tells its clients by their pids
        by_name = {c["name"]: c for c in spec["containers"]}
        assert set(by_name) == {"engine", "rpc", "tls", "exporter"}
        for c in spec["containers"]:
            assert c["resources"]["requests"] == c["resources"]["limits"]  # else it has no CPU of its own
            assert c["resources"]["limits"]["cpu"].isdigit()
            assert c["securityContext"]["capabilities"]["drop"] == ["ALL"] and not c["securityContext"]["allowPrivilegeEscalation"]
        rights = {n: set(c["securityContext"]["capabilities"].get("add", [])) for n, c in by_name.items()}
        assert rights["engine"] == {"NET_RAW", "NET_ADMIN"} | more and not any(rights[n] for n in ("rpc", "tls", "exporter"))
        assert by_name["engine"]["resources"]["limits"]["hugepages-2Mi"].endswith("Gi")
        clients = {m["mountPath"] for m in by_name["exporter"]["volumeMounts"]} & {m["mountPath"] for m in by_name["rpc"]["volumeMounts"]}
        assert clients == {"/etc/warp17", "/var/run/dpdk", "/dev/hugepages"}


def test_ports_probes_and_paths_are_those_of_the_programs():
    there = overlay("base")
    containers = there["StatefulSet", "warp17-engine"]["spec"]["template"]["spec"]["containers"]
    ports = {p["name"]: p["containerPort"] for c in containers for p in c.get("ports", [])}
    service = there["Service", "warp17-engine"]["spec"]["ports"]
    assert {p["targetPort"]: p["port"] for p in service} == ports
    paths = run(BUILD / "warp17-stats-exporter", "--help").stdout
    probes = {kind: p for c in containers for kind, p in c.items() if kind.endswith("Probe") and "httpGet" in p}
    assert {p["httpGet"]["path"] for p in probes.values()} == {"/healthz", "/readyz"}
    routes = (TOP / "stats-exporter/routes.c").read_text()
    monitor = yaml.safe_load((KUBERNETES / "base/servicemonitor.yaml").read_text())
    annotations = there["StatefulSet", "warp17-engine"]["spec"]["template"]["metadata"]["annotations"]
    for path in ("/healthz", "/readyz", monitor["spec"]["endpoints"][0]["path"], annotations["prometheus.io/path"]):
        assert f'X("{path}"' in routes and paths
    assert monitor["spec"]["selector"]["matchLabels"].items() <= there["Service", "warp17-engine"]["metadata"]["labels"].items()
    assert monitor["spec"]["endpoints"][0]["port"] in ports and annotations["prometheus.io/port"] == str(ports["metrics"])
    listened = {int(p) for d in there["ConfigMap", "warp17-config"]["data"].values() for p in re.findall(r"(?:0\.0\.0\.0):(\d+)", d)}
    assert listened == set(ports.values())
    allowed = {p["port"] for rule in there["NetworkPolicy", "warp17-engine"]["spec"]["ingress"] for p in rule["ports"]}
    assert allowed == set(ports.values())


@pytest.mark.parametrize("name", ["base", "sriov"])
def test_the_launcher_takes_the_configuration(name, tmp_path):
    data = overlay(name)["ConfigMap", "warp17-config"]["data"]
    conf = tmp_path / "warp17.conf"
    conf.write_text(data["warp17.conf"])
    assert judged(conf, tmp_path) == "" and "stunnel.conf" in data
    conf.write_text(data["warp17.conf"] + "HUGEPAGES=1\n")
    assert "there is no key 'HUGEPAGES'" in judged(conf, tmp_path)


@pytest.mark.long
def test_the_rights_of_the_manifests_are_enough(netns, veth, tmp_path):  # noqa: F811
    """Of root the engine keeps what its container has, the probe and the other programs nothing; no container of its own here."""
    there = overlay("base")["StatefulSet", "warp17-engine"]["spec"]["template"]["spec"]["containers"]
    engine = next(c for c in there if c["name"] == "engine")
    kept = ",".join(["-all", *(f"+{w.lower()}" for w in engine["securityContext"]["capabilities"]["add"])])
    confined = lambda rights: ["setpriv", "--no-new-privs", "--inh-caps", "-all", "--bounding-set", rights]
    prefix, log = f"w17k-{os.getpid()}", tmp_path / "engine.log"
    cli = [*confined("-all"), CLI, "--prefix", prefix, *engine["livenessProbe"]["exec"]["command"][1:]]
    small = ("--tcb-pool-sz", "16", "--ucb-pool-sz", "16", "--mbuf-pool-sz", "16")
    with open(log, "w") as out:
        p = subprocess.Popen(["ip", "netns", "exec", veth, *confined(kept), BUILD / "warp17", "--file-prefix", prefix,
                              "--vdev=net_af_packet0,iface=w17e", "--", *small], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        wait_for(lambda: "warp17: READY" in log.read_text() or p.poll() is not None, 30)
        assert p.poll() is None, log.read_text()
        assert "CapEff:\t0000000000003000" in pathlib.Path(f"/proc/{p.pid}/status").read_text()  # NET_ADMIN, NET_RAW
        done = run(*cli)
        assert done.returncode == 0 and prefix in done.stdout, done.stderr
        once = run(*confined("-all"), BUILD / "warp17-stats-exporter", "--prefix", prefix, "--once")
        assert once.returncode == 0 and json.loads(once.stdout)["ports"][0]["driver"] == "net_af_packet", once.stderr
        p.terminate()
        assert p.wait(15) == 0, log.read_text()
        assert run(*cli).returncode == 3  # and the probe tells that there is none
    finally:
        if p.poll() is None:
            p.kill()
            p.wait()
            run(TOP / "scripts/warp17", "clean", "--prefix", prefix)


def test_the_plans_are_plans_for_what_is_there():
    stateful = overlay("base")["StatefulSet", "warp17-engine"]
    plan = fleet_plan.parse(overlay("fleet")["ConfigMap", "warp17-plan"]["data"]["plan.yaml"])
    hosts = [f"warp17-engine-{i}.{stateful['spec']['serviceName']}.warp17.svc:42425" for i in range(stateful["spec"]["replicas"])]
    assert sorted(e.attach for e in plan.engines) == hosts
    job = overlay("fleet")["Job", "warp17-fleet"]["spec"]["template"]["spec"]["containers"][0]
    mounts = {m["mountPath"] for m in job["volumeMounts"]}
    assert {str(pathlib.Path(f).parent) for e in plan.engines for f in (e.token_file, e.tls_ca)} <= mounts
    options = {w.split("=")[0] for w in job["command"] if w.startswith("--")}
    playbook = set(re.findall(r" (--[a-z]+)", (ANSIBLE / "roles/warp17/tasks/fleet.yml").read_text()))
    said = run(TOP / "scripts/warp17-fleet", "--help").stdout
    assert options and playbook and all(o in said for o in options | playbook)
    n = itertools.count(1)
    templated = re.sub(r"\{\{.*?\}\}", lambda _: f"10.0.0.{next(n)}", (ANSIBLE / "plan.example.yml").read_text())
    assert [e.name for e in fleet_plan.parse(templated).engines] == ["client", "server"]


# ---- the image


def needed():
    """Packages of the libraries that our programs are linked with."""
    linked = [run("readelf", "-d", BUILD / p).stdout for p in ("warp17", "warp17-cli", "warp17-stats-exporter")]
    libraries = set(re.findall(r"NEEDED.*\[(.*)\]", "".join(linked)))
    cache = dict(re.findall(r"^\s*(\S+) \([^)]*x86-64[^)]*\) => (\S+)$", run("ldconfig", "-p").stdout, re.M))
    owners = {}
    for words in ("/usr", ""):  # packages of before /usr was one have it as /lib
        paths = {name: words + str(pathlib.Path(cache[name]).resolve()).removeprefix("/usr") for name in libraries - set(owners)}
        lines = run("dpkg", "-S", *paths.values()).stdout.splitlines()
        found = {path: package.split(":")[0] for package, _, path in (line.partition(": ") for line in lines)}
        owners.update({name: found[path] for name, path in paths.items() if path in found})
    assert set(owners) == libraries and len(libraries) > 10
    return set(owners.values())


def test_the_image_has_the_libraries_of_the_programs():
    last = (KUBERNETES / "Dockerfile").read_text().rpartition("FROM ")[2]
    assert needed() - set(last.split()) <= {"libc6"}
    for program in ("warp17", "warp17-cli", "stunnel4", "warp17-fleet"):
        used = [c for _, t in pods() for c in t["spec"]["containers"] if c["command"][0] == program]
        assert used or program == "warp17-cli"
    assert "stunnel4" in last and "python3-yaml" in last
