package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Where the API server of a kind node listens, and a name that its certificate has.
const apiServer = "127.0.0.1:6443"

// end is where a watched connection begins or leads: a machine by its container, pods by labels,
// or, for where it leads, an IP.
type end struct {
	Container string            `json:"container"`
	Cluster   string            `json:"cluster"`
	Namespace string            `json:"namespace"`
	Labels    map[string]string `json:"labels"`
	Address   string            `json:"address"`
}

// cluster is a Kubernetes API, asked from inside the network of its node: the probe itself has
// none. Certificates and key are PEM.
type cluster struct {
	Container   string `json:"container"`
	Authority   []byte `json:"authority"`
	Certificate []byte `json:"certificate"`
	Key         []byte `json:"key"`
	client      *http.Client
	node        finder
}

func (c *cluster) prepare() error {
	pair, err := tls.X509KeyPair(c.Certificate, c.Key)
	if err != nil {
		return fail("invalid", "certificate: %v", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(c.Authority) {
		return fail("invalid", "certificate authority")
	}
	c.client = &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}},
		MaxIdleConns:    1,
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			t, err := c.runs()
			if err != nil {
				return nil, err
			}
			return dialIn(ctx, t, "tcp", address)
		},
	}}
	return nil
}

// runs finds the node's first process; a node that is stopped or frozen has no pods that run.
func (c *cluster) runs() (target, error) {
	t, err := c.node.find(c.Container)
	if err == nil && frozen(t.Pid) {
		err = fail("gone", "the cluster's node is paused")
	}
	return t, err
}

type pod struct {
	Metadata struct {
		Name              string    `json:"name"`
		CreationTimestamp time.Time `json:"creationTimestamp"`
		DeletionTimestamp time.Time `json:"deletionTimestamp"`
	} `json:"metadata"`
	Status struct {
		Phase             string `json:"phase"`
		PodIP             string `json:"podIP"`
		ContainerStatuses []struct {
			ContainerID string         `json:"containerID"`
			State       map[string]any `json:"state"`
		} `json:"containerStatuses"`
	} `json:"status"`
}

func (p *pod) containers() []string {
	var ids []string
	for _, status := range p.Status.ContainerStatuses {
		_, id, named := strings.Cut(status.ContainerID, "://")
		if _, runs := status.State["running"]; runs && named {
			ids = append(ids, id)
		}
	}
	return ids
}

// pod finds the oldest pod of those labels that runs. Without any it fails as "gone"; any other
// failure means that the API did not tell.
func (c *cluster) pod(ctx context.Context, e end) (*pod, error) {
	var selector []string
	for _, key := range slices.Sorted(maps.Keys(e.Labels)) {
		selector = append(selector, key+"="+e.Labels[key])
	}
	address := fmt.Sprintf("https://%s/api/v1/namespaces/%s/pods?labelSelector=%s", apiServer,
		url.PathEscape(e.Namespace), url.QueryEscape(strings.Join(selector, ",")))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fail("failed", "%v", err)
	}
	response, err := c.client.Do(request)
	if err != nil {
		if _, down := c.runs(); down != nil {
			return nil, down
		}
		return nil, fail("failed", "%v", err)
	}
	defer response.Body.Close()
	var list struct {
		Items []*pod `json:"items"`
	}
	if response.StatusCode != http.StatusOK {
		return nil, fail("failed", "the API server said %s", response.Status)
	}
	if err := json.NewDecoder(response.Body).Decode(&list); err != nil {
		return nil, fail("failed", "the API server's answer: %v", err)
	}
	running := slices.DeleteFunc(list.Items, func(p *pod) bool {
		return p.Status.Phase != "Running" || p.Status.PodIP == "" || len(p.containers()) == 0 ||
			!p.Metadata.DeletionTimestamp.IsZero()
	})
	if len(running) == 0 {
		return nil, fail("gone", "no such pod runs")
	}
	return slices.MinFunc(running, func(a, b *pod) int {
		if order := a.Metadata.CreationTimestamp.Compare(b.Metadata.CreationTimestamp); order != 0 {
			return order
		}
		return strings.Compare(a.Metadata.Name, b.Metadata.Name)
	}), nil
}

// finder knows the first process of one container, or of the first of several that runs, and
// finds it again after it was restarted.
type finder struct {
	lock  sync.Mutex
	known target
}

func (f *finder) find(ids ...string) (target, error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if f.known.Pid != 0 && f.known.check() == nil {
		return f.known, nil
	}
	found, err := findContainers(context.Background(), findArgs{ids})
	if err != nil {
		return target{}, err
	}
	for _, id := range ids {
		if p := found.Found[id]; p != nil {
			f.known = target{p.Pid, p.Start}
			return f.known, nil
		}
	}
	return target{}, fail("gone", "the container does not run")
}
