// SPDX-License-Identifier: GPL-3.0-or-later

// Reads a Pod as JSON and prints it with Dapr's sidecar in it, as the injector of Dapr's control plane makes it.
// The argument keep-capabilities leaves out the setting that docs/kubernetes.md requires.
package main

import (
	"encoding/json"
	"log"
	"os"

	corev1 "k8s.io/api/core/v1"

	"github.com/dapr/dapr/pkg/injector/patcher"
)

const controlPlane = "dapr-system"

func inject(pod *corev1.Pod, dropCapabilities bool) (*corev1.Pod, error) {
	sidecar := patcher.NewSidecarConfig(pod)
	sidecar.Namespace = pod.Namespace
	sidecar.Identity = pod.Namespace + ":" + pod.Spec.ServiceAccountName
	sidecar.MTLSEnabled = true
	sidecar.CurrentTrustAnchors = []byte("trust anchors")
	sidecar.ControlPlaneNamespace = controlPlane
	sidecar.ControlPlaneTrustDomain = "cluster.local"
	sidecar.KubeClusterDomain = "cluster.local"
	sidecar.OperatorAddress = patcher.ServiceAPI.Address(controlPlane, "cluster.local")
	sidecar.SentryAddress = patcher.ServiceSentry.Address(controlPlane, "cluster.local")
	sidecar.SidecarImage = "docker.io/daprio/daprd:1.18.0"
	// The defaults of Dapr's chart.
	sidecar.ImagePullPolicy = corev1.PullIfNotPresent
	sidecar.RunAsNonRoot = true
	sidecar.ReadOnlyRootFilesystem = true
	sidecar.SidecarDropALLCapabilities = dropCapabilities
	sidecar.SetFromPodAnnotations()
	patch, err := sidecar.GetPatch()
	if err != nil {
		return nil, err
	}
	return patcher.PatchPod(pod, patch)
}

func main() {
	pod := &corev1.Pod{}
	if err := json.NewDecoder(os.Stdin).Decode(pod); err != nil {
		log.Fatal(err)
	}
	keep := len(os.Args) > 1 && os.Args[1] == "keep-capabilities"
	patched, err := inject(pod, !keep)
	if err != nil {
		log.Fatal(err)
	}
	if err = json.NewEncoder(os.Stdout).Encode(patched); err != nil {
		log.Fatal(err)
	}
}
