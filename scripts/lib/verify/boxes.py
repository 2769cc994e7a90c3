# SPDX-License-Identifier: GPL-3.0-or-later
"""The boxes of docs/deployment-verification-checklist.md: a row each, in the order of the checklist.

A row has an id, the checklist's own words, and the check with its arguments. The check gets the
verification first; it returns the evidence of a ticked box or raises an outcome (outcome.py). The id's
beginning, to the dot, selects the rows of the sign-off table that count the box (report.py)."""
from collections import namedtuple

from verify import api, kubernetes, logs, monitoring, privacy, security, source

LINT = ("formatting", "shellcheck", "yamllint", "codespell", "cppcheck", "clang-tidy")
BUILDS = ("build plainly", "build with clang", "build with sanitizers")
# There are no Python packages to scan: the libraries are Debian's, and Debian lists their vulnerabilities.
SECURITY_UPDATES = (
    "instead of safety: apt-get update && apt-get -s upgrade, in the image or on the host, lists no security update of "
    "libfcgi0ldbl, libhiredis0.14, libjson-c5, libjwt0, libgsl27, libcurl4, libssl3, libev4, nginx, redis-server"
)
Box = namedtuple("Box", "id section words check arguments")

# fmt: off
SECTIONS = {
    "Code Quality & Security": [
        ("code.unit", "**Unit Tests Pass**: All pytest unit tests pass with >90% coverage",
         source.tests_passed, "CUnit, with gcovr's 90 % of lines instead of pytest's", "unit", "coverage"),
        ("code.integration", "**Integration Tests Pass**: All integration tests pass",
         source.tests_passed, "pytest against the real programs", "black-box", "host"),
        ("code.dependencies", "**Security Scan**: Dependency vulnerabilities checked with `safety check`",
         source.for_person, SECURITY_UPDATES),
        ("code.lint", "**Code Quality**: Linting passed (flake8, black, isort)",
         source.tests_passed, "instead of flake8, black, isort", *LINT),
        ("code.types", "**Type Checking**: MyPy passes without critical errors",
         source.tests_passed, "instead of MyPy: gcc and clang, warnings are errors, and sanitizers", *BUILDS),
        ("code.git", "**Git Status**: Clean working tree with no uncommitted changes", source.tree_is_clean),
    ],
    "Configuration Validation": [
        ("config.environment", "**Environment Variables**: All required env vars defined in k8s/configmap.yaml",
         kubernetes.config_environment),
        ("config.secrets", "**Secrets**: JWT_SECRET and other secrets exist in Kubernetes secrets", kubernetes.secret),
        ("config.resources", "**Resource Limits**: CPU/Memory limits set appropriately (see deployment.yaml)",
         kubernetes.config_resources),
        ("config.dapr", "**Dapr Configuration**: Dapr sidecar enabled and configured", kubernetes.config_dapr),
        ("config.redis", "**Redis Configuration**: State store name matches Dapr configuration", kubernetes.config_redis),
    ],
    "Docker Image": [
        ("image.builds", "**Image Builds Successfully**: `docker build .` completes without errors", source.image_builds),
        ("image.size", "**Image Size**: < 250MB (verify with `docker images`)", source.image_size),
        ("image.stages", "**Multi-stage Build**: Confirmed using multi-stage Dockerfile", source.image_stages),
        ("image.user", "**Non-root User**: Container runs as non-root user (check Dockerfile)", source.image_user),
        ("image.healthcheck", "**Health Check**: Docker HEALTHCHECK configured correctly", source.image_healthcheck),
    ],
    "Kubernetes Resources": [
        ("kubernetes.namespace", "**Namespace**: `learnflow` exists or created", kubernetes.namespace),
        ("kubernetes.configmap", "**ConfigMap**: `mastery-engine-config` created with correct values", kubernetes.configmap),
        ("kubernetes.secrets", "**Secrets**: `mastery-engine-secrets` created (check with `kubectl get secrets`)",
         kubernetes.secret),
        ("kubernetes.deployment", "**Deployment**: Pods created and running", kubernetes.deployment),
        ("kubernetes.service", "**Service**: ClusterIP service created", kubernetes.service),
        ("kubernetes.sidecar", "**Dapr Sidecar**: Dapr container present in pod", kubernetes.sidecar_in_pods),
    ],
    "Pod Status": [
        ("pods.count", "**Pod Count**: Expected number of replicas running", kubernetes.pods_count),
        ("pods.status", "**Status**: All pods in `Running` state", kubernetes.pods_running),
        ("pods.ready", "**Ready**: All pods show `1/1` ready", kubernetes.pods_ready),
        ("pods.restarts", "**Restarts**: Zero or minimal restarts (< 3)", kubernetes.pods_restarts),
    ],
    "Container Logs": [
        ("logs.startup", "**Startup**: No errors during startup", logs.startup_without_errors),
        ("logs.dependencies", "**Dependencies**: All dependency checks successful", api.dependencies_healthy),
        ("logs.ready", "**Ready**: Service marked as ready", api.ready_is_ready),
        ("logs.critical", "**No Critical Errors**: No ERROR or CRITICAL level logs", logs.no_errors),
    ],
    "Service Discovery": [
        ("kubernetes.service-created", "**Service Created**: `mastery-engine` service exists", kubernetes.service),
        ("kubernetes.cluster-ip", "**ClusterIP**: Service has ClusterIP assigned", kubernetes.cluster_ip),
        ("kubernetes.ports", "**Ports**: Correct ports exposed (8005)", kubernetes.ports),
    ],
    "Dapr Sidecar Status": [
        ("dapr.running", "**Sidecar Running**: daprd container is running", kubernetes.dapr_running),
        ("dapr.components", "**Component Registration**: State store component registered", kubernetes.dapr_components),
        ("dapr.errors", "**No Dapr Errors**: No errors in daprd logs", kubernetes.dapr_errors),
    ],
    "State Store Connectivity": [
        ("state.accessible", "**Redis Accessible**: Connection successful", api.dependency_healthy, "state_store"),
        ("state.health", "**Health Check**: `health_check()` returns True", api.state_health),
        ("state.crud", "**CRUD Operations**: Basic save/get/delete work", api.state_crud),
    ],
    "Liveness Probe": [
        ("health.response", "**Response**: HTTP 200 from `/health`", api.health_is_healthy),
        ("health.timeout", "**Timeout**: Responds within 3s", api.health_in_time),
        ("health.consistency", "**Consistency**: Multiple checks succeed", api.health_five_times),
    ],
    "Readiness Probe": [
        ("health.ready", "**Response**: HTTP 200 from `/ready`", api.ready_is_ready),
        ("health.dependencies", "**Dependencies**: All dependencies show as healthy", api.dependencies_healthy),
        ("health.state-store", "**State Store**: Redis connection verified", api.dependency_healthy, "state_store"),
        ("health.traffic", "**Readiness**: Service accepts traffic", api.traffic),
    ],
    "Startup Probe": [
        ("health.start", "**Successful Start**: Probe completes successfully", kubernetes.startup_probe),
        ("health.start-time", "**Within Timeout**: Starts within 120s", kubernetes.startup_in_time),
        ("health.start-dependencies", "**Dependency Ready**: All dependencies available", api.dependencies_healthy),
    ],
    "Core Endpoints": [
        ("api.health", '**Health**: Returns `{ "status": "healthy" }`', api.health_is_healthy),
        ("api.ready", "**Ready**: Returns ready status with dependencies", api.ready_names_dependencies),
        ("api.metrics", "**Metrics**: Prometheus metrics format returned", monitoring.metrics_format),
        ("api.info", "**Info**: Service info with version", api.info),
    ],
    "Mastery Endpoints": [
        ("api.query", "**Query**: Returns mastery data for student", api.query_answers),
        ("api.calculate", "**Calculate**: Calculates mastery from scores", api.calculate_answers),
        ("api.authentication", "**Authentication**: Rejects invalid tokens", security.invalid_token_refused),
        ("api.validation", "**Validation**: Returns 400 for invalid input", api.invalid_input_refused),
    ],
    "Analytics Endpoints": [
        ("api.batch", "**Batch**: Accepts batch request and returns batch_id", api.batch_accepted),
        ("api.batch-status", "**Status**: Batch status endpoint returns progress", api.batch_completed),
        ("api.history", "**History**: Historical analytics work", api.history_answers),
        ("api.cohorts", "**Cohorts**: Cohort comparison functional", api.cohorts_compared),
    ],
    "Dapr Endpoints": [
        ("dapr.invocation", "**Service Invocation**: Dapr process endpoint responds", api.process_answers),
        ("dapr.intents", "**Intent Routing**: Correct routing for all intents", api.intents_routed),
        ("dapr.format", "**Response Format**: Standardized Dapr response format", api.process_format),
    ],
    "Response Time": [
        ("performance.health", "**Health**: < 50ms", api.get_in_time, 50, "/health"),
        ("performance.ready", "**Ready**: < 200ms", api.get_in_time, 200, "/ready"),
        ("performance.query", "**Mastery Query**: < 100ms (with cache)", api.query_in_time, 100),
        ("performance.batch", "**Batch Submission**: < 500ms", api.batch_in_time, 500),
    ],
    "Metrics Verification": [
        ("monitoring.active", "**Active Requests**: Metric tracks active requests", monitoring.gauge, "active_requests"),
        ("monitoring.cache", "**Cache Hit Ratio**: > 70% for Redis cache", monitoring.cache_hit_ratio),
        ("monitoring.errors", "**Error Rate**: < 1% of total requests", monitoring.error_rate),
        ("monitoring.latency", "**Latency**: Prometheus histograms working", monitoring.histogram_sound),
    ],
    "Prometheus Integration (Optional)": [
        ("monitoring.format", "**Format**: Prometheus text format", monitoring.metrics_format),
        ("monitoring.counters", "**Counters**: Request counters increasing", monitoring.increases, "http_requests_total"),
        ("monitoring.histograms", "**Histograms**: Latency histograms populated", monitoring.histogram_sound),
        ("monitoring.gauges", "**Gauges**: Active requests gauge working", monitoring.gauge, "active_requests"),
    ],
    "Authentication & Authorization": [
        ("security.no-token", "**No Token**: Returns 401 Unauthorized", security.no_token_refused),
        ("security.invalid-token", "**Invalid Token**: Returns 401/403", security.invalid_token_refused),
        ("security.student", "**Student Access**: Students can only access own data", security.student_access),
        ("security.teacher", "**Teacher Access**: Teachers can access assigned students", security.teacher_access),
        ("security.admin", "**Admin Access**: Admins have full access", security.admin_access),
    ],
    "Input Validation": [
        ("security.sql", "**SQL Injection**: Rejected/sanitized", security.id_refused, "test; DROP TABLE users;--"),
        ("security.xss", "**XSS**: Script tags stripped", security.markup_refused),
        ("security.command", "**Command Injection**: Special characters handled",
         security.id_refused, "$(reboot)`reboot`|reboot"),
        ("security.json", "**Invalid JSON**: Returns 400 Bad Request", security.invalid_json_refused),
    ],
    "GDPR Compliance": [
        ("privacy.export", "**Data Export**: Returns complete student data", privacy.export_complete),
        ("privacy.deletion", "**Data Deletion**: Removes all student data", privacy.deletion_complete),
        ("privacy.audit", "**Audit Logs**: Deletion logged with user ID", privacy.deletion_audited),
        ("privacy.ttl", "**TTL**: Old data auto-deleted after 90 days", privacy.snapshot_expires),
    ],
    "Rate Limiting": [
        ("limits.enforced", "**50 req/min**: Rate limit enforced", security.limit_enforced),
        ("limits.status", "**429 Response**: Returns 429 Too Many Requests", security.limit_status),
        ("limits.headers", "**Headers**: Includes Retry-After header", security.limit_retry_after),
    ],
    "Connection Pool Health": [
        ("pool.health", "**Redis Pool**: Health check passes", api.dependency_healthy, "state_store"),
        ("pool.size", "**Pool Size**: Connection pool created successfully", monitoring.pool_size),
        ("pool.operations", "**Operations**: Redis operations via pool work", monitoring.pool_operations),
    ],
    "Circuit Breaker Status": [
        ("breaker.closed", "**Initial State**: All circuits closed", monitoring.breakers_closed),
        ("breaker.metrics", "**Metrics**: Circuit state metrics visible", monitoring.gauge, "circuit_breaker_state"),
        ("breaker.fencing", "**Fencing**: Service degradation handled correctly",
         source.tests_passed, "with Redis stopped, hanging and full (tests/fault): refusals at once, then recovery", "black-box"),
    ],
    "Resource Management": [
        ("kubernetes.cpu", "**CPU Usage**: < 500m per pod (baseline)", kubernetes.pods_use, 1, "m", 500),
        ("kubernetes.memory", "**Memory Usage**: < 512Mi per pod", kubernetes.pods_use, 2, "Mi", 512),
        ("kubernetes.scaling", "**Scaling**: HPA configured if needed", kubernetes.hpa_exists),
    ],
    "Horizontal Pod Autoscaler (if configured)": [
        ("kubernetes.hpa", "**HPA Exists**: HPA resource created", kubernetes.hpa_exists),
        ("kubernetes.hpa-metrics", "**Metrics**: CPU/Memory targets set", kubernetes.hpa_metrics),
        ("kubernetes.hpa-range", "**Scaling**: Can scale up/down based on load", kubernetes.hpa_range),
    ],
    "Pod Disruption Budget": [
        ("kubernetes.pdb", "**PDB Configured**: Prevents all pods going down", kubernetes.pdb_exists),
        ("kubernetes.pdb-available", "**Min Available**: Set to 1 or higher", kubernetes.pdb_available),
    ],
    "Baseline Performance": [
        ("load.users", "**50 Users**: System handles 50 concurrent users", source.load_users),
        ("load.throughput", "**Throughput**: > 100 requests/sec sustained", source.load_throughput),
        ("load.errors", "**Error Rate**: < 0.1% under load", source.load_errors),
        ("load.latency", "**Latency**: P95 < 200ms under load", source.load_latency),
    ],
    "Stress Testing": [
        ("load.degradation", "**200 Users**: Graceful degradation", source.load_degrades),
        ("load.breakers", "**Circuit Breakers**: Trip at appropriate thresholds", source.load_breakers),
        ("load.recovery", "**Recovery**: Returns to normal after load reduces", source.load_recovers),
    ],
    "Structured Logging": [
        ("logging.json", "**JSON Format**: Logs in JSON structure", logs.lines_are_json),
        ("logging.correlation", "**Correlation IDs**: All logs include correlation_id", logs.correlation_id_logged),
        ("logging.trace", "**Trace IDs**: Distributed tracing headers present", logs.trace_id_logged),
        ("logging.context", "**Error Context**: Errors include stack traces and context", logs.errors_have_context),
    ],
    "Log Aggregation (if configured)": [
        ("logging.forwarding", "**Log Forwarding**: Logs sent to aggregator",
         source.for_person, "the aggregator shows the line of the request with the id {run_id}-logged"),
        ("logging.searchable", "**Searchable**: Can query by correlation_id",
         source.for_person, "a search for that request id in the aggregator finds its lines"),
        ("logging.retention", "**Retention**: 30-day retention configured",
         source.for_person, "the aggregator keeps lines for 30 days"),
    ],
    "Tracing": [
        ("tracing.headers", "**Headers**: Response includes tracing headers", monitoring.tracing_headers),
        ("tracing.spans", "**Spans**: Trace spans increment correctly", monitoring.increases, "trace_spans_total"),
        ("tracing.propagated", "**Distributed**: Trace IDs propagate to dependencies", monitoring.trace_continued),
    ],
    "Verification Checkpoints": [
        ("rollback.previous", "**Can Rollback**: Previous version image exists", kubernetes.rollback_previous),
        ("rollback.command", "**Rollback Command**: `kubectl rollout undo deployment/mastery-engine -n learnflow`",
         kubernetes.rollback_command),
        ("rollback.data", "**Data Safety**: State store is backward compatible",
         source.tests_passed, "what one version writes the other reads", "rollback"),
        ("rollback.notification", "**Notification**: Team aware of rollback procedure",
         source.for_person, "the people on call have read the roll-back runbook (docs/runbooks.md)"),
    ],
    "Monitoring During Deployment": [
        ("monitoring.dashboard", "**Dashboard**: Metrics dashboard monitoring", monitoring.dashboard_there),
        ("monitoring.alerts", "**Alerts**: Alert rules configured for error rates", monitoring.alerts_loaded),
        ("monitoring.slo", "**SLI/SLO**: Service Level Indicators monitored", monitoring.slo_loaded),
    ],
    "Deployment Records": [
        ("record.version", "**Version**: Docker image tag recorded", source.recorded, "version"),
        ("record.commit", "**Commit**: Git commit hash documented", source.recorded, "commit"),
        ("record.time", "**Time**: Deployment timestamp recorded", source.recorded, "time"),
        ("record.operator", "**Operator**: Deployment operator noted", source.recorded, "operator"),
    ],
    "Runbooks Updated": [
        ("runbooks.troubleshooting", "**troubleshooting.md**: Updated with deployment-specific info",
         source.page_there, "troubleshooting.md"),
        ("runbooks.deploy", "**runbooks.md**: Deployment steps documented", source.page_there, "runbooks.md"),
        ("runbooks.escalation", "**escalation**: On-call procedures included", source.page_there, "escalation.md"),
    ],
    "Sign-off Required": [
        ("approval.dev", "**Dev Lead**: ___________________", source.for_person, "a name and a date"),
        ("approval.ops", "**Ops Lead**: ___________________", source.for_person, "a name and a date"),
        ("approval.security", "**Security**: ___________________", source.for_person, "a name and a date"),
    ],
    "Next Actions": [
        ("next.smoke", "Run post-deployment smoke tests", source.smoke_tests),
        ("next.monitor", "Monitor for 30 minutes",
         source.for_person, "the dashboard for 30 minutes; docs/runbooks.md names what to look at"),
        ("next.incident", "Create incident if any checks fail", source.incident),
        ("next.update", "Update this document with any issues found",
         source.for_person, "what this report lists for a person, and all other findings"),
    ],
}
# fmt: on
BOXES = [
    Box(box_id, section, words, check, arguments)
    for section, rows in SECTIONS.items()
    for box_id, words, check, *arguments in rows
]
