# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2015,SC2034,SC2154 # the scripts share their variables; what says failed is the end of a check
# Boxes about the cluster, looked at with kubectl where there is one that reaches it.

namespace=${NAMESPACE:-learnflow}

kube() { kubectl --request-timeout=10s -n "$namespace" "$@"; }

# Whether kubectl reaches a cluster with our namespace; asked once.
cluster() {
    if [ -z "${cluster_state-}" ]; then
        if ! command -v kubectl >/dev/null; then
            cluster_state="no kubectl here"
        elif kube get namespace "$namespace" -o name >/dev/null 2>"$work/kube"; then
            cluster_state=there
        else
            cluster_state="kubectl reaches no namespace $namespace from here"
        fi
    fi
    [ "$cluster_state" = there ]
}

# What kubectl get says, as body. For a person without a cluster; failed without the object.
object() { # KIND [NAME | OPTION...]
    cluster || { person "kubectl get $* -n $namespace ($cluster_state)" && return 1; }
    if body=$(kube get "$@" -o json 2>"$work/kube"); then
        status=200 asked="kubectl get $*"
    else
        failed "kubectl get $*: $(tail -n 1 "$work/kube")" && return 1
    fi
}

kube_says() { # FILTER EVIDENCE-FILTER
    if got 200 "$1"; then ticked "$asked: $(value "$2")"; else failed "$asked: $(value "$2")"; fi
}

kube_namespace() {
    object namespace "$namespace" || return
    kube_says '.status.phase == "Active"' '"\(.metadata.name) is \(.status.phase)"'
}

kube_configmap() {
    object configmap mastery-engine-config || return
    kube_says '.data | has("REDIS_URL") and has("ENVIRONMENT")' '.data | keys | join(", ")'
}

kube_secrets() {
    object secret mastery-engine-secrets || return
    kube_says '.data | has("JWT_SECRET") and (.JWT_SECRET | @base64d | split("\n")[0] | length >= 32)' '.data | keys | join(", ")'
}

kube_deployment() {
    object deployment mastery-engine || return
    kube_says '.spec.replicas > 0 and .status.readyReplicas == .spec.replicas' '"\(.status.readyReplicas // 0) of \(.spec.replicas) ready"'
}

kube_service() {
    object service mastery-engine || return
    kube_says '.spec.type == "ClusterIP"' '"type \(.spec.type)"'
}

kube_cluster_ip() {
    object service mastery-engine || return
    kube_says '.spec.clusterIP | . != null and . != "" and . != "None"' '.spec.clusterIP'
}

kube_ports() {
    object service mastery-engine || return
    kube_says '.spec.ports | map(.port) | index(8005) != null' '.spec.ports | map("\(.name) \(.port)") | join(", ")'
}

# Without a cluster those of podman kube play, where POD says which: in the same form, as far as it has it.
pods() {
    if ! cluster && [ -n "${POD-}" ]; then podman_pod; else object pods -l app=mastery-engine; fi
}

# The tree's own, where scripts/pod keeps its images; PODMAN names another.
podman() {
    local own=$root/scripts/lib/podman
    [ -x "$own" ] || own=podman
    command "${PODMAN:-$own}" "$@"
}

podman_pod() {
    local ids
    ids=$(podman ps --all --quiet --filter "pod=$POD" 2>"$work/kube")
    # shellcheck disable=SC2086 # a list of ids
    body=$([ -n "$ids" ] && podman inspect $ids 2>"$work/kube" | jq --arg pod "$POD" '
        map(select(.IsInfra | not) | .Name |= ltrimstr($pod + "-") |
            {name: .Name, ready: .State.Running, restartCount: .RestartCount, running: .State.Running}) |
        {items: [{metadata: {name: $pod}, spec: {containers: .}, status: {containerStatuses: .,
            phase: (if length > 0 and all(.running) then "Running" else "Failed" end)}}]}')
    [ -n "$body" ] || { failed "podman knows no pod $POD: $(tail -n 1 "$work/kube")" && return 1; }
    status=200 asked="podman pod $POD"
}

kube_container() { # NAME
    object pods -l app=mastery-engine || return
    kube_says ".items | length > 0 and all(.spec.containers + (.spec.initContainers // []) | map(.name) | index(\"$1\") != null)" \
        '.items | map("\(.metadata.name): \(.spec.containers | map(.name) | join(" "))") | join(", ")'
}

# An autoscaler is free to have its own number.
pods_count() {
    object deployment mastery-engine || return
    kube_says '.status.replicas == .spec.replicas and .status.updatedReplicas == .spec.replicas' \
        '"\(.status.replicas // 0) of \(.spec.replicas), \(.status.updatedReplicas // 0) of this version"'
}

pods_running() {
    pods || return
    kube_says '.items | length > 0 and all(.status.phase == "Running")' '.items | map("\(.metadata.name) \(.status.phase)") | join(", ")'
}

# Two containers, or three with the sidecar: all that there are.
pods_ready() {
    pods || return
    kube_says '.items | length > 0 and all(.status.containerStatuses | length > 0 and all(.ready))' \
        '.items | map("\(.metadata.name) \(.status.containerStatuses | map(select(.ready)) | length)/\(.status.containerStatuses | length)") | join(", ")'
}

pods_restarts() {
    pods || return
    kube_says '[.items[].status.containerStatuses[].restartCount] | max < 3' '"at most \([.items[].status.containerStatuses[].restartCount] | max)"'
}

# ---- probes ----

startup_probe() {
    if cluster && kube exec deployment/mastery-engine -c app -- ./scripts/k8s-startup-probe.sh >"$work/probe" 2>&1; then
        ticked "k8s-startup-probe.sh in the pod ends with 0"
    elif cluster; then
        failed "k8s-startup-probe.sh in the pod: $(tail -n 1 "$work/probe")"
    else
        ask admin GET /ready
        ticked_if "what the probe asks for is so: GET /ready is 200 ($cluster_state)" got 200 '.status == "ready"'
    fi
}

startup_in_time() {
    object pods -l app=mastery-engine || return
    kube_says '[.items[] | (.status.conditions[] | select(.type == "Ready") | .lastTransitionTime | fromdate) - (.status.startTime | fromdate)] | max <= 120' \
        '"ready after at most \([.items[] | (.status.conditions[] | select(.type == "Ready") | .lastTransitionTime | fromdate) - (.status.startTime | fromdate)] | max) s"'
}

# ---- Dapr ----

# Without a cluster the worker knows: it asks the sidecar every five seconds.
dapr_running() {
    if cluster; then
        pods || return
        kube_says '.items | length > 0 and all(.status.containerStatuses | map(select(.name == "daprd" and .ready)) | length == 1)' \
            '.items | map("\(.metadata.name): \(.status.containerStatuses | map(select(.ready) | .name) | join(" "))") | join(", ")'
        return
    fi
    ask admin GET /ready
    case $(value .dependencies.dapr) in
    healthy) ticked "GET /ready: the worker has asked the sidecar, dapr healthy" ;;
    not_configured) person "Dapr is not configured here; is it to be?" ;;
    *) failed "$(answer)" ;;
    esac
}

dapr_components() {
    object components.dapr.io || return
    kube_says '.items | map(.spec.type) | any(startswith("state."))' '.items | map("\(.metadata.name) \(.spec.type)") | join(", ")'
}

dapr_errors() {
    cluster || { person "kubectl logs -l app=mastery-engine -c daprd: no line of level error ($cluster_state)" && return; }
    kube logs -l app=mastery-engine -c daprd --tail=2000 >"$work/daprd" 2>&1 || { failed "$(tail -n 1 "$work/daprd")" && return; }
    if grep -m 1 -E 'level=(error|fatal)|"level":"(error|fatal)"' "$work/daprd" >"$work/found"; then
        failed "$(<"$work/found")"
    else
        ticked "none in $(wc -l <"$work/daprd") lines"
    fi
}

# ---- what it may use ----

# kubectl top: name, CPU in m, memory in Mi.
pods_use() { # COLUMN UNIT LIMIT
    local most
    cluster || { person "kubectl top pods -n $namespace -l app=mastery-engine ($cluster_state)" && return; }
    most=$(kube top pods -l app=mastery-engine --no-headers 2>"$work/kube" |
        awk -v column="$1" '{ v = $column + 0; if ($column ~ /Gi$/) v *= 1024; if (v > most) most = v } END { if (NR) print most }')
    if [ -z "$most" ]; then
        failed "kubectl top: $(tail -n 1 "$work/kube")"
    elif [ "$most" -lt "$3" ]; then
        ticked "at most $most$2"
    else
        failed "$most$2"
    fi
}
pods_cpu() { pods_use 2 m 500; }
pods_memory() { pods_use 3 Mi 512; }

hpa_exists() {
    object hpa mastery-engine || return
    kube_says '.spec.scaleTargetRef.name == "mastery-engine"' '"scales \(.spec.scaleTargetRef.kind) \(.spec.scaleTargetRef.name)"'
}

hpa_metrics() {
    object hpa mastery-engine || return
    kube_says '.spec.metrics | length > 0' '.spec.metrics | map(.resource | "\(.name) \(.target.averageUtilization // .target.averageValue)") | join(", ")'
}

hpa_range() {
    object hpa mastery-engine || return
    kube_says '.spec.minReplicas < .spec.maxReplicas and ((.status.conditions // []) | map(select(.type == "AbleToScale" and .status == "False")) | length == 0)' \
        '"\(.spec.minReplicas) to \(.spec.maxReplicas), now \(.status.currentReplicas // "unknown")"'
}

pdb_exists() {
    object pdb mastery-engine || return
    kube_says '(.status.currentHealthy // 0) >= (.status.desiredHealthy // 1)' '"\(.status.currentHealthy // 0) healthy, \(.status.desiredHealthy // 0) wanted"'
}

pdb_available() {
    object pdb mastery-engine || return
    kube_says '(.spec.minAvailable // 0 | tostring | test("^([1-9][0-9]*|[1-9][0-9]?%|100%)$"))' '"minAvailable \(.spec.minAvailable // "not set")"'
}

# ---- the configuration: of the cluster, else of the manifests in this tree ----

# Sets body to the manifest without its comments; for a person without one.
manifest() { # NAME
    [ -e "$root/k8s/$1.yaml" ] || { person "kubectl get $1 -n $namespace ($cluster_state, and there is no k8s/$1.yaml)" && return 1; }
    body=$(sed 's/^ *#.*//' "$root/k8s/$1.yaml")
}

config_environment() {
    local name missing=''
    if cluster; then kube_configmap && return; fi
    manifest configmap || return
    for name in ENVIRONMENT REDIS_URL JWT_ALGORITHM; do
        grep -qE "^  $name: .+" <<<"$body" || missing+=" $name"
    done
    if [ -z "$missing" ]; then ticked "k8s/configmap.yaml has $(grep -cE '^  [A-Z_]+: ' <<<"$body") settings"; else failed "k8s/configmap.yaml lacks$missing"; fi
}

config_secrets() { kube_secrets; }

config_resources() {
    local limits
    if ! cluster; then
        manifest deployment || return
        limits=$(awk '$1 == "limits:" { on = 1; next } on && $1 == "cpu:" { cpu = $2 } on && $1 == "memory:" { print cpu, $2; on = 0 }' <<<"$body")
        if [ "$(grep -c . <<<"$limits")" -ge "$(grep -cE '^ +image: ' <<<"$body")" ] && ! grep -qv 'm [0-9]*Mi$' <<<"$limits"; then
            ticked "k8s/deployment.yaml: limits of its containers: $(tr '\n' ',' <<<"$limits")"
        else
            failed "k8s/deployment.yaml: limits: $(tr '\n' ',' <<<"$limits")"
        fi
        return
    fi
    object deployment mastery-engine || return
    kube_says '.spec.template.spec.containers | map(select(.name != "daprd")) | all(.resources.limits.memory != null and .resources.limits.cpu != null)' \
        '.spec.template.spec.containers | map("\(.name) \(.resources.limits.cpu) \(.resources.limits.memory)") | join(", ")'
}

config_dapr() {
    if ! cluster; then
        manifest deployment || return
        if grep -q 'dapr.io/enabled: "true"' <<<"$body" && grep -q 'dapr.io/app-id: mastery-engine$' <<<"$body"; then
            ticked "k8s/deployment.yaml: $(grep -c 'dapr.io/' <<<"$body") annotations, enabled, app-id mastery-engine"
        else
            failed "k8s/deployment.yaml does not enable Dapr for the app-id mastery-engine"
        fi
        return
    fi
    object deployment mastery-engine || return
    kube_says '.spec.template.metadata.annotations | .["dapr.io/enabled"] == "true" and .["dapr.io/app-id"] == "mastery-engine"' \
        '.spec.template.metadata.annotations | to_entries | map(select(.key | startswith("dapr.io/")) | "\(.key)=\(.value)") | join(", ")'
}

# The engine keeps its state in Redis itself; Dapr's component must be the same Redis.
config_redis() {
    local store redis_url
    if cluster; then
        object components.dapr.io || return
        store=$(value '[.items[] | select(.spec.type == "state.redis").spec.metadata[] | select(.name == "redisHost").value][0] // ""')
        object configmap mastery-engine-config || return
        redis_url=$(value .data.REDIS_URL)
    else
        manifest dapr || return
        store=$(awk '$2 == "state.redis" { on = 1 } on && $3 == "redisHost" { getline; print $2; exit }' <<<"$body")
        manifest configmap || return
        redis_url=$(sed -n 's/^  REDIS_URL: //p' <<<"$body")
    fi
    if [ -n "$store" ] && [[ $redis_url == *"$store"* ]]; then
        ticked "Dapr's state store and REDIS_URL are both $store"
    else
        failed "Dapr's state store is \"$store\", REDIS_URL $redis_url"
    fi
}

# ---- back ----

rollback_previous() {
    cluster || { person "kubectl rollout history deployment/mastery-engine -n $namespace shows an earlier revision ($cluster_state)" && return; }
    kube rollout history deployment/mastery-engine >"$work/revisions" 2>&1
    if [ "$(grep -c '^[0-9]' "$work/revisions")" -ge 2 ]; then
        ticked "revisions: $(grep -o '^[0-9]*' "$work/revisions" | tr '\n' ' ')"
    else
        failed "no earlier revision: $(tail -n 1 "$work/revisions")"
    fi
}

rollback_command() {
    cluster || { person "kubectl rollout undo deployment/mastery-engine -n $namespace --dry-run=server ($cluster_state)" && return; }
    if kube rollout undo deployment/mastery-engine --dry-run=server >"$work/undo" 2>&1; then
        ticked "tried with --dry-run=server: $(tail -n 1 "$work/undo")"
    else
        failed "$(tail -n 1 "$work/undo")"
    fi
}
