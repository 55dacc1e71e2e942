package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Long enough for a busy machine, short enough to watch a cut happen.
const patience = time.Second

// Less than patience: who waits for a connection is told that it was the name that did not come.
const patienceWithNames = 700 * time.Millisecond

// Every call is a new connection, so a policy shows at once.
var client = http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: dial}}

// dial connects in two steps, so that a name that nobody answers for can be told from silence.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	soon, cancel := context.WithTimeout(ctx, patienceWithNames)
	defer cancel()
	found, err := net.DefaultResolver.LookupHost(soon, host)
	if err != nil {
		return nil, err
	}
	return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(found[0], port))
}

// connect is dial with a limit.
func connect(address string, limit time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return dial(ctx, "tcp", address)
}

// ask gets a page from another role.
func ask(address string, query url.Values, limit time.Duration) (string, int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	where := "http://" + address + "/?" + query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return "", 0, err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", 0, plain(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	return string(body), response.StatusCode, plain(err)
}

// plain says in a few words what is wrong with a connection: the name, the way, or the other end.
func plain(err error) error {
	var name *net.DNSError
	var late net.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &name) && name.IsNotFound:
		return fmt.Errorf("there is no such name")
	case errors.As(err, &name):
		return fmt.Errorf("no answer from DNS, so no address to connect to")
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &late) && late.Timeout():
		return fmt.Errorf("timed out, nothing came back")
	}
	return err
}

// get shows what can be reached from this pod: a page, or an open port.
func get(target string) error {
	where, err := url.Parse(target)
	if err != nil {
		return err
	}
	switch {
	case where.Scheme == "http" && where.Host != "":
		body, status, err := ask(where.Host, where.Query(), 2*patience)
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stdout, "%d\n%s\n", status, strings.TrimSpace(body))
		return nil
	case where.Scheme == "tcp" && where.Port() != "":
		conn, err := connect(where.Host, 2*patience)
		if err != nil {
			return plain(err)
		}
		defer conn.Close()
		fmt.Fprintf(os.Stdout, "connected to %s\n", conn.RemoteAddr())
		return nil
	}
	return fmt.Errorf("want http://HOST:PORT or tcp://HOST:PORT")
}
