package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const defaultMaxReply = 64 << 10

type dialArgs struct {
	target         // from whose network namespace
	Net     string `json:"net"`     // tcp or udp
	Address string `json:"address"` // an IP, or a name to be asked of `dns`
	Port    uint16 `json:"port"`
	DNS     string `json:"dns"` // ip:port of the name server, asked from the same namespace
	Send    []byte `json:"send"`
	Max     int    `json:"max"` // bytes to receive at most; 0: don't wait for any (TCP)
}

// dialReply: `outcome` is open, refused, silent (nothing came back), unreachable, reset, no-name.
type dialReply struct {
	Outcome  string  `json:"outcome"`
	Detail   string  `json:"detail"`
	Address  string  `json:"address"` // the IP that was tried
	Ms       float64 `json:"ms"`
	Received []byte  `json:"received"`
}

// dialIn opens a connection to an IP from the network namespace of a process. With an IP the
// standard library makes the socket on the calling thread.
func dialIn(ctx context.Context, t target, network, address string) (net.Conn, error) {
	var conn net.Conn
	err := inside(t, []string{"net"}, func() (err error) {
		conn, err = (&net.Dialer{}).DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// resolve finds the IP of a name, asked of a name server from the target's namespace.
func resolve(ctx context.Context, t target, address, dns string) (netip.Addr, error) {
	if ip, err := netip.ParseAddr(address); err == nil {
		return ip, nil
	}
	if _, err := netip.ParseAddrPort(dns); err != nil {
		return netip.Addr{}, fail("invalid", "%q is no IP and there is no name server to ask", address)
	}
	// What keeps the probe itself from asking must not look like a name that is not there.
	if err := inside(t, []string{"net"}, func() error { return nil }); err != nil {
		return netip.Addr{}, err
	}
	resolver := net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialIn(ctx, t, network, dns)
		},
	}
	// The dot at the end keeps search domains out.
	ips, err := resolver.LookupNetIP(ctx, "ip", strings.TrimSuffix(address, ".")+".")
	if err != nil {
		return netip.Addr{}, err
	}
	for _, ip := range ips {
		if ip.Unmap().Is4() {
			return ip.Unmap(), nil
		}
	}
	return ips[0], nil
}

func dial(ctx context.Context, args dialArgs) (*dialReply, error) {
	if args.Net != "tcp" && args.Net != "udp" || args.Port == 0 {
		return nil, fail("invalid", "net %q, port %d", args.Net, args.Port)
	}
	began := time.Now()
	r := &dialReply{}
	err := converse(ctx, args, r)
	r.Ms = float64(time.Since(began).Microseconds()) / 1000
	if err != nil {
		r.Detail = err.Error()
		r.Outcome, err = outcome(err)
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

func converse(ctx context.Context, args dialArgs, r *dialReply) error {
	ip, err := resolve(ctx, args.target, args.Address, args.DNS)
	if err != nil {
		return err
	}
	r.Address = ip.String()
	conn, err := dialIn(ctx, args.target, args.Net, netip.AddrPortFrom(ip, args.Port).String())
	if err != nil {
		return err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	conn.SetDeadline(deadline)
	r.Outcome = "open"
	if args.Net == "udp" || len(args.Send) > 0 {
		if _, err := conn.Write(args.Send); err != nil {
			return err
		}
	}
	if args.Max <= 0 && args.Net == "tcp" {
		return nil
	}
	limit := args.Max
	if limit <= 0 {
		limit = defaultMaxReply
	}
	buffer := make([]byte, min(limit, defaultMaxReply))
	n, err := conn.Read(buffer)
	r.Received = buffer[:n]
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// outcome puts an error of a connection into one of the words that checks know. Any other error
// says nothing about the network, and is returned.
func outcome(err error) (string, error) {
	var known *failure
	var name *net.DNSError
	var slow net.Error
	switch {
	case errors.As(err, &known):
		return "", known
	case errors.As(err, &name):
		return "no-name", nil
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused", nil
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF):
		return "reset", nil
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT),
		errors.As(err, &slow) && slow.Timeout():
		return "silent", nil
	}
	for _, lost := range unreachable {
		if errors.Is(err, lost) {
			return "unreachable", nil
		}
	}
	return "", err
}

// No route, an answer that says so, or a packet filter on the way out.
var unreachable = []error{
	syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN, syscall.EADDRNOTAVAIL,
	syscall.EPERM, syscall.EACCES,
}

type httpArgs struct {
	target
	URL     string            `json:"url"` // http or https
	Method  string            `json:"method"`
	Headers map[string]string `json:"headers"`
	Body    []byte            `json:"body"`
	DNS     string            `json:"dns"`
	Max     int               `json:"max"`
}

// httpReply: `outcome` is that of a dial, or "garbled" for an answer that is not HTTP.
type httpReply struct {
	Outcome   string            `json:"outcome"`
	Detail    string            `json:"detail"`
	Status    int               `json:"status"`
	Headers   map[string]string `json:"headers"`
	Body      []byte            `json:"body"`
	Truncated bool              `json:"truncated"`
	Ms        float64           `json:"ms"`
}

func askHTTP(ctx context.Context, args httpArgs) (*httpReply, error) {
	method := args.Method
	if method == "" {
		method = http.MethodGet
	}
	request, err := http.NewRequestWithContext(ctx, method, args.URL, strings.NewReader(string(args.Body)))
	if err != nil || !strings.HasPrefix(args.URL, "http") || request.URL.Hostname() == "" {
		return nil, fail("invalid", "url %q", args.URL)
	}
	for name, value := range args.Headers {
		request.Header.Set(name, value)
	}
	if host := request.Header.Get("Host"); host != "" {
		request.Host = host
	}
	client := http.Client{
		Transport: &http.Transport{
			DisableKeepAlives: true,
			// Whom it dials is known; what they show is not what is looked at.
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				host, port, err := net.SplitHostPort(address)
				if err != nil {
					return nil, err
				}
				ip, err := resolve(ctx, args.target, host, args.DNS)
				if err != nil {
					return nil, err
				}
				return dialIn(ctx, args.target, network, net.JoinHostPort(ip.String(), port))
			},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	began := time.Now()
	r := &httpReply{Headers: map[string]string{}}
	err = fetch(&client, request, args.Max, r)
	r.Ms = float64(time.Since(began).Microseconds()) / 1000
	if err != nil {
		r.Detail = err.Error()
		r.Outcome, err = outcome(err)
		if err != nil && r.Status == 0 && isGarbled(err) {
			r.Outcome, err = "garbled", nil
		}
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// isGarbled tells whether something answered, but not as HTTP asks.
func isGarbled(err error) bool {
	var broken *http.ProtocolError
	text := err.Error()
	return errors.As(err, &broken) || errors.Is(err, io.ErrUnexpectedEOF) ||
		strings.Contains(text, "malformed HTTP") || strings.Contains(text, "net/http: ") ||
		strings.Contains(text, "tls: ")
}

func fetch(client *http.Client, request *http.Request, limit int, r *httpReply) error {
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if limit <= 0 {
		limit = defaultMaxReply
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, int64(limit)+1))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if len(body) > limit {
		body, r.Truncated = body[:limit], true
	}
	r.Outcome, r.Status, r.Body = "open", response.StatusCode, body
	for name := range response.Header {
		r.Headers[strings.ToLower(name)] = response.Header.Get(name)
	}
	r.Headers["content-length"] = strconv.FormatInt(response.ContentLength, 10)
	return nil
}
