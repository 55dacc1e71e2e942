package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"time"
)

// The container's first process watches, so that looks go on when no labctl runs. Runs of
// `serve` reach it here: an abstract socket, which only this container's network has.
var watchSocket = "@labctl-watch"

type watchArgs struct {
	Watches  []watchSpec         `json:"watches"`
	Clusters map[string]*cluster `json:"clusters"`
}

type historyArgs struct {
	Name string `json:"name"`
}

// watcher is all that is watched.
type watcher struct {
	lock    sync.Mutex
	watches map[string]*watch
	stop    chan struct{}
}

// begin replaces what is watched. It returns when everything has been looked at for the first
// time, so that whatever happens next is a change that was seen.
func (all *watcher) begin(ctx context.Context, args watchArgs) (struct{}, error) {
	var done struct{}
	for _, c := range args.Clusters {
		if err := c.prepare(); err != nil {
			return done, err
		}
	}
	watches := map[string]*watch{}
	for _, spec := range args.Watches {
		w, err := newWatch(spec, args.Clusters)
		if err != nil {
			return done, fmt.Errorf("watch %q: %w", spec.Name, err)
		}
		watches[spec.Name] = w
	}
	all.lock.Lock()
	defer all.lock.Unlock()
	if all.stop != nil {
		close(all.stop)
	}
	all.watches, all.stop = watches, make(chan struct{})
	var first sync.WaitGroup
	blind := make(chan string, len(watches))
	for name, w := range watches {
		first.Go(func() {
			for w.observe(); w.record.state() == stateBlind; w.observe() {
				if ctx.Err() != nil {
					blind <- name
					return
				}
				time.Sleep(100 * time.Millisecond)
			}
		})
	}
	first.Wait()
	for _, w := range watches {
		go w.run(all.stop)
	}
	select {
	case name := <-blind:
		return done, fail("failed", "%q cannot be looked at", name)
	default:
		return done, nil
	}
}

// history takes a look and tells it with all that were before it.
func (all *watcher) history(_ context.Context, args historyArgs) (*historyReply, error) {
	all.lock.Lock()
	w, begun := all.watches[args.Name], all.watches != nil
	all.lock.Unlock()
	if !begun {
		return nil, fail("failed", "its container was made anew, and what it had seen is lost; "+
			"`labctl reset` begins another record")
	}
	if w == nil {
		return nil, fail("failed", "nothing called %q is watched", args.Name)
	}
	return w.observe(), nil
}

// serveWatches answers requests about watches, one a connection, until the process ends.
func serveWatches() error {
	listener, err := net.Listen("unix", watchSocket)
	if err != nil {
		return err
	}
	all := &watcher{}
	known := map[string]operation{"watch": typed(all.begin), "history": typed(all.history)}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				fmt.Fprintln(os.Stderr, "probe:", err)
				os.Exit(1)
			}
			go func() {
				defer conn.Close()
				var r request
				if json.NewDecoder(conn).Decode(&r) == nil {
					json.NewEncoder(conn).Encode(answer(context.Background(), r, known))
				}
			}()
		}
	}()
	return nil
}

// forward has an operation done by the process that watches.
func forward(op string) operation {
	return func(ctx context.Context, args json.RawMessage) (any, error) {
		conn, err := net.Dial("unix", watchSocket)
		for err != nil && ctx.Err() == nil { // the container was started a moment ago
			time.Sleep(20 * time.Millisecond)
			conn, err = net.Dial("unix", watchSocket)
		}
		if err != nil {
			return nil, err
		}
		defer conn.Close()
		deadline, _ := ctx.Deadline()
		conn.SetDeadline(deadline)
		asked := request{Op: op, Timeout: time.Until(deadline).Seconds(), Args: slices.Clone(args)}
		if err := json.NewEncoder(conn).Encode(asked); err != nil {
			return nil, err
		}
		var got struct {
			OK    json.RawMessage `json:"ok"`
			Error *failure        `json:"error"`
		}
		if err := json.NewDecoder(conn).Decode(&got); err != nil {
			return nil, err
		}
		if got.Error != nil {
			return nil, got.Error
		}
		return got.OK, nil
	}
}
