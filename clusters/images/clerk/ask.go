package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

const account = "/var/run/secrets/kubernetes.io/serviceaccount/"

// ask is one request to the Kubernetes API, with this pod's own service account. A PATCH only
// marks that it was here.
func ask(method, path string) (int, []byte, error) {
	authority, err := os.ReadFile(account + "ca.crt")
	if err != nil {
		return 0, nil, fmt.Errorf("no service account here: %w", err)
	}
	token, err := os.ReadFile(account + "token")
	if err != nil {
		return 0, nil, err
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(authority)
	client := http.Client{
		Timeout:   2 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}, DisableKeepAlives: true},
	}
	server := net.JoinHostPort(os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT"))
	var body io.Reader
	if method == http.MethodPatch {
		body = strings.NewReader(`{"metadata":{"annotations":{"touched-by":"clerk"}}}`)
	}
	request, err := http.NewRequest(method, "https://"+server+path, body)
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	request.Header.Set("Content-Type", "application/merge-patch+json")
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	got, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return response.StatusCode, got, err
}
