package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	maxLine        = 16 << 20
	maxConcurrent  = 64
	defaultTimeout = 10 * time.Second
	maxTimeout     = 10 * time.Minute
	grace          = 2 * time.Second
	heartbeat      = time.Second
)

type request struct {
	ID      uint64          `json:"id"`
	Op      string          `json:"op"`
	Timeout float64         `json:"timeout"` // seconds
	Args    json.RawMessage `json:"args"`
}

type reply struct {
	ID    uint64   `json:"id"`
	OK    any      `json:"ok,omitempty"`
	Error *failure `json:"error,omitempty"`
}

// failure is an error with a kind that the client acts on:
// gone, paused, tampered (the machine's state is to blame), invalid, timeout, failed.
type failure struct {
	Kind    string `json:"kind"`
	Message string `json:"message"`
}

func (f *failure) Error() string { return f.Message }

func fail(kind, format string, args ...any) *failure {
	return &failure{kind, fmt.Sprintf(format, args...)}
}

type operation func(ctx context.Context, args json.RawMessage) (any, error)

// typed makes an operation of a function with typed arguments; unknown arguments are errors.
func typed[A, R any](f func(context.Context, A) (R, error)) operation {
	return func(ctx context.Context, raw json.RawMessage) (any, error) {
		var args A
		if len(raw) > 0 {
			decoder := json.NewDecoder(bytes.NewReader(raw))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&args); err != nil {
				return nil, fail("invalid", "arguments: %v", err)
			}
		}
		return f(ctx, args)
	}
}

var operations = map[string]operation{
	"exec":      typed(runCommand),
	"ps":        typed(listProcesses),
	"process":   typed(oneProcess),
	"host":      typed(describeHost),
	"listeners": typed(listListeners),
	"read":      typed(readFile),
	"stat":      typed(statFile),
	"list":      typed(listFolder),
	"mounts":    typed(listMounts),
	"cgroup":    typed(describeCgroup),
	"qdisc":     typed(listQdiscs),
	"dial":      typed(dial),
	"http":      typed(askHTTP),
	"hold":      typed(hold),
	"held":      typed(askHeld),
	"drop":      typed(dropHeld),
	"find":      typed(findContainers),
	"watch":     forward("watch"),
	"history":   forward("history"),
}

// serve answers JSON lines until its input ends; then everything it started is ended too. A reply
// without a number comes every second.
func serve(input io.Reader, output io.Writer, operations map[string]operation) {
	ctx, cancel := context.WithCancel(context.Background())
	var (
		writing sync.Mutex
		running sync.WaitGroup
		slots   = make(chan struct{}, maxConcurrent)
	)
	send := func(r reply) {
		line, err := json.Marshal(r)
		if err != nil {
			line, _ = json.Marshal(reply{ID: r.ID, Error: fail("failed", "%v", err)})
		}
		writing.Lock()
		defer writing.Unlock()
		if _, err := output.Write(append(line, '\n')); err != nil {
			cancel() // nobody listens any more
		}
	}
	go func() {
		// The engine does not tell when the container ends: silence does.
		for ctx.Err() == nil {
			time.Sleep(heartbeat)
			send(reply{})
		}
	}()
	lines := bufio.NewScanner(input)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	for lines.Scan() {
		var r request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			send(reply{ID: r.ID, Error: fail("invalid", "request: %v", err)})
			continue
		}
		r.Args = bytes.Clone(r.Args)
		slots <- struct{}{}
		running.Add(1)
		go func() {
			defer func() { <-slots; running.Done() }()
			send(answer(ctx, r, operations))
		}()
	}
	cancel()
	ended := make(chan struct{})
	go func() { running.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(grace):
	}
}

// answer runs one operation. One that hangs in the kernel past its deadline is left behind.
func answer(ctx context.Context, r request, operations map[string]operation) reply {
	run, known := operations[r.Op]
	if !known {
		return reply{ID: r.ID, Error: fail("invalid", "unknown operation %q", r.Op)}
	}
	timeout := defaultTimeout
	if r.Timeout > 0 {
		timeout = min(time.Duration(r.Timeout*float64(time.Second)), maxTimeout)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	result := make(chan reply, 1)
	go func() {
		ok, err := run(ctx, r.Args)
		if err != nil {
			result <- reply{ID: r.ID, Error: asFailure(err)}
			return
		}
		result <- reply{ID: r.ID, OK: ok}
	}()
	select {
	case got := <-result:
		return got
	case <-time.After(timeout + grace):
		return reply{ID: r.ID, Error: fail("timeout", "%s did not end within %v", r.Op, timeout)}
	}
}

func asFailure(err error) *failure {
	var known *failure
	switch {
	case errors.As(err, &known):
		return known
	case isGone(err):
		return fail("gone", "the process is gone")
	case errors.Is(err, context.DeadlineExceeded):
		return fail("timeout", "ran out of time")
	}
	return fail("failed", "%v", err)
}
