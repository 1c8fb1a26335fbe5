//go:build programs

// SPDX-License-Identifier: Apache-2.0

// Package kubernetes names the programs of a cluster for the tests, so that go.mod and go.sum hold all that they need.
package kubernetes

import (
	_ "go.etcd.io/etcd/server/v3/etcdmain"
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager"
	_ "k8s.io/kubernetes/cmd/kube-scheduler"
	_ "k8s.io/kubernetes/cmd/kubelet"
)
