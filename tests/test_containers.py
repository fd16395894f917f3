"""The files for containers, without an engine: everything that is copied exists, the manifests keep to the published schemas,
and names that two files share are the same. What an engine makes of them is in tests/docker.
"""

import json
import re
import subprocess
from pathlib import Path

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
DOCKER = ROOT / "docker"
DOCKERFILES = sorted(DOCKER.rglob("Dockerfile"))
MANIFESTS = sorted(set((DOCKER / "kubernetes").glob("*.yaml")) - {DOCKER / "kubernetes/adapter.yaml"})
SCHEMAS = ROOT / "tests/docker/schemas"
API = {"apps/v1": "apps.v1", "autoscaling/v2": "autoscaling.v2", "batch/v1": "batch.v1", "policy/v1": "policy.v1", "v1": "core.v1"}


def instructions(file):
    """The instructions of a Dockerfile as pairs, without comments."""
    text = re.sub(r"^\s*#.*\n", "", file.read_text(), flags=re.M).replace("\\\n", " ")
    return [line.split(None, 1) for line in text.splitlines() if line.strip()]


def manifest(name):
    """One object of docker/kubernetes."""
    return yaml.safe_load((DOCKER / "kubernetes" / f"{name}.yaml").read_text())


def web():
    """The container of the Deployment."""
    return manifest("deployment")["spec"]["template"]["spec"]["containers"][0]


def defaults():
    """The variables that the image sets."""
    text = next(rest for name, rest in instructions(DOCKER / "Dockerfile") if name == "ENV")
    return dict(re.findall(r'(\w+)=("[^"]*"|\S+)', text))


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: str(file.relative_to(DOCKER)))
def test_dockerfiles(file):
    """Sources exist and are not ignored; packages leave no lists; the last stage runs as a number that is not root's."""
    found = instructions(file)
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    stages = {rest.split()[-1] for name, rest in found if name == "FROM" and " AS " in rest}
    for name, rest in found:
        words = rest.split()
        if name == "COPY" and not words[0].startswith("--from="):
            for source in words[:-1]:
                assert (ROOT / source).exists(), f"{source} does not exist"
                assert source.split("/")[0] in allowed, f".dockerignore does not let {source} through"
        if name == "COPY" and words[0].startswith("--from="):
            assert words[0].partition("=")[2] in stages
        if name == "RUN" and "apt-get install" in rest:
            assert "--no-install-recommends" in rest and "rm -rf /var/lib/apt/lists/*" in rest
            assert rest.index("apt-get update") < rest.index("apt-get install") < rest.index("rm -rf")
        assert name != "ADD"
    bases = [rest.split()[0] for name, rest in found if name == "FROM"]
    assert set(bases) <= {"${BUILD_BASE}", "${RUNTIME_BASE}", "${SERVER}", "scratch"}, "bases are build arguments"
    assert [rest for name, rest in found if name == "USER"][-1] == "10001:10001"


def test_image_says_how_it_is_run():
    """Exec forms, so that signals arrive, and no tool for building in the last stage."""
    found = instructions(DOCKER / "Dockerfile")
    last = max(number for number, (name, _) in enumerate(found) if name == "FROM")
    runtime = found[last:]
    said = dict(runtime)
    assert json.loads(said["ENTRYPOINT"]) == ["mod_wsgi-serve"]
    assert said["HEALTHCHECK"].endswith('CMD ["mod_wsgi-healthy"]')
    assert not re.search(r"\b(gcc|cargo|rustc|make|\S+-dev|pip)\b", " ".join(rest for name, rest in runtime if name == "RUN"))


def test_variables_are_declared():
    """Each variable that the configuration and the programs read has a default in the image, and is documented."""
    used = set()
    for file in [DOCKER / "httpd.conf", DOCKER / "site.conf", DOCKER / "demo/site.conf", *(DOCKER / "bin").iterdir()]:
        used |= set(re.findall(r"\$\{?(MOD_WSGI_\w+)", file.read_text()))
    assert used == {name for name in defaults() if name.startswith("MOD_WSGI_")}
    documented = set(re.findall(r"^\| `(MOD_WSGI_\w+)` \|", (ROOT / "docs/containers.md").read_text(), re.M))
    assert documented == used


@pytest.mark.parametrize("program", sorted((DOCKER / "bin").iterdir()) + [DOCKER / "make-secrets"], ids=lambda file: file.name)
def test_programs(program):
    assert program.stat().st_mode & 0o111 == 0o111
    assert subprocess.run(["bash", "-n", program], capture_output=True, text=True).stderr == ""


@pytest.mark.parametrize("file", MANIFESTS, ids=lambda file: file.stem)
def test_manifests_keep_to_the_published_schemas(file):
    """Kubernetes' own API and the Prometheus operator's, with no name that is unknown there."""
    for thing in yaml.safe_load_all(file.read_text()):
        kind, version = thing["kind"], thing["apiVersion"]
        if kind == "Kustomization":
            assert {f"{name}" for name in thing["resources"]} == {f.name for f in MANIFESTS} - {file.name}
            continue
        if kind == "PodMonitor":
            schema = json.loads((SCHEMAS / "podmonitor.json").read_text())
        else:
            schema = json.loads((SCHEMAS / "kubernetes.json").read_text())
            schema["$ref"] = f"#/definitions/io.k8s.api.{API[version]}.{kind}"
        jsonschema.Draft202012Validator(schema).validate(thing)


def test_schemas_refuse_mistakes():
    """Or the test above could not fail."""
    schema = json.loads((SCHEMAS / "kubernetes.json").read_text())
    schema["$ref"] = "#/definitions/io.k8s.api.apps.v1.Deployment"
    for change in ({"replica": 3}, {"replicas": "three"}):
        wrong = manifest("deployment")
        wrong["spec"].update(change)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)
    wrong = manifest("monitor")
    wrong["spec"]["podMetricsEndpoints"][0]["pathh"] = "/"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, json.loads((SCHEMAS / "podmonitor.json").read_text()))


def test_the_metrics_exist():
    """Those that the autoscaler's rule computes with are exported by the module, and its result is what the autoscaler asks for."""
    rule = yaml.safe_load((DOCKER / "kubernetes/adapter.yaml").read_text())["rules"]["custom"][0]
    exported = set(re.findall(r'name: "(mod_wsgi_\w+)"', (ROOT / "src/status/metrics/families.rs").read_text()))
    used = set(re.findall(r"mod_wsgi_\w+", rule["metricsQuery"] + rule["seriesQuery"]))
    assert used and used <= exported
    assert rule["name"]["as"] == manifest("autoscaler")["spec"]["metrics"][0]["pods"]["metric"]["name"]


def test_ports_and_paths_meet():
    """The monitor and the probes ask where httpd listens and answers."""
    ports = {port["name"]: str(port["containerPort"]) for port in web()["ports"]}
    assert ports == {"http": defaults()["MOD_WSGI_PORT"], "status": defaults()["MOD_WSGI_STATUS_PORT"]}
    server = (DOCKER / "httpd.conf").read_text()
    endpoint = manifest("monitor")["spec"]["podMetricsEndpoints"][0]
    assert endpoint["port"] == "status"
    assert re.search(rf"<Location {endpoint['path']}>[^<]*SetHandler wsgi-metrics", server)
    assert f"<Location {web()['livenessProbe']['httpGet']['path']}>" in server and web()["livenessProbe"]["httpGet"]["port"] == "status"
    assert manifest("service")["spec"]["ports"][0]["targetPort"] == "http"


def test_selectors_meet():
    labels = manifest("deployment")["spec"]["template"]["metadata"]["labels"]
    for selector in (manifest("deployment")["spec"]["selector"]["matchLabels"], manifest("service")["spec"]["selector"],
                     manifest("monitor")["spec"]["selector"]["matchLabels"], manifest("disruption")["spec"]["selector"]["matchLabels"]):
        assert selector.items() <= labels.items()
    migrating = manifest("migrate")["spec"]["template"]["metadata"]["labels"]
    assert not manifest("service")["spec"]["selector"].items() <= migrating.items(), "the Service must not find the migration"


def test_there_is_time_to_drain():
    """What waits for the end waits longer than the end may take."""
    stop = int(defaults()["MOD_WSGI_STOP_TIMEOUT"])
    pod = manifest("deployment")["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] > int(web()["lifecycle"]["preStop"]["exec"]["command"][1]) + stop
    for name in ("compose", "stack"):
        service = yaml.safe_load((DOCKER / f"{name}.yaml").read_text())["services"]["web"]
        assert int(service["stop_grace_period"].rstrip("s")) > stop + int(service["environment"].get("MOD_WSGI_DRAIN_DELAY", 0))


def test_the_site_is_the_same_everywhere():
    assert manifest("site")["data"]["site.conf"] == (DOCKER / "demo/site.conf").read_text()


@pytest.mark.parametrize("name", ["compose", "stack"])
def test_services_hold_no_secret(name):
    """Secrets are files that git does not have, and everything but the database runs read-only without capabilities."""
    project = yaml.safe_load((DOCKER / f"{name}.yaml").read_text())
    for secret in project["secrets"].values():
        assert secret["file"].startswith("secrets/")
        ignored = subprocess.run(["git", "check-ignore", "-q", DOCKER / secret["file"]], cwd=ROOT)
        assert ignored.returncode == 0
    for service in project["services"].values():
        assert not [value for key, value in service["environment"].items() if "PASSWORD" in key and not key.endswith("_FILE")]
    assert project["services"]["web"]["read_only"] is True and project["services"]["web"]["cap_drop"] == ["ALL"]


def test_secrets_are_made_once(tmp_path):
    program = tmp_path / "make-secrets"
    program.write_bytes((DOCKER / "make-secrets").read_bytes())
    made = []
    for _ in range(2):
        subprocess.run(["bash", program], check=True)
        made.append({file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()})
    assert made[0] == made[1] and set(made[0]) == {"database_password", "secret_key"}
    assert all(len(text) > 40 for text in made[0].values())
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0
