// Package network is the node's network agent: it connects the node's pods
// with those of the other nodes, and enforces NetworkPolicy.
package network

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"sigs.k8s.io/kube-network-policies/pkg/api"
	"sigs.k8s.io/kube-network-policies/pkg/cmd"
	"sigs.k8s.io/kube-network-policies/pkg/dataplane"
	"sigs.k8s.io/kube-network-policies/pkg/networkpolicy"
	"sigs.k8s.io/kube-network-policies/pkg/podinfo"
	"sigs.k8s.io/kube-network-policies/pkg/podinfo/nri"
)

// queue is the number of the netfilter queue whose packets the policies judge.
const queue = 100

// Run serves until it is told to stop. It reads NODE_NAME, POD_SUBNET and
// CONTROL_PLANE_ENDPOINT from its environment.
func Run() int {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	if err := run(ctx); err != nil {
		klog.ErrorS(err, "network agent")
		return 1
	}
	return 0
}

func run(ctx context.Context) error {
	node, podSubnet := os.Getenv("NODE_NAME"), os.Getenv("POD_SUBNET")
	if err := masquerade(podSubnet); err != nil {
		return err
	}
	client, err := connect()
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	if err := connectPods(factory.Core().V1().Nodes().Informer(), node); err != nil {
		return err
	}
	if err := enforcePolicies(ctx, factory, node); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// connect goes straight to the control plane: the Service in front of it only
// answers once kube-proxy runs.
func connect() (kubernetes.Interface, error) {
	config, err := rest.InClusterConfig()
	if err != nil {
		return nil, err
	}
	if endpoint := os.Getenv("CONTROL_PLANE_ENDPOINT"); endpoint != "" {
		config.Host = "https://" + endpoint
	}
	config.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	config.ContentType = "application/vnd.kubernetes.protobuf"
	return kubernetes.NewForConfig(config)
}

// enforcePolicies starts the factory's informers and judges packets by the
// NetworkPolicies, as the agent of the kube-network-policies project does.
func enforcePolicies(ctx context.Context, factory informers.SharedInformerFactory, node string) error {
	namespaces, pods := factory.Core().V1().Namespaces(), factory.Core().V1().Pods()
	fromAPI, err := podinfo.NewInformerResolver(pods.Informer())
	if err != nil {
		return fmt.Errorf("resolve pods: %w", err)
	}
	// The runtime knows a pod's address before its containers run; the API learns it later.
	fromRuntime, err := nri.NewNRIResolver(ctx, node, nil)
	if err != nil {
		return fmt.Errorf("listen to the container runtime: %w", err)
	}
	resolvers := []podinfo.IPResolver{fromAPI, fromRuntime}
	policies := networkpolicy.NewStandardNetworkPolicy(
		node, namespaces, pods, factory.Networking().V1().NetworkPolicies())
	engine := networkpolicy.NewPolicyEngine(
		podinfo.NewInformerProvider(pods, namespaces, nil, resolvers), []api.PolicyEvaluator{policies})

	factory.Start(ctx.Done())
	if err := steerWithoutNftQueue(); err != nil {
		return err
	}
	cmd.Start(ctx, engine, dataplane.Config{
		FailOpen:            true,
		QueueID:             queue,
		NetfilterBug1766Fix: true,
		StrictMode:          true,
	}, "127.0.0.1:19080")
	return nil
}
