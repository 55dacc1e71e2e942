package main

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// What a look can find.
const (
	stateOpen   = "open"   // connected; or answered, and well
	stateWrong  = "wrong"  // answered, but not as it should
	stateClosed = "closed" // refused
	stateCut    = "cut"    // nothing came back
	stateNone   = "none"   // one of the ends does not run
	stateBlind  = ""       // it could not be told
)

const (
	fresh = 5 * time.Second // how long it is believed that pods are where they were
	slack = time.Second     // what a look may be late on a busy machine
)

// watchSpec says what is watched. With `path` a page is asked for, with `send` something is said
// over one connection that stays open, else a connection is opened each time.
type watchSpec struct {
	Name    string  `json:"name"`
	From    end     `json:"from"`
	To      end     `json:"to"`
	Port    uint16  `json:"port"`
	Path    string  `json:"path"`
	Send    string  `json:"send"`
	Says    string  `json:"says"`  // what a good answer contains
	Every   float64 `json:"every"` // seconds from one look to the next
	Seconds float64 `json:"seconds"`
}

// watch looks at one thing again and again. Its lock covers all of a look.
type watch struct {
	lock     sync.Mutex
	spec     watchSpec
	clusters map[string]*cluster
	record   *record
	try      func() string // one look; replaced in tests
	where    *places
	kept     net.Conn
}

// places is where the two ends were found.
type places struct {
	from    *finder
	ids     []string // of the containers at the near end
	address netip.AddrPort
	asked   time.Time
}

func newWatch(spec watchSpec, clusters map[string]*cluster) (*watch, error) {
	for _, e := range []end{spec.From, spec.To} {
		if _, known := clusters[e.Cluster]; e.Cluster != "" && !known {
			return nil, fail("invalid", "cluster %q", e.Cluster)
		}
	}
	if spec.Every < 0.05 || spec.Seconds < 0.05 || spec.Port == 0 {
		return nil, fail("invalid", "every %v, seconds %v, port %d", spec.Every, spec.Seconds, spec.Port)
	}
	w := &watch{spec: spec, clusters: clusters}
	w.record = newRecord(seconds(spec.Every) + 2*w.patience() + slack)
	w.try = w.dial
	return w, nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func (w *watch) patience() time.Duration { return seconds(w.spec.Seconds) }

// run looks until it is told to stop.
func (w *watch) run(stop <-chan struct{}) {
	tick := time.NewTicker(seconds(w.spec.Every))
	defer tick.Stop()
	for {
		select {
		case <-stop:
			w.lock.Lock()
			defer w.lock.Unlock()
			w.drop()
			return
		case <-tick.C:
			w.observe()
		}
	}
}

// observe takes a look, notes it, and gives back the record.
func (w *watch) observe() *historyReply {
	w.lock.Lock()
	defer w.lock.Unlock()
	at := present()
	w.record.add(w.look(), at)
	return w.record.told(present())
}

// look looks twice at what seems to have changed: the ends may be somewhere else by now, and one
// lost packet is no change.
func (w *watch) look() string {
	state := w.try()
	if state != w.record.state() {
		if w.where != nil {
			w.where.asked = time.Time{}
		}
		state = w.try()
	}
	return state
}

func (w *watch) dial() string {
	stale := w.locate()
	if stale != nil && w.where == nil {
		return stateOf(stale)
	}
	from, err := w.where.from.find(w.where.ids...)
	if err != nil {
		return stateOf(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), w.patience())
	defer cancel()
	state := w.connect(ctx, from)
	if stale != nil && state != stateOpen {
		return stateBlind // it may just have moved
	}
	return state
}

// stateOf: what it means when a look could not be taken at all.
func stateOf(err error) string {
	var known *failure
	if errors.As(err, &known) && known.Kind == "gone" {
		return stateNone
	}
	return stateBlind
}

// locate finds the two ends. When it fails as "gone" there is none; any other failure leaves
// them where they were last seen.
func (w *watch) locate() error {
	moving := w.spec.From.Cluster != "" || w.spec.To.Cluster != ""
	if w.where != nil && (!moving || time.Since(w.where.asked) < fresh) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), w.patience())
	defer cancel()
	found := &places{from: &finder{}, ids: []string{w.spec.From.Container}, asked: time.Now()}
	if name := w.spec.From.Cluster; name != "" {
		p, err := w.clusters[name].pod(ctx, w.spec.From)
		if err != nil {
			return w.lost(err)
		}
		found.ids = p.containers()
	}
	address := w.spec.To.Address
	if name := w.spec.To.Cluster; name != "" {
		p, err := w.clusters[name].pod(ctx, w.spec.To)
		if err != nil {
			return w.lost(err)
		}
		address = p.Status.PodIP
	}
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return w.lost(fail("invalid", "%q is no IP", address))
	}
	found.address = netip.AddrPortFrom(ip, w.spec.Port)
	if w.where != nil && slices.Equal(w.where.ids, found.ids) && w.where.address == found.address {
		w.where.asked = found.asked
		return nil
	}
	w.drop() // it belonged to other ends
	w.where = found
	return nil
}

func (w *watch) lost(err error) error {
	if stateOf(err) == stateNone {
		w.drop()
		w.where = nil
	}
	return err
}
