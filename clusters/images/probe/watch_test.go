package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// awake is a moment on a computer that never slept.
func awake(seconds float64) moment { return moment{seconds, seconds} }

func states(r *record) string {
	var all []string
	for _, s := range r.spans {
		all = append(all, fmt.Sprintf("%s %g-%g x%d", s.State, s.From, s.Until, s.Looks))
	}
	return strings.Join(all, ", ")
}

func TestRecordKeepsOnlyWhatChanges(t *testing.T) {
	r := newRecord(2 * time.Second)
	for second, state := range []string{"open", "open", "open", "cut", "cut", "open"} {
		r.add(state, awake(float64(second)))
	}
	if got := states(r); got != "open 0-2 x3, cut 3-4 x2, open 5-5 x1" {
		t.Error(got)
	}
	if r.seen["open"] != 4 || r.seen["cut"] != 2 || r.state() != "open" {
		t.Error(r.seen, r.state())
	}
}

func TestRecordShowsWhenNobodyLooked(t *testing.T) {
	r := newRecord(2 * time.Second)
	for _, second := range []float64{0, 1, 60, 61} {
		r.add("open", awake(second))
	}
	if got := states(r); got != "open 0-1 x2, open 60-61 x2" {
		t.Error(got)
	}
	if r.spans[1].Slept != 0 {
		t.Error("it did not sleep", r.spans)
	}
}

func TestRecordTellsSleepFromAbsence(t *testing.T) {
	r := newRecord(2 * time.Second)
	r.add("open", moment{10, 10})
	r.add("open", moment{3611, 11}) // an hour with the lid closed
	r.add("open", moment{3711, 111})
	if got := states(r); got != "open 10-10 x1, open 3611-3611 x1, open 3711-3711 x1" {
		t.Error(got)
	}
	if r.spans[1].Slept != 3600 || r.spans[2].Slept != 0 {
		t.Error(r.spans)
	}
}

func TestRecordIsBounded(t *testing.T) {
	r := newRecord(2 * time.Second)
	for i := range 3 * maxSpans {
		r.add([]string{"open", "cut"}[i%2], awake(float64(i)))
	}
	if len(r.spans) != maxSpans || r.spans[0].From != 0 || r.spans[maxSpans-1].From != 3*maxSpans-1 {
		t.Error(len(r.spans), r.spans[0], r.spans[len(r.spans)-1])
	}
	if r.seen["open"] != 3*maxSpans/2 {
		t.Error(r.seen)
	}
	hole := r.spans[maxSpans/2].From - r.spans[maxSpans/2-1].Until
	if hole < maxSpans {
		t.Error("what was left out does not show", hole)
	}
}

func TestClocksAgreeWhileNothingSleeps(t *testing.T) {
	before := present()
	time.Sleep(20 * time.Millisecond)
	after := present()
	slept := (after.boot - before.boot) - (after.awake - before.awake)
	if passed := after.boot - before.boot; passed < 0.02 || slept > 0.01 || slept < -0.01 {
		t.Error(passed, slept)
	}
}

// seeing is a watch whose tries find these, one after another.
func seeing(t *testing.T, found ...string) *watch {
	t.Helper()
	w, err := newWatch(watchSpec{Every: 0.5, Seconds: 1, Port: 80}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.try = func() string {
		state := found[0]
		found = found[1:]
		return state
	}
	return w
}

func TestChangesAreLookedAtTwice(t *testing.T) {
	w := seeing(t, "open", "open", "cut", "open", "cut", "cut", "cut")
	w.where = &places{asked: time.Now()}
	for range 4 {
		w.observe()
	}
	var seen []string
	for _, s := range w.record.spans {
		seen = append(seen, s.State)
	}
	if !slices.Equal(seen, []string{"open", "cut"}) || w.record.seen["open"] != 2 {
		t.Error(seen, w.record.seen)
	}
	if !w.where.asked.IsZero() {
		t.Error("after a change it is not asked where the ends are")
	}
}

func TestPodsAreTheOldestThatRun(t *testing.T) {
	asked := ""
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.String()
		pod := func(name, made, phase, ip, more string) string {
			return fmt.Sprintf(`{"metadata":{"name":%q,"creationTimestamp":%q%s},"status":{"phase":%q,
				"podIP":%q,"containerStatuses":[{"containerID":"containerd://id-%s","state":{"running":{}}},
				{"containerID":"containerd://old","state":{"terminated":{}}}]}}`,
				name, made, more, phase, ip, name)
		}
		fmt.Fprintf(w, `{"items":[%s]}`, strings.Join([]string{
			pod("late", "2026-01-01T00:00:09Z", "Running", "10.0.0.9", ""),
			pod("ending", "2026-01-01T00:00:01Z", "Running", "10.0.0.1",
				`,"deletionTimestamp":"2026-01-01T00:00:02Z"`),
			pod("early", "2026-01-01T00:00:05Z", "Running", "10.0.0.5", ""),
			pod("waiting", "2026-01-01T00:00:00Z", "Pending", "", ""),
		}, ","))
	}))
	defer server.Close()
	c := &cluster{client: redirected(server)}
	e := end{Namespace: "dev", Labels: map[string]string{"tier": "x", "app": "report"}}
	got, err := c.pod(context.Background(), e)
	if err != nil || got.Metadata.Name != "early" || !slices.Equal(got.containers(), []string{"id-early"}) {
		t.Error(got, err)
	}
	if asked != "/api/v1/namespaces/dev/pods?labelSelector=app%3Dreport%2Ctier%3Dx" {
		t.Error(asked)
	}
}

func TestNoPodIsNotAnApiThatDoesNotAnswer(t *testing.T) {
	status := http.StatusOK
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, `{"items":[]}`)
	}))
	c := &cluster{client: redirected(server)}
	c.node.known = target{Pid: os.Getpid()} // it runs
	_, err := c.pod(context.Background(), end{Namespace: "dev"})
	if stateOf(err) != stateNone {
		t.Error(err)
	}
	status = http.StatusServiceUnavailable
	if _, err = c.pod(context.Background(), end{Namespace: "dev"}); stateOf(err) != stateBlind {
		t.Error(err)
	}
	server.Close()
	if _, err = c.pod(context.Background(), end{Namespace: "dev"}); stateOf(err) != stateBlind {
		t.Error(err)
	}
	c.Container, c.node.known = strings.Repeat("0", 64), target{}
	if _, err = c.pod(context.Background(), end{Namespace: "dev"}); stateOf(err) != stateNone {
		t.Error("a node that does not run has no pods that do", err)
	}
}

// redirected is a client that reaches the server whatever address it is told.
func redirected(server *httptest.Server) *http.Client {
	client := server.Client()
	transport := client.Transport.(*http.Transport)
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
	}
	return client
}

func TestWatchesAreAskedThroughAnyRunOfTheProbe(t *testing.T) {
	watchSocket = fmt.Sprintf("@labctl-watch-test-%d", time.Now().UnixNano())
	if err := serveWatches(); err != nil {
		t.Fatal(err)
	}
	before := talk(t, `{"id":1,"op":"history","args":{"name":"gone"}}`)
	if e := before[1].Error; e == nil || !strings.Contains(e.Message, "lost") {
		t.Error(before[1])
	}
	spec, _ := json.Marshal(watchSpec{Name: "gone", From: end{Container: strings.Repeat("0", 64)},
		To: end{Address: "127.0.0.1"}, Port: 80, Every: 0.05, Seconds: 0.1})
	talk(t, fmt.Sprintf(`{"id":1,"op":"watch","args":{"watches":[%s]}}`, spec))
	var told historyReply
	// With the first one and those that are asked for here, there are as many looks as this.
	asked := 1
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		asked++
		got := talk(t, `{"id":2,"op":"history","args":{"name":"gone"}}`)
		raw, _ := json.Marshal(got[2].OK)
		if err := json.Unmarshal(raw, &told); err != nil || len(told.Spans) != 1 {
			t.Fatalf("%s %+v", raw, got[2])
		}
		if told.Spans[0].Looks > asked || time.Now().After(end) {
			break
		}
	}
	if s := told.Spans[0]; s.State != stateNone || s.Looks <= asked || told.Now < s.Until {
		t.Errorf("%+v", told)
	}
	got := talk(t,
		`{"id":3,"op":"history","args":{"name":"other"}}`,
		`{"id":4,"op":"watch","args":{"watches":[{"name":"x","from":{"cluster":"c"}}]}}`,
	)
	if e := got[3].Error; e == nil || !strings.Contains(e.Message, `"other"`) {
		t.Error(got[3])
	}
	if e := got[4].Error; e == nil || e.Kind != "invalid" {
		t.Error(got[4])
	}
}
