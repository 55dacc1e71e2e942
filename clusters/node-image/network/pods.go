package network

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

const cniConfig = "/etc/cni/net.d/10-pods.conflist"

// connectPods keeps the node's CNI configuration and its routes to the pods of
// the other nodes in step with the Node objects.
func connectPods(nodes cache.SharedIndexInformer, own string) error {
	update := func(object any) {
		node, ok := object.(*corev1.Node)
		if !ok || node.Spec.PodCIDR == "" {
			return
		}
		do := routeTo
		if node.Name == own {
			do = writeCNIConfig
		}
		if err := do(node); err != nil {
			klog.ErrorS(err, "connect pods", "node", node.Name)
		}
	}
	_, err := nodes.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    update,
		UpdateFunc: func(_, node any) { update(node) },
		DeleteFunc: func(object any) {
			if node, ok := object.(*corev1.Node); ok && node.Name != own {
				removeRoute(node)
			}
		},
	})
	return err
}

func routeTo(node *corev1.Node) error {
	_, pods, err := net.ParseCIDR(node.Spec.PodCIDR)
	if err != nil {
		return err
	}
	for _, address := range node.Status.Addresses {
		if address.Type == corev1.NodeInternalIP {
			return netlink.RouteReplace(&netlink.Route{Dst: pods, Gw: net.ParseIP(address.Address)})
		}
	}
	return nil // the node has not reported its address yet; the next update has it
}

func removeRoute(node *corev1.Node) {
	if _, pods, err := net.ParseCIDR(node.Spec.PodCIDR); err == nil {
		_ = netlink.RouteDel(&netlink.Route{Dst: pods})
	}
}

// writeCNIConfig makes the node's pods point-to-point neighbours of the node:
// all their traffic is routed, so policies see it even between two of them.
func writeCNIConfig(node *corev1.Node) error {
	mtu, err := uplinkMTU()
	if err != nil {
		return err
	}
	type dict map[string]any
	config, err := json.Marshal(dict{
		"cniVersion": "0.4.0",
		"name":       "pods",
		"plugins": []dict{
			{
				"type": "ptp",
				"mtu":  mtu,
				"ipam": dict{
					"type":    "host-local",
					"dataDir": "/run/cni-ipam-state",
					"ranges":  [][]dict{{{"subnet": node.Spec.PodCIDR}}},
					"routes":  []dict{{"dst": "0.0.0.0/0"}},
				},
			},
			{"type": "portmap", "capabilities": dict{"portMappings": true}},
		},
	})
	if err != nil {
		return err
	}
	if old, err := os.ReadFile(cniConfig); err == nil && string(old) == string(config) {
		return nil
	}
	// The runtime watches the folder: it must never see half a file.
	part := filepath.Join(filepath.Dir(cniConfig), ".part")
	if err := os.WriteFile(part, config, 0o644); err != nil {
		return err
	}
	return os.Rename(part, cniConfig)
}

func uplinkMTU() (int, error) {
	routes, err := netlink.RouteGet(net.IPv4(192, 0, 2, 1))
	if err != nil || len(routes) == 0 {
		return 0, fmt.Errorf("no route out of the node: %w", err)
	}
	link, err := netlink.LinkByIndex(routes[0].LinkIndex)
	if err != nil {
		return 0, err
	}
	return link.Attrs().MTU, nil
}
