// SPDX-License-Identifier: GPL-3.0-or-later

// Dapr's sidecar with the few components that the tests need. Dapr's own command compiles every
// component it knows, which takes an hour; all else, and the options, are the same.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cast"
	"go.opencensus.io/stats/view"

	contrib "github.com/dapr/components-contrib/nameresolution"
	"github.com/dapr/components-contrib/pubsub/redis"
	"github.com/dapr/dapr/cmd/daprd/options"
	nameresolution "github.com/dapr/dapr/pkg/components/nameresolution"
	pubsub "github.com/dapr/dapr/pkg/components/pubsub"
	"github.com/dapr/dapr/pkg/healthz"
	"github.com/dapr/dapr/pkg/metrics"
	"github.com/dapr/dapr/pkg/modes"
	"github.com/dapr/dapr/pkg/runtime"
	"github.com/dapr/dapr/pkg/runtime/registry"
	"github.com/dapr/dapr/pkg/security"
	"github.com/dapr/kit/concurrency"
	"github.com/dapr/kit/logger"
	"github.com/dapr/kit/signals"
)

var log = logger.NewLogger("dapr.runtime")

// names resolves an app id to the address that the sidecar's Configuration has for it. Dapr's own resolver of
// a host without a cluster asks by multicast.
type names map[string]string

func newNames(logger.Logger) contrib.Resolver { return &names{} }

func (n *names) Init(_ context.Context, metadata contrib.Metadata) (err error) {
	*n, err = cast.ToStringMapStringE(metadata.Configuration)
	return err
}

func (n *names) ResolveID(_ context.Context, request contrib.ResolveRequest) (string, error) {
	if address, found := (*n)[request.ID]; found {
		return address, nil
	}
	return "", fmt.Errorf("no address for the app %q", request.ID)
}

func (*names) Close() error { return nil }

// config is what Dapr's command makes of its options, without those for actors, workflows and Kubernetes.
func config(opts *options.Options, health healthz.Healthz, handler security.Handler) *runtime.Config {
	return &runtime.Config{
		AppID: opts.AppID, AppProtocol: opts.AppProtocol, ApplicationPort: opts.AppPort,
		AppChannelAddress: opts.AppChannelAddress, AppMaxConcurrency: opts.AppMaxConcurrency,
		EnableAppHealthCheck: opts.EnableAppHealthCheck, AppHealthCheckPath: opts.AppHealthCheckPath,
		AppHealthProbeInterval: opts.AppHealthProbeInterval, AppHealthProbeTimeout: opts.AppHealthProbeTimeout,
		AppHealthThreshold: opts.AppHealthThreshold,
		ActorsService:      opts.ActorsService, RemindersService: opts.RemindersService,
		SchedulerAddress: opts.SchedulerAddress, SchedulerStreams: opts.SchedulerJobStreams,
		AllowedOrigins: opts.AllowedOrigins, ResourcesPath: opts.ResourcesPath, Config: opts.Config,
		Mode: opts.Mode, DaprHTTPPort: opts.DaprHTTPPort, DaprAPIGRPCPort: opts.DaprAPIGRPCPort,
		DaprInternalGRPCPort:          opts.DaprInternalGRPCPort,
		DaprInternalGRPCListenAddress: opts.DaprInternalGRPCListenAddress,
		DaprAPIListenAddresses:        opts.DaprAPIListenAddresses,
		DaprPublicPort:                opts.DaprPublicPort, DaprPublicListenAddress: opts.DaprPublicListenAddress,
		ProfilePort: opts.ProfilePort,
		EnableMTLS:  opts.EnableMTLS, SentryAddress: opts.SentryAddress,
		MaxRequestSize: opts.MaxRequestSize, ReadBufferSize: opts.ReadBufferSize,
		DaprGracefulShutdownSeconds:  opts.DaprGracefulShutdownSeconds,
		DaprBlockShutdownDuration:    opts.DaprBlockShutdownDuration,
		DisableBuiltinK8sSecretStore: true,
		Metrics: metrics.Options{
			Enabled: opts.Metrics.Enabled(), Log: log, Port: opts.Metrics.Port(),
			Namespace: metrics.DefaultMetricNamespace, Healthz: health,
			ListenAddress: opts.Metrics.ListenAddress(), Meter: view.NewMeter(),
		},
		Registry: registry.NewOptions().
			WithPubSubs(pubsub.DefaultRegistry).WithNameResolutions(nameresolution.DefaultRegistry),
		Security: handler, Healthz: health,
	}
}

func run(ctx context.Context, opts *options.Options) error {
	health := healthz.New()
	provider, err := security.New(ctx, security.Options{
		SentryAddress: opts.SentryAddress, ControlPlaneTrustDomain: opts.ControlPlaneTrustDomain,
		ControlPlaneNamespace: opts.ControlPlaneNamespace, TrustAnchors: opts.TrustAnchors, AppID: opts.AppID,
		MTLSEnabled: opts.EnableMTLS, Mode: modes.DaprMode(opts.Mode), Healthz: health,
	})
	if err != nil {
		return err
	}
	return concurrency.NewRunnerManager(provider.Run, func(ctx context.Context) error {
		handler, err := provider.Handler(ctx)
		if err != nil {
			return err
		}
		sidecar, err := runtime.FromConfig(ctx, config(opts, health, handler))
		if err != nil {
			return err
		}
		return sidecar.Run(ctx)
	}).Run(ctx)
}

func main() {
	contrib := logger.NewLogger("dapr.contrib")
	opts, err := options.New(os.Args[1:])
	if err != nil {
		log.Fatal(err)
	}
	if err = logger.ApplyOptionsToLoggers(&opts.Logger); err != nil {
		log.Fatal(err)
	}
	pubsub.DefaultRegistry.Logger = contrib
	pubsub.DefaultRegistry.RegisterComponent(redis.NewRedisStreams, "redis")
	nameresolution.DefaultRegistry.Logger = contrib
	nameresolution.DefaultRegistry.RegisterComponent(newNames, "fixed")
	if err = run(signals.Context(), opts); err != nil {
		log.Fatal(err)
	}
}
