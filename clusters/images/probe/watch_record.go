package main

import (
	"maps"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// maxSpans bounds a record; of a longer one the middle is left out, which shows as a gap.
const maxSpans = 2000

// moment is a time by two clocks that nobody can set: both begin at boot, and one of them stands
// still while the computer sleeps. Seconds.
type moment struct{ boot, awake float64 }

func present() moment {
	read := func(clock int32) float64 {
		var t unix.Timespec
		unix.ClockGettime(clock, &t) // fails for no clock that the kernel has
		return time.Duration(t.Nano()).Seconds()
	}
	return moment{read(unix.CLOCK_BOOTTIME), read(unix.CLOCK_MONOTONIC)}
}

// span is a stretch of looks that all found the same, none of them late. Times are in seconds
// since boot, sleep included; between two spans lies a change, or a gap, or both.
type span struct {
	State string  `json:"state"`
	From  float64 `json:"from"`
	Until float64 `json:"until"`
	Looks int     `json:"looks"`
	Slept float64 `json:"slept"` // how long the computer slept between the span before and this one
}

// record is what a watch has seen.
type record struct {
	allowed float64 // seconds from one look to the next; more is a gap
	spans   []span
	seen    map[string]int
	last    moment
}

func newRecord(allowed time.Duration) *record {
	return &record{allowed: allowed.Seconds(), seen: map[string]int{}}
}

// state is what the last look found, stateBlind before the first one.
func (r *record) state() string {
	if len(r.spans) == 0 {
		return stateBlind
	}
	return r.spans[len(r.spans)-1].State
}

// add notes a look that began at that time.
func (r *record) add(state string, at moment) {
	slept := 0.0
	if len(r.spans) > 0 {
		slept = max(0, (at.boot-r.last.boot)-(at.awake-r.last.awake))
	}
	late := at.boot-r.last.boot > r.allowed
	r.last = at
	r.seen[state]++
	if len(r.spans) > 0 && !late && state == r.state() {
		last := &r.spans[len(r.spans)-1]
		last.Until = at.boot
		last.Looks++
		return
	}
	r.spans = append(r.spans, span{state, at.boot, at.boot, 1, slept})
	if len(r.spans) > maxSpans {
		r.spans = slices.Delete(r.spans, maxSpans/2, maxSpans/2+1)
	}
}

// historyReply is a record as it is at one time.
type historyReply struct {
	Now     float64        `json:"now"` // seconds since boot
	Allowed float64        `json:"allowed"`
	Spans   []span         `json:"spans"`
	Seen    map[string]int `json:"seen"` // looks by state, those left out of spans included
}

func (r *record) told(at moment) *historyReply {
	return &historyReply{at.boot, r.allowed, slices.Clone(r.spans), maps.Clone(r.seen)}
}
